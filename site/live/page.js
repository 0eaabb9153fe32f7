// The page: controls change settings, settings make latents, and latents are drawn.

import { Clouds } from "./clouds.js";
import { byHeight } from "./coloring.js";
import { ALL_POINTS, Drawing } from "./drawing.js";
import { FactorSliders, ownFactors } from "./factors.js";
import { Gallery } from "./gallery.js";
import {
  forgetInput, looksLike, matchPoints, mix, moveFactors, moveStyle, noiseToDraw, POINT_DIM,
} from "./latents.js";
import { Model } from "./model.js";
import { download, plyOf } from "./ply.js";
import { pythonOf } from "./python.js";
import { Generator } from "./random.js";
import { ENDINGS } from "./reading.js";
import { fromHash, History, NOTHING_EDITED, START, toHash } from "./settings.js";
import { openData, Shapes } from "./shapes.js";
import { Slider } from "./sliders.js";
import { followTheme } from "./theme.js";
import { Walk } from "./walk.js";

const $ = (id) => document.getElementById(id);
const seconds = (time) => `${(time / 1000).toFixed(2)} s`;

// What can be taken of another shape, how it is called, and what is said of it.
const MIXES = {
  nothing: ["nothing", "The shape as it is."],
  "swap z": ["all of z", "The swap test: its own noise, and the other's z."],
  "swap h": ["all of the noise in h", "The other half of it: its own z, and the other's noise."],
  z: ["a part of z", "z on the straight line to the other's."],
  h: ["a part of h", "The noise of h on the circle to the other's, points paired by their places."],
  both: ["a part of both", "z on the straight line, and the noise of h on the circle."],
};

class Page {
  async start() {
    if (!this.checkBrowser()) return;
    const began = performance.now();
    this.model = new Model();
    const { settings, camera } = fromHash(location.hash);
    this.camera = camera;
    this.ready = this.model.load(); // at once: it takes longest
    this.ready.catch(() => {}); // whoever waits for it will hear
    this.data = await openData();
    if (this.data.home) Object.assign($("home"), { href: this.data.home, hidden: false });
    this.shapes = new Shapes(this.data, this.model);
    this.makeView(false);
    this.makeControls();
    followTheme($("theme"), (dark) => this.setDark(dark));
    this.drawing = new Drawing({
      make: (count, all) => this.make(count, all),
      show: (drawn, all) => this.show(drawn, all),
      fail: (error) => this.fail(error),
    });
    this.history = new History(START);
    // A picture before the model is there: the cloud that the shape was encoded from.
    const first = this.shapes.list.find(({ key }) => key === settings.shape);
    if (first) this.place(first, first.original);
    await this.ready;
    await this.restore(this.known(settings), { replace: true });
    await this.firstPicture;
    document.documentElement.dataset.ready = Math.round(performance.now() - began);
    $("about").textContent = this.aboutModel();
    if (this.data.webgpu) this.model.tryGraphicsCard().catch(() => {}); // then it stays as it is
  }

  checkBrowser() {
    const say = (text) => {
      $("missing").hidden = false;
      $("missing").textContent = text;
    };
    const canvas = document.createElement("canvas");
    if (typeof WebAssembly === "undefined") {
      say("This browser has no WebAssembly (or it is switched off), in which the model runs. "
        + "Any browser of the last years has it.");
      return false;
    }
    if (!canvas.getContext("webgl")) {
      say("This browser has no WebGL (or it is switched off), with which shapes are drawn. "
        + "Switch on hardware acceleration in its settings, or take another browser.");
      return false;
    }
    canvas.getContext("webgl").getExtension("WEBGL_lose_context")?.loseContext();
    return true;
  }

  aboutModel() {
    const { style_dim: size, point_dim: each, precision } = this.model.about;
    return `Model “${this.data.model}”: z of ${size} numbers, h of ${each} for each of 2,048 points, `
      + `weights in ${precision}. It runs by onnxruntime-web.`;
  }

  // Pictures ---------------------------------------------------------------------------------

