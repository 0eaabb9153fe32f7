// On the home page the model starts in place of its picture; without this script the link opens it.
document.querySelector("a.stage")?.addEventListener("click", (event) => {
  // A phone has no room for a page in a page, and whoever asks for a new tab gets one.
  if (event.ctrlKey || event.metaKey || event.shiftKey || window.innerWidth < 700) return;
  event.preventDefault();
  const model = document.createElement("iframe");
  model.src = event.currentTarget.href;
  model.title = "The model, live";
  event.currentTarget.replaceWith(model);
  model.focus();
});
