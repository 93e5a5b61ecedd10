/** Files by button, keyboard or drop. */

/**
 * @param {HTMLInputElement} input of type file
 * @param {(file: File, count: number) => void} take told of the first file and of how many came with it, itself included
 */
export function listenForFiles(input, take) {
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0], input.files.length);
    input.value = ""; // else the same file, chosen again, would be no change
  });
  // Everywhere: a file that misses its target would replace the page.
  document.addEventListener("dragover", (event) => mark(event, true));
  document.addEventListener("dragleave", (event) => mark(event, event.relatedTarget !== null));
  document.addEventListener("drop", (event) => {
    mark(event, false);
    const { files } = event.dataTransfer;
    if (files.length) take(files[0], files.length);
  });
}

function mark(event, over) {
  event.preventDefault();
  document.body.classList.toggle("over", over);
}