  makeView(compare) {
    const camera = this.camera ?? this.view?.camera;
    this.view?.end();
    const titles = compare ? ["original", "model"] : [""];
    this.view = new Clouds($("view"), {
      titles, radii: titles.map(() => 1), height: "100%", name: this.shown?.name ?? "",
    });
    this.compare = compare;
    this.home ??= JSON.stringify(this.view.camera); // which a link need not say
    if (camera) this.view.camera = { ...camera };
    this.camera = null;
    this.view.onTurn = () => this.keepLink();
    this.view.setDark(this.dark ?? false);
    if (this.rgb) this.view.setColors(this.rgb);
    if (this.drawn) this.view.setCloud(titles.length - 1, this.drawn);
    if (compare && this.shown) this.view.setCloud(0, this.colored);
  }

  setDark(dark) {
    this.dark = dark;
    this.view.setDark(dark);
    this.gallery.setDark(dark);
    if (this.colored) this.paint(this.colored);
  }

  // A point keeps the color of its height in the original cloud wherever it moves.
  paint(points) {
    this.colored = points;
    this.rgb = byHeight(points, this.dark);
    this.view.setColors(this.rgb);
  }

  place(shape, points) {
    this.view.name = shape.name;
    if (shape !== this.shown && shape.original) {
      this.paint(shape.original);
      if (this.compare) this.view.setCloud(0, shape.original);
      this.shown = shape;
    }
    this.drawn = points;
    this.view.setCloud(this.compare ? 1 : 0, points);
  }

  // All that settings are made of, so that nothing is waited for while a slider moves.
  async prepared(settings) {
    const mixes = settings.what !== "nothing";
    const paired = ["h", "both"].includes(settings.what);
    const key = JSON.stringify([settings.shape, settings.seed, mixes && settings.other, paired]);
    if (this.base?.key === key) return this.base;
    await this.ready;
    const [shape, other] = [this.shapes.find(settings.shape), this.shapes.find(settings.other)];
    const state = this.withSeed(shape, await this.shapes.state(shape), settings.seed);
    const base = { key, shape, other, state, own: state.z };
    if (mixes) base.otherState = this.withSeed(other, await this.shapes.state(other), settings.seed);
    if (paired) {
      const clouds = [await this.shapes.original(shape), await this.shapes.original(other)];
      base.order = matchPoints(...clouds);
    }
    this.base = base;
    return base;
  }

  // As in the explorer: of a shape that was encoded, the seed's noise is what can be forgotten to;
  // of one that was drawn, it is what h is made from.
  withSeed(shape, state, seed) {
    if (!seed) return state;
    const noise = new Generator(seed).normal(ALL_POINTS * POINT_DIM);
    return shape.code || shape.isFile ? { ...state, noise } : { ...state, noise, flowNoise: noise };
  }

  latents(settings, base) {
    let state = mix(base.state, base.otherState, settings.what, settings.amount, base.order);
    state = moveStyle(state, this.data.directions, settings.directions);
    state = moveFactors(state, this.family, settings.factors);
    return forgetInput({ ...state, temperature: settings.temperature }, settings.forget);
  }

  async make(count, all) {
    const settings = this.history.present;
    const base = await this.prepared(settings);
    const state = this.latents(settings, base);
    const drawn = await this.model.draw(state, noiseToDraw(state, count), all);
    // A new shape's original is its own drawing before any edit.
    const unedited = JSON.stringify({ ...settings, ...NOTHING_EDITED }) === JSON.stringify(settings);
    if (all && unedited && !settings.seed) base.shape.original ??= drawn.points;
    return { ...drawn, shape: base.shape };
  }

  show({ points, took, shape }, all) {
    if (shape !== this.shown && !shape.original) {
      this.paint(points); // until all its points are there
      this.shown = null;
    }
    this.place(shape, points);
    this.found = this.factors.measure(points);
    const count = (points.length / 3).toLocaleString("en");
    const where = this.model.device === "webgpu" ? ", on the graphics card" : "";
    $("status").textContent = `${count} points in ${seconds(took)}${where}`;
    if (all) {
      this.gallery.picture(shape);
      $("view").setAttribute("aria-busy", "false");
    }
    this.picture?.();
  }

