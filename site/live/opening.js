// A file of your own, by the button or dropped on the page.

export const ENDINGS = [".ply", ".obj", ".off", ".stl", ".npy", ".xyz", ".pts", ".txt", ".csv"];

const holdsFile = (event) => event.dataTransfer?.types.includes("Files");

export function listenForFiles({ button, endings, curtain }, open) {
  button.accept = ENDINGS.join(",");
  endings.textContent = ENDINGS.join(", ");
  button.addEventListener("change", () => {
    open(button.files[0]);
    button.value = ""; // so that the same file can be opened again
  });
  document.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    curtain.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) curtain.hidden = true; // it left the window
  });
  document.addEventListener("drop", (event) => {
    curtain.hidden = true;
    if (!holdsFile(event)) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
}
