// What only the page itself can do for a panel of controls.

// Shown by marks on the page, ipywidgets' own or that of `watchPanel`: no Python runs by then.
const LOST = `<style>
.pcvae-lost { display: none; border-left: 4px solid #b00020; padding-left: 8px }
.jupyter-widgets-disconnected > .pcvae-lost, .pcvae-gone .pcvae-lost { display: block }
</style><div class="pcvae-lost" role="alert"><b>The kernel of this panel is gone</b>, so nothing here
moves any more. Run the notebook's cells again.</div>`;

// ipywidgets writes a slider's label beside it, but does not tie the two together: a screen reader
// would read "slider, 0.5" and not say of what.
function nameControls(panel) {
  for (const slider of panel.querySelectorAll(".widget-slider")) {
    const label = slider.querySelector(".widget-label")?.textContent;
    for (const handle of slider.querySelectorAll(".noUi-handle")) {
      if (label && handle.getAttribute("aria-label") !== label) {
        handle.setAttribute("aria-label", label);
      }
    }
    const readout = slider.querySelector(".widget-readout");
    if (label && readout && !readout.hasAttribute("aria-label")) {
      readout.setAttribute("aria-label", `${label}, value to type`);
    }
  }
  for (const bar of panel.querySelectorAll(".widget-hprogress")) {
    const label = bar.querySelector(".widget-label")?.textContent;
    const progress = bar.querySelector(".progress");
    if (label && progress && !progress.hasAttribute("role")) {
      progress.setAttribute("role", "progressbar");
      progress.setAttribute("aria-label", label);
    }
  }
}

// JupyterLab says which theme it wears; elsewhere the reader's system does.
function isDark() {
  const light = document.body.dataset.jpThemeLight;
  if (light !== undefined) return light === "false";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// ipywidgets marks a panel when its kernel is restarted from the menu, and only then. A kernel that
// died, or that was restarted by somebody else, leaves sliders that move nothing.
const GONE = ["starting", "restarting", "autorestarting", "terminating", "dead"];

function watchKernel(model, lose) {
  const kernel = model.widget_manager?.kernel;
  const listen = (_, status) => { if (GONE.includes(status)) lose(); };
  kernel?.statusChanged?.connect(listen);
  return () => kernel?.statusChanged?.disconnect(listen);
}

function watchPanel(model, el) {
  const tellTheme = () => {
    if (model.get("dark") !== isDark()) {
      model.set("dark", isDark());
      model.save_changes();
    }
  };
  const theme = new MutationObserver(tellTheme);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  tellTheme();
  let panel;
  const forget = watchKernel(model, () => panel?.classList.add("pcvae-gone"));
  const controls = new MutationObserver(() => nameControls(panel));
  // This element is not yet in the page when it is rendered.
  const start = setInterval(() => {
    panel = el.closest(".jp-OutputArea-output, .jupyter-widgets-output-area") ?? el.parentElement;
    if (!panel) return;
    clearInterval(start);
    nameControls(panel);
    controls.observe(panel, { childList: true, subtree: true, characterData: true });
  }, 100);
  el.innerHTML = LOST;
  return () => {
    clearInterval(start);
    forget();
    theme.disconnect();
    controls.disconnect();
  };
}

function copyButton(model, el) {
  const button = document.createElement("button");
  button.className = "jupyter-button widget-button";
  button.style.width = "auto";
  button.textContent = "Copy";
  button.title = "Copies the text to the clipboard.";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(model.get("text"));
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C in the text"; // the browser forbids it here
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  el.append(button);
}

function render({ model, el }) {
  return model.get("copies") ? copyButton(model, el) : watchPanel(model, el);
}

export default { render };
