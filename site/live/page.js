// The page: controls change settings, settings make latents, and latents are drawn.

import { Controls } from "./controls.js";
import { Drawing } from "./drawing.js";
import { Editor } from "./editing.js";
import { looksLike } from "./latents.js";
import { model } from "./model.js";
import { listenForFiles } from "./opening.js";
import { Picture } from "./picture.js";
import { download, plyOf } from "./ply.js";
import { pythonOf } from "./python.js";
import { fromHash, History, MIXES, NOTHING_EDITED, START, toHash } from "./settings.js";
import { openData, Shapes } from "./shapes.js";
import { whatIsMissing } from "./support.js";
import { followTheme } from "./theme.js";

const $ = (id) => document.getElementById(id);

class Page {
  async start() {
    const missing = whatIsMissing();
    if (missing) {
      $("missing").hidden = false;
      $("missing").textContent = missing;
      document.querySelector("main").hidden = true; // nothing in it would do anything
      followTheme($("theme"), () => {});
      return;
    }
    this.embed(new URLSearchParams(location.search).has("embedded"));
    const { settings, camera } = fromHash(location.hash);
    this.build(await openData(), camera);
    // A picture before the model is there: the cloud that the shape was encoded from.
    const first = this.shapes.list.find(({ key }) => key === settings.shape);
    if (first) this.picture.show(first, first.original);
    try {
      await this.drawFirst(settings);
    } finally {
      // Only now: where there are few cores, these would hold the model up.
      this.controls.gallery.setDark(this.picture.dark);
    }
    this.sayMore();
  }

  build(data, camera) {
    this.data = data;
    if (data.home) Object.assign($("home"), { href: data.home, hidden: false });
    this.shapes = new Shapes(data, model);
    this.editor = new Editor(this.shapes, model, data);
    this.picture = new Picture($("view"), () => this.keepLink());
    this.picture.camera = camera;
    this.history = new History(START);
    this.controls = new Controls(this, this.shapes, data);
    this.listen();
    const { gallery } = this.controls;
    followTheme($("theme"), (dark) => {
      this.picture.setDark(dark);
      if (gallery.dark !== null) gallery.setDark(dark);
    });
    this.drawing = new Drawing({
      make: (count, all) => this.editor.draw(this.settings, this.family, count, all),
      show: (drawn, all) => this.show(drawn, all),
      fail: (error) => this.fail(error),
    });
  }

  // The page is ready when the model has drawn: from then on it follows the sliders.
  async drawFirst(settings) {
    await model.ready;
    const drawn = new Promise((resolve) => { this.onFirst = resolve; });
    // Unless the reader was quicker, and has chosen something else by now.
    if (!this.history.past.length) this.history.present = this.known(settings);
    await this.restore(this.settings);
    await drawn;
    document.documentElement.dataset.ready = Math.round(performance.now());
  }

  // As a part of another page (index.html?embedded), with a way to the whole.
  embed(wanted) {
    document.documentElement.classList.toggle("embedded", wanted);
    $("whole").hidden = !wanted;
  }

  sayMore() {
    const { style_dim: size, point_dim: each, precision } = model.about;
    $("about").textContent = `Model “${this.data.model}”: z of ${size} numbers, h of ${each} for `
      + `each of 2,048 points, weights in ${precision}. It runs by onnxruntime-web (MIT license).`;
  }

  get settings() {
    return this.history.present;
  }

  // Settings ---------------------------------------------------------------------------------

  // What a link says, without what this page does not know.
  known(settings) {
    const found = { ...settings };
    if (!this.shapes.find(found.shape)) {
      const name = found.shape.slice(0, 40);
      this.fail(new Error(`There is no shape “${name}” here; the link may be of another page.`));
      Object.assign(found, { shape: START.shape, ...NOTHING_EDITED });
    }
    if (!this.shapes.find(found.other)) found.other = START.other;
    if (!MIXES[found.what]) found.what = "nothing";
    if (!this.data.families.some(({ name }) => name === found.family)) found.family = "";
    found.directions = found.directions.slice(0, this.data.directions.deviations.length);
    return found;
  }

  // `key`: the control that changes something; `moving`: more of it is likely to follow at once.
  change(changes, key = "", moving = false) {
    return this.restore({ ...this.settings, ...changes }, key, moving);
  }

  choose(key) {
    $("error").hidden = true;
    this.change({ shape: key, seed: 0, family: "", ...NOTHING_EDITED });
  }

  async restore(settings, key = "", moving = false) {
    if (key !== "walk") this.controls.walk.stop();
    $("view").setAttribute("aria-busy", "true"); // until all points are drawn
    this.history.push(settings, key);
    try {
      if (!moving || !this.family || key === "walk") await this.follow();
      this.drawing.ask(moving);
      this.keepLink();
    } catch (error) {
      this.fail(error);
    }
  }