  fail(error) {
    $("error").hidden = false;
    $("error").textContent = error.message;
    $("view").setAttribute("aria-busy", "false");
  }

  // Settings ---------------------------------------------------------------------------------

  // What a link says, without what this page does not know.
  known(settings) {
    const found = { ...settings };
    if (!this.shapes.find(found.shape)) {
      this.fail(new Error(`There is no shape “${found.shape.slice(0, 40)}” here; the link may be of another page.`));
      Object.assign(found, { shape: START.shape, ...NOTHING_EDITED });
    }
    if (!this.shapes.find(found.other)) found.other = START.other;
    if (!MIXES[found.what]) found.what = "nothing";
    if (!this.data.families.some(({ name }) => name === found.family)) found.family = "";
    found.directions = found.directions.slice(0, this.data.directions.deviations.length);
    return found;
  }

  change(changes, key = "", moving = false) {
    return this.restore({ ...this.history.present, ...changes }, { key, moving });
  }

  async restore(settings, { key = "", moving = false, replace = false } = {}) {
    if (key !== "walk") this.walk?.stop();
    $("view").setAttribute("aria-busy", "true"); // until all points are drawn
    if (replace) this.history.present = settings;
    else this.history.push(settings, key);
    if (moving) {
      this.drawing.ask(true);
    } else {
      this.firstPicture ??= new Promise((resolve) => { this.picture = resolve; });
      await this.follow().catch((error) => this.fail(error));
      this.drawing.ask(false);
    }
    this.keepLink();
  }

  // Let all controls stand at the settings.
  async follow() {
    const settings = this.history.present;
    const { shape, own } = await this.prepared(settings);
    if (settings !== this.history.present) return;
    this.gallery.update();
    this.gallery.choose(settings.shape);
    const name = settings.family || shape.family || looksLike(own, this.data.kinds);
    this.family = this.data.families.find((family) => family.name === name);
    $("family").value = name;
    this.factors.show(this.family, ownFactors(this.family, shape, own), settings.factors);
    $("explained").textContent = `All ${this.family.names.length} together explain `
      + `${Math.round(100 * this.family.explained)} % of the variance of z among ${name}s.`;
    this.directions.forEach((slider, i) => slider.stand(settings.directions[i] ?? 0));
    this.temperature.stand(settings.temperature);
    this.forget.stand(settings.forget);
    const drawn = !shape.code && !shape.isFile;
    this.forget.disabled = drawn && !settings.seed && settings.what === "nothing";
    $("noise-note").textContent = drawn
      ? "h is made from the noise of this seed; 0 keeps the noise that came with the shape."
      : "h is made from the noise that this shape was traced back to; forget it, and the seed's noise takes over.";
    $("seed").value = settings.seed;
    this.listOthers();
    $("other").value = settings.other;
    $("what").value = settings.what;
    $("what-note").textContent = MIXES[settings.what][1];
    this.amount.stand(settings.amount);
    this.amount.disabled = ["nothing", "swap z", "swap h"].includes(settings.what);
    $("undo").disabled = !this.history.past.length;
    $("redo").disabled = !this.history.future.length;
  }

  listOthers() {
    const { list } = this.shapes;
    if ($("other").options.length === list.length) return;
    const groups = new Map();
    for (const { key, name, group } of list) {
      if (!groups.has(group)) {
        groups.set(group, Object.assign(document.createElement("optgroup"), { label: group }));
      }
      groups.get(group).append(new Option(name, key));
    }
    $("other").replaceChildren(...groups.values());
  }

  choose(key) {
    $("error").hidden = true;
    this.change({ shape: key, seed: 0, family: "", ...NOTHING_EDITED });
  }

