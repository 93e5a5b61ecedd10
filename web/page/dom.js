/** Elements of the page. */

/** @returns {HTMLElement} by its id */
export function element(id) {
  return document.getElementById(id);
}

/** Create an element with properties and content: `create("span", { className: "name" }, "Edema")`. */
export function create(tag, properties = {}, ...content) {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...content);
  return created;
}
