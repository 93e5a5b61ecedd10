/** Files by button, keyboard or drop. */

/**
 * @param {HTMLInputElement} input of type file
 * @param {(file: File) => void} take told of each file; of several at once, of the first
 */
export function listenForFiles(input, take) {
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = ""; // else the same file, chosen again, would be no change
  });
  // Everywhere: a file that misses its target would replace the page.
  document.addEventListener("dragover", (event) => mark(event, true));
  document.addEventListener("dragleave", (event) => mark(event, event.relatedTarget !== null));
  document.addEventListener("drop", (event) => {
    mark(event, false);
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

function mark(event, over) {
  event.preventDefault();
  document.body.classList.toggle("over", over);
}