  // The address says what is shown, a moment after it came to rest.
  keepLink() {
    clearTimeout(this.linking);
    this.linking = setTimeout(async () => {
      const hash = await this.hash();
      history.replaceState(null, "", hash);
      this.linked = hash;
    }, 300);
  }

  async hash() {
    const settings = { ...this.history.present };
    for (const name of ["shape", "other"]) settings[name] = await this.shapes.keyForLink(settings[name]);
    const { camera } = this.view;
    return toHash(settings, JSON.stringify(camera) === this.home ? null : camera);
  }

  // Controls ---------------------------------------------------------------------------------

  makeControls() {
    this.gallery = new Gallery($("gallery"), this.shapes, (key) => this.choose(key));
    this.factors = new FactorSliders($("factors"), (changes, name, moving) => (
      this.move({ factors: changes }, `factor ${name}`, moving)));
    $("family").append(...this.data.families.map(({ name }) => new Option(name)));
    $("family").addEventListener("change", () => this.change({ family: $("family").value, factors: {} }));
    this.makeSliders();
    this.makeButtons();
    this.makeFileDrop();
    document.addEventListener("keydown", (event) => this.press(event));
    window.addEventListener("hashchange", () => {
      if (location.hash === this.linked) return;
      const { settings, camera } = fromHash(location.hash);
      if (camera) this.view.camera = camera;
      this.restore(this.known(settings));
    });
  }

  // A slider's `change` comes at the end of a drag: then all points are drawn at once.
  move(changes, key, moving) {
    this.change(changes, key, moving);
    $("undo").disabled = !this.history.past.length;
    $("redo").disabled = true;
  }

