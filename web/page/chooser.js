/** Choose files by button, keyboard or drop. */

/**
 * @param {HTMLInputElement} input of type file
 * @param {(file: File, count: number) => void} onFile called with the first file and the number of files
 */
export function listenForFiles(input, onFile) {
  input.addEventListener("change", () => {
    if (input.files.length) onFile(input.files[0], input.files.length);
    input.value = ""; // otherwise choosing the same file again would fire no event
  });
  // On the whole document: elsewhere the browser would open the file in place of the page.
  document.addEventListener("dragover", (event) => mark(event, true));
  document.addEventListener("dragleave", (event) => mark(event, event.relatedTarget !== null));
  document.addEventListener("drop", (event) => {
    mark(event, false);
    const { files } = event.dataTransfer;
    if (files.length) onFile(files[0], files.length);
  });
}

function mark(event, over) {
  event.preventDefault();
  document.body.classList.toggle("over", over);
}
