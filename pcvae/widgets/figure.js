// plotly's figure, loaded without anywidget's two-second limit, and what plotly leaves undone.

const plotly = (model) => globalThis.pcvaePlotly ??= load(model).catch((error) => {
  globalThis.pcvaePlotly = undefined; // the next figure may bring what was missing
  throw error;
});

// To take in 5 MB or to draw for the first time blocks the page, and the two seconds that anywidget
// gives to other widgets run on meanwhile: those that are on their way go first.
const idle = () => new Promise((done) => globalThis.requestIdleCallback?.(done, { timeout: 500 })
  ?? setTimeout(done, 100));

async function load(model) {
  await idle();
  const id = model.get("_library").slice("IPY_MODEL_".length);
  const library = await model.widget_manager.get_model(id);
  const code = new Blob([library.get("bundle")], { type: "text/javascript" });
  return hasten(await import(URL.createObjectURL(code)));
}

const RECENT = 100, PATIENCE = 20; // milliseconds

// Dragged sliders ask for more pictures than plotly can draw. An update that is overtaken by
// another one of the same traces and properties is not drawn; and the report on what was drawn,
// which takes a copy of all points and goes to a kernel that does not read it, is not made.
function hasten(bundle) {
  const { prototype } = bundle.FigureView;
  const draw = prototype.do_update;
  const subject = ({ style_data, style_traces }) =>
    JSON.stringify([style_traces, Object.keys(style_data ?? {}).sort()]);
  const moves = (update) => Object.keys(update.layout_data ?? {}).length === 0;
  const flush = (view) => {
    clearTimeout(view.waiting);
    const update = view.next;
    view.next = view.waiting = null;
    if (!update) return;
    const get = (name) => name === "_py2js_update" ? update : view.model.get(name);
    const model = Object.create(view.model, { get: { value: get } });
    draw.call(Object.create(view, { model: { value: model } }));
    view.drawnAt = performance.now();
  };
  prototype._sendTraceDeltas = () => {};
  prototype.do_update = function () {
    const update = this.model.get("_py2js_update");
    if (!update) return;
    const overtakes = this.next && moves(this.next) && moves(update)
      && subject(this.next) === subject(update);
    if (!overtakes) flush(this);
    this.next = update;
    // While a slider is dragged, its newest value was sent when this older one came back.
    const dragged = performance.now() - (this.drawnAt ?? -RECENT) < RECENT;
    this.waiting ??= setTimeout(() => flush(this), dragged ? PATIENCE : 0);
  };
  const { perform_render: render, remove } = prototype;
  prototype.perform_render = function () {
    listen(this);
    if (hasGraphicsCard()) roundOff(this.model.get("_widget_data"));
    render.call(this);
    fit(this);
    this.el.on("plotly_afterplot", () => { widen(this.el); readIfAsked(this.el); });
    this.el.on("plotly_relayouting", (update) => follow(this.el, update));
  };
  prototype.remove = function () {
    clearTimeout(this.waiting);
    this.forget();
    remove.call(this);
  };
  const report = prototype.handle_plotly_relayout;
  prototype.handle_plotly_relayout = function (update) {
    report.call(this, update && { ...update, ...follow(this.el, update) });
  };
  return bundle;
}

// plotly goes on listening after its view was removed, and fails to draw on what is gone.
function listen(view) {
  const { model } = view, heard = [];
  const on = (...what) => { heard.push(what); model.on(...what); };
  view.model = Object.create(model, { on: { value: on } });
  view.forget = () => { for (const what of heard) model.model.off(...what); };
}

const CAMERA = /^(scene\d*)\.camera$/;

// The scenes of a figure turn together, without the kernel: it would be slow, and its answer would
// undo what the mouse has done meanwhile. Give the camera in an update to the other scenes; return
// what that changes in the layout.
function follow(el, update) {
  const turned = Object.keys(update ?? {}).find((key) => CAMERA.test(key));
  if (!turned) return {};
  const layout = el._fullLayout;
  const others = Object.keys(layout).filter(
    (name) => layout[name]?._scene && `${name}.camera` !== turned);
  for (const name of others) {
    const scene = layout[name]._scene;
    scene.setViewport({ ...layout[name], camera: update[turned] });
    scene.saveLayout(el.layout);
  }
  return Object.fromEntries(others.map((name) => [`${name}.camera`, update[turned]]));
}

// plotly draws 700 pixels wide if its place on the page is not there yet, and stays so.
function fit(view) {
  const { el, remove } = view;
  const check = () => {
    const drawn = el._fullLayout?.width;
    const shown = el.offsetParent !== null && el.clientWidth > 0;
    if (drawn && shown && Math.abs(drawn - el.clientWidth) > 1) view.autosizeFigure();
  };
  const drawn = (event) => { if (event.detail.element === el) check(); };
  const sizes = new ResizeObserver(check);
  sizes.observe(el);
  document.addEventListener("plotlywidget-after-render", drawn);
  view.remove = function () {
    sizes.disconnect();
    document.removeEventListener("plotlywidget-after-render", drawn);
    remove.call(this);
  };
}