  async follow() {
    await model.ready;
    const { settings } = this;
    const base = await this.editor.prepared(settings);
    if (settings !== this.settings) return; // it went on meanwhile, and follows that
    const name = settings.family || base.shape.family || looksLike(base.own.z, this.data.kinds);
    this.family = this.data.families.find((family) => family.name === name);
    this.controls.follow(settings, base, this.family, this.history);
  }

  // Pictures ---------------------------------------------------------------------------------

  show({ points, took, shape }, all) {
    this.picture.show(shape, points);
    this.controls.factors.measure(points);
    const count = (points.length / 3).toLocaleString("en");
    const where = model.device === "webgpu" ? ", on the graphics card" : "";
    $("status").textContent = `${count} points in ${(took / 1000).toFixed(2)} s${where}`;
    $("status").setAttribute("aria-busy", String(!all)); // or each step of a drag would be read out
    if (all) {
      this.controls.gallery.picture(shape);
      $("view").setAttribute("aria-busy", "false");
      this.tryGraphicsCard();
    }
    this.onFirst?.();
  }

  // Once, when nothing else waits.
  tryGraphicsCard() {
    if (this.hasTried) return;
    this.hasTried = true;
    model.tryGraphicsCard().catch(() => {}); // then it stays as it is
  }

  fail(error) {
    $("error").hidden = false;
    $("error").textContent = error.message;
    $("view").setAttribute("aria-busy", "false");
  }

  async showOriginal(wanted) {
    try {
      const { shape } = await this.editor.prepared(this.settings);
      this.picture.compare(wanted ? await this.shapes.original(shape) : null);
    } catch (error) {
      this.fail(error);
    }
  }

  // What is asked of the page ----------------------------------------------------------------

  listen() {
    const on = (id, action, event = "click") => $(id).addEventListener(event, action);
    on("undo", () => this.goBack());
    on("redo", () => this.goForward());
    on("reset", () => this.change({ ...NOTHING_EDITED, seed: 0 }));
    on("compare", () => this.showOriginal($("compare").checked), "change");
    on("ply", () => this.savePly());
    on("python", () => this.copyPython());
    on("link", () => this.copyLink());
    listenForFiles(
      { button: $("file"), endings: $("endings"), curtain: $("drop") },
      (file) => this.openFile(file));
    document.addEventListener("keydown", (event) => this.press(event));
    window.addEventListener("hashchange", () => {
      if (location.hash === this.linked) return;
      const { settings, camera } = fromHash(location.hash);
      this.picture.camera = camera;
      $("error").hidden = true;
      this.restore(this.known(settings));
    });
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

  goBack() {
    this.history.undo();
    this.restore(this.settings);
  }

  goForward() {
    this.history.redo();
    this.restore(this.settings);
  }

  async openFile(file) {
    if (!file) return;
    $("error").hidden = true;
    $("status").textContent = `Opening ${file.name} …`;
    try {
      await model.ready;
      const shape = await this.shapes.addFile(file.name, await file.arrayBuffer(), $("up").value);
      this.choose(shape.key);
    } catch (error) {
      $("status").textContent = "";
      this.fail(error);
    }
  }

  // What is taken along ----------------------------------------------------------------------

  // The address says what is shown, a moment after it came to rest.
  keepLink() {
    clearTimeout(this.linking);
    this.linking = setTimeout(async () => {
      this.linked = await this.hash();
      history.replaceState(null, "", this.linked);
      $("whole").firstChild.href = new URL(this.linked, new URL(".", location.href));
    }, 300);
  }

  async hash() {
    const settings = { ...this.settings };
    for (const name of ["shape", "other"]) {
      settings[name] = await this.shapes.keyForLink(settings[name]);
    }
    return toHash(settings, this.picture.camera);
  }

  async copyLink() {
    const link = new URL(await this.hash(), location.href).href;
    this.copy(link, "Link copied: it holds all that is set here.");
  }

  savePly() {
    const name = this.settings.shape.replace(/[^\w-]+/g, "-").slice(0, 60);
    download(plyOf(this.picture.points, this.picture.rgb), `${name}.ply`);
  }

  async copyPython() {
    const { settings, family, data } = this;
    const { shape, other } = await this.editor.prepared(settings);
    $("code").value = pythonOf({ settings, shape, other, family, data });
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

const page = new Page();
page.start().catch((error) => {
  $("status").textContent = "";
  page.fail(new Error(`The model did not start: ${error.message}`));
});
