// The model as the page sees it: questions to workers, answers as promises.

import { Generator } from "./random.js";

// Two processors draw the same cloud if so many of its coordinates differ by less than this.
const [ALMOST_ALL, NEAR] = [0.99, 0.01];

class ModelWorker {
  constructor() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.next = 0;
    this.worker.onmessage = ({ data: { id, result, error } }) => {
      const asked = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) asked?.resolve(result);
      else asked?.reject(new Error(error));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(new Error(event.message || "The worker did not start."));
    };
  }

  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  ask(task, rest = {}) {
    return new Promise((resolve, reject) => {
      this.waiting.set(this.next, { resolve, reject });
      this.worker.postMessage({ id: this.next, task, ...rest });
      this.next += 1;
    });
  }

  end() {
    this.worker.terminate();
    this.fail(new Error("The worker was ended."));
  }
}

// Two workers with the same model: a drag goes on in the one while the other is still busy with
// all points, with a file or with another new shape.
class Model {
  constructor() {
    this.quick = new ModelWorker();
    this.device = "wasm";
    this.ready = this.load();
    this.ready.catch(() => {}); // whoever waits for it will hear
  }

  async load() {
    const { about, module } = await this.quick.ask("load", { on: "wasm" });
    Object.assign(this, { about, module });
  }

  // Made when it is first asked for: that is after the first picture, which should not wait for it.
  get thorough() {
    if (!this.second) {
      this.second = new ModelWorker();
      this.second.ask("load", { on: "wasm", module: this.module }).catch(() => {}); // whoever asks for more will hear
    }
    return this.second;
  }

  // The runtime for graphics processors is larger, and not faster everywhere: the page starts
  // without it, and goes over to it only if it draws all points alike, and sooner. It waits for the
  // card by what WebAssembly calls `Suspending`; a browser without that stays as it is.
  async tryGraphicsCard() {
    const adapter = "Suspending" in WebAssembly && await navigator.gpu?.requestAdapter();
    const emulated = adapter?.isFallbackAdapter ?? adapter?.info?.isFallbackAdapter;
    if (!adapter || emulated || navigator.connection?.saveData) return;
    const other = new ModelWorker();
    try {
      await other.ask("load", { on: "webgpu" });
      if (!await this.isBetter(other)) throw new Error("The processor is better.");
    } catch (error) {
      other.end();
      throw error;
    }
    this.device = "webgpu";
    this.processor = this.quick; // in case the card is lost
    const before = this.thorough;
    setTimeout(() => before.end(), 10000); // it may have something to finish
    this.second = other;
    this.quick = other;
  }

  async isBetter(other) {
    const noise = new Generator(1).normal(2048 * this.about.point_dim);
    const z = new Float32Array(this.about.style_dim);
    const drawing = async (worker) => {
      await worker.ask("draw", { z, noise }); // the first one also makes shaders
      return worker.ask("draw", { z, noise });
    };
    const [own, theirs] = [await drawing(this.thorough), await drawing(other)];
    const near = own.points.filter((value, i) => Math.abs(value - theirs.points[i]) < NEAR);
    return theirs.took < own.took && near.length > ALMOST_ALL * own.points.length;
  }

  // A card may be taken away at any time, by the system or by sleep.
  leaveGraphicsCard() {
    this.device = "wasm";
    this.second.end();
    this.second = this.processor;
    this.quick = this.processor;
  }

  async draw({ z, statistics }, noise, all) {
    const { device } = this;
    try {
      return await (all ? this.thorough : this.quick).ask("draw", { z, noise, statistics });
    } catch (error) {
      if (device !== "webgpu") throw error;
      if (this.device === device) this.leaveGraphicsCard();
      return this.processor.ask("draw", { z, noise, statistics });
    }
  }

  style(noise) {
    return this.thorough.ask("style", { noise });
  }

  encode(points) {
    return this.thorough.ask("encode", { points });
  }

  read(name, content, up, count) {
    return this.thorough.ask("read", { name, content, up, count });
  }
}

// At once, before the page's other scripts are there: it takes longest.
export const model = new Model();