  makeSliders() {
    const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2).replace("-", "−");
    this.directions = this.data.directions.shares.map((share, i) => new Slider($("directions"), {
      id: `direction-${i + 1}`,
      name: `direction ${i + 1} (${Math.round(100 * share)} %)`,
      tip: `Moves z along its principal direction ${i + 1}, in standard deviations.`,
      low: -3, high: 3, step: 0.05, value: 0, say: signed,
      hear: (value, moving) => {
        const amounts = this.directions.map((slider) => slider.value);
        this.move({ directions: amounts }, `direction ${i}`, moving);
      },
    }));
    this.temperature = new Slider($("noise"), {
      id: "temperature",
      name: "strength of the noise",
      tip: "1: h is a fair sample. 0: all points start from the same place.",
      low: 0, high: 1.5, step: 0.05, value: 1, say: (value) => value.toFixed(2),
      hear: (value, moving) => this.move({ temperature: value }, "temperature", moving),
    });
    this.forget = new Slider($("noise"), {
      id: "forget",
      name: "forget its own noise",
      tip: "0: the noise that the shape comes from. 1: the noise of the seed; then only z knows the shape.",
      low: 0, high: 1, step: 0.05, value: 0, say: (value) => value.toFixed(2),
      hear: (value, moving) => this.move({ forget: value }, "forget", moving),
    });
    this.amount = new Slider($("amount"), {
      id: "amount-slider",
      name: "how much of it",
      tip: "0: none. 1: all of it.",
      low: 0, high: 1, step: 0.01, value: 0, say: (value) => value.toFixed(2),
      hear: (value, moving) => this.move({ amount: value }, "amount", moving),
    });
  }

  makeButtons() {
    const on = (id, action, event = "click") => $(id).addEventListener(event, action);
    const settings = () => this.history.present;
    on("undo", () => this.goBack());
    on("redo", () => this.goForward());
    on("reset", () => this.change({ ...NOTHING_EDITED, seed: 0 }));
    on("compare", () => this.showOriginal($("compare").checked), "change");
    on("new", () => {
      const seed = seedOf($("new-seed"));
      this.choose(`new-${seed}`);
      $("new-seed").value = seed + 1;
    });
    on("seed", () => this.change({ seed: seedOf($("seed")) }, "seed"), "change");
    on("new-noise", () => this.change({ seed: settings().seed + 1 }, "seed"));
    on("other", () => this.change({ other: $("other").value }), "change");
    $("what").append(...Object.entries(MIXES).map(([what, [label]]) => new Option(label, what)));
    on("what", () => {
      const amount = settings().amount || 0.5; // so that the choice is seen at once
      this.change({ what: $("what").value, amount: $("what").value === "nothing" ? 0 : amount });
    }, "change");
    on("exchange", () => this.change({ shape: settings().other, other: settings().shape, family: "", factors: {} }));
    this.walk = new Walk(
      (amount, moving) => {
        const what = ["z", "h", "both"].includes(settings().what) ? settings().what : "both";
        this.change({ what, amount }, "walk", moving);
        this.amount.stand(amount);
      },
      (playing) => { $("walk").textContent = playing ? "Stop" : "Play the walk"; });
    on("walk", () => (this.walk.playing ? this.stopWalk() : this.walk.play()));
    on("ply", () => this.savePly());
    on("python", () => this.copyPython());
    on("link", async () => {
      const hash = await this.hash();
      this.copy(new URL(hash, location.href).href, "Link copied: it holds all that is set here.");
    });
  }

  stopWalk() {
    this.walk.stop();
    this.change({});
  }

  goBack() {
    this.history.undo();
    this.restore(this.history.present);
  }

  goForward() {
    this.history.redo();
    this.restore(this.history.present);
  }

  async showOriginal(on) {
    try {
      const { shape } = await this.prepared(this.history.present);
      const original = on && await this.shapes.original(shape);
      this.makeView(on);
      if (on) this.view.setCloud(0, original);
    } catch (error) {
      this.fail(error);
    }
  }

  press(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (event.target.matches("textarea, input[type=number]")) return; // those undo typing
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) this.goBack();
    else if (key === "y" || key === "z") this.goForward();
    else return;
    event.preventDefault();
  }

  makeFileDrop() {
    $("file").accept = ENDINGS.join(",");
    $("endings").textContent = ENDINGS.join(", ");
    $("file").addEventListener("change", () => {
      this.openFile($("file").files[0]);
      $("file").value = ""; // so that the same file can be opened again
    });
    const holdsFile = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      $("drop").hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) $("drop").hidden = true;
    });
    document.addEventListener("drop", (event) => {
      $("drop").hidden = true;
      if (!holdsFile(event)) return;
      event.preventDefault();
      this.openFile(event.dataTransfer.files[0]);
    });
  }

  async openFile(file) {
    if (!file) return;
    $("error").hidden = true;
    $("status").textContent = `Opening ${file.name} …`;
    try {
      await this.ready;
      const shape = await this.shapes.addFile(file.name, await file.arrayBuffer(), $("up").value);
      this.choose(shape.key);
    } catch (error) {
      $("status").textContent = "";
      this.fail(error);
    }
  }

  // What is taken along -----------------------------------------------------------------------

  savePly() {
    const { shape } = this.history.present;
    download(plyOf(this.drawn, this.rgb), `${shape.replace(/[^\w-]+/g, "-").slice(0, 60)}.ply`);
  }

  async copyPython() {
    const settings = this.history.present;
    const base = await this.prepared(settings);
    $("code").value = pythonOf({
      settings, shape: base.shape, other: base.other, family: this.family, data: this.data,
      states: { shape: base.state, other: base.otherState },
    });
    $("code").hidden = false;
    this.copy($("code").value, "Python copied.");
  }

  async copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      $("copied").textContent = done;
    } catch {
      $("code").value = text; // pages that are not served safely may not write to the clipboard
      $("code").hidden = false;
      $("code").select();
      $("copied").textContent = "Here it is, to be copied by hand.";
    }
  }
}

function seedOf(input) {
  const value = Math.floor(Number(input.value));
  return Math.max(0, Math.min(2 ** 31 - 1, Number.isFinite(value) ? value : 0));
}

const page = new Page();
page.start().catch((error) => {
  document.getElementById("status").textContent = "";
  page.fail(new Error(`The model did not start: ${error.message}`));
});