// Without a graphics card the processor draws, and draws circles half as fast as squares.
let card;
function hasGraphicsCard() {
  if (card === undefined) {
    const gl = document.createElement("canvas").getContext("webgl");
    const info = gl?.getExtension("WEBGL_debug_renderer_info");
    const name = gl ? gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : "software";
    card = !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
  return card;
}

function roundOff(traces) {
  for (const { marker } of traces) if (marker?.symbol === "square") marker.symbol = "circle";
}

// plotly's lens opens to 45 degrees from top to bottom. A scene that is narrower than it is high
// would cut its cloud off at the sides, so there it is 45 degrees from side to side.
function widen(el) {
  for (const glplot of glplots(el)) {
    const angle = () => {
      const { drawingBufferWidth: width, drawingBufferHeight: height } = glplot.gl;
      return 2 * Math.atan(Math.tan(Math.PI / 8) * Math.max(1, height / width));
    };
    Object.defineProperty(glplot, "fovy", { get: angle, configurable: true });
  }
}

const scenes = (el) => Object.values(el._fullLayout).map((part) => part?._scene).filter(Boolean);
const glplots = (el) => scenes(el).map((scene) => scene.glplot).filter(Boolean);

// plotly knows the point under the mouse by a second picture, drawn off the screen, which it reads
// back after every drawing. The page stands still until all is drawn. It need not where no point
// answers to the mouse.
function readIfAsked(el) {
  const asked = () => el._fullData.some(({ hoverinfo }) => hoverinfo !== "skip");
  for (const { gl } of glplots(el)) {
    if (Object.hasOwn(gl, "readPixels")) continue;
    const read = gl.readPixels;
    const onScreen = () => gl.getParameter(gl.FRAMEBUFFER_BINDING) === null;
    gl.readPixels = (...place) => { if (onScreen() || asked()) read.apply(gl, place); };
  }
}

const REST = 150; // milliseconds

// plotly writes down the camera when a wheel or a mouseup event begins, not when it is done: the last
// move would be lost at the next edit. It writes it down again after a mouseup of ours, once the
// camera rests, which takes a few pictures, however slow they are.
function saveCamera(el) {
  const cameras = () => JSON.stringify(scenes(el).map((scene) => scene.getCamera()));
  let asked = 0;
  const save = (event) => {
    if (!event.isTrusted) return;
    const mine = ++asked;
    let last, since;
    const look = (now) => {
      if (mine !== asked) return; // it moves on, or is gone
      if (cameras() !== last) [last, since] = [cameras(), now];
      if (now - since < REST) requestAnimationFrame(look);
      else event.target.dispatchEvent(new MouseEvent("mouseup"));
    };
    requestAnimationFrame(look);
  };
  for (const type of ["wheel", "mouseup"])
    el.addEventListener(type, save, { capture: true, passive: true });
  return () => { asked += 1; };
}

// One canvas a scene, named by the title above it.
function nameScenes(el) {
  const titles = Array.from(el.querySelectorAll(".annotation-text"), (text) => text.textContent);
  el.querySelectorAll(".gl-container canvas").forEach((canvas, index) => {
    const label = `${titles[index] ?? "3D view"}: a cloud of points. The mouse turns it.`;
    if (canvas.getAttribute("aria-label") === label) return;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
  });
}

// What the kernel says before plotly's code is there would be lost: it is collected, and told then.
const SAID = ["addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate",
  "removeLayoutProps", "removeTraceProps"].map((what) => `_py2js_${what}`);

// Returns a function that ends the collection and returns it, as pairs of a name and a message.
function collect(model) {
  const said = [];
  const listeners = SAID.map((name) => [`change:${name}`, () => said.push([name, model.get(name)])]);
  for (const [event, listener] of listeners) model.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) model.off(event, listener);
    return said;
  };
}

// Let `listen` attach plotly's listeners to a model, and tell them what was said before.
function tell(said, model, listen) {
  const listeners = {};
  let now = {};
  const on = (event, listener) => { listeners[event] = listener; model.on(event, listener); };
  const get = (name) => name in now ? now[name] : model.get(name);
  listen(Object.create(model, { on: { value: on }, get: { value: get } }));
  for (const [name, message] of said) {
    now = { [name]: message };
    listeners[`change:${name}`]?.();
  }
  now = {};
}

// `initialize` must not wait for the bundle: its end is what anywidget's two seconds are up to.
export default () => {
  let loading;
  return {
    initialize(context) {
      const early = collect(context.model);
      loading = plotly(context.model).then((bundle) => {
        const figure = bundle.default();
        tell(early(), context.model, (model) => figure.initialize({ ...context, model }));
        return figure;
      });
    },
    async render(context) {
      const figure = await loading;
      await idle();
      const cleanUp = await figure.render(context);
      const forget = saveCamera(context.el);
      const drawn = new MutationObserver(() => nameScenes(context.el));
      drawn.observe(context.el, { childList: true, subtree: true });
      nameScenes(context.el);
      return () => {
        drawn.disconnect();
        forget();
        cleanUp?.();
      };
    },
  };
};
