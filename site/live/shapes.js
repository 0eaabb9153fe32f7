// The shapes to choose from: those that came with the page, new ones by seed, and files.
//
// A shape is { key, name, group, family, factors, code }, and has a state of latents (latents.js)
// and an original cloud. Both are made when somebody asks for them, and kept.

import { ALL_POINTS } from "./drawing.js";
import { POINT_DIM } from "./latents.js";
import { Generator } from "./random.js";

const LARGEST_Z = 16; // in a link, z is rounded to 1/32767 of this

export async function openData() {
  const parts = ["./data.json", "./data.bin"].map(async (path) => {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
    return path.endsWith("json") ? answer.json() : answer.arrayBuffer();
  });
  const [data, content] = await Promise.all(parts);
  return withArrays(data, content);
}

// Descriptions of arrays, wherever they are, replaced by the arrays.
function withArrays(value, content) {
  if (value === null || typeof value !== "object") return value;
  if (value.kind === "float32" && "offset" in value) {
    return new Float32Array(content, value.offset, value.length);
  }
  if (value.kind === "int16" && "offset" in value) {
    const array = Float32Array.from(new Int16Array(content, value.offset, value.length));
    for (let i = 0; i < array.length; i += 1) array[i] *= value.step; // a million: no calls
    return array;
  }
  if (Array.isArray(value)) return value.map((part) => withArrays(part, content));
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, withArrays(part, content)]));
}

export class Shapes {
  constructor(data, model) {
    this.data = data;
    this.model = model;
    this.list = data.shapes.map((shape) => ({ ...shape, original: shape.points }));
    this.states = new Map();
    this.files = 0;
  }

  families() {
    return this.data.families;
  }

  // Null for a key that means nothing.
  find(key) {
    const known = this.list.find((shape) => shape.key === key);
    if (known) return known;
    const [, seed] = /^new-(\d{1,10})$/.exec(key) ?? [];
    if (seed !== undefined && Number(seed) < 2 ** 31) {
      return this.add({
        key, name: `new shape ${Number(seed)}`, group: "new shapes", family: "", isDrawn: true,
        seed: Number(seed),
      });
    }
    const z = key.startsWith("z-") ? this.unpacked(key.slice(2)) : null;
    return z && this.add({
      key, name: "shape of a link", group: "your shapes", family: "", isDrawn: true, z,
    });
  }

  add(shape) {
    this.list.push(shape);
    return shape;
  }

  // The latents before any edit.
  state(shape) {
    if (!this.states.has(shape.key)) {
      const made = this.make(shape);
      made.catch(() => this.states.delete(shape.key)); // it may work the next time
      this.states.set(shape.key, made);
    }
    return this.states.get(shape.key);
  }

  async make(shape) {
    if (shape.isDrawn) return this.drawn(shape);
    const { z, noise, statistics } = shape.isFile
      ? await this.model.encode(shape.original) : { z: shape.z, noise: shape.noise };
    const other = new Generator(0).normal(ALL_POINTS * POINT_DIM);
    return { z, flowNoise: noise, noise: other, temperature: 1, statistics };
  }

  // As `editing.from_prior` draws it: first the noise of z, then that of h.
  async drawn(shape) {
    const generator = new Generator(shape.seed ?? 0);
    const styleNoise = generator.normal(this.model.about.style_dim);
    const noise = generator.normal(ALL_POINTS * POINT_DIM);
    const z = shape.z ?? await this.model.style(styleNoise);
    return { z, flowNoise: noise, noise, temperature: 1 };
  }

  // The cloud that a shape was encoded from; of one that was drawn, that drawing before any edit.
  async original(shape) {
    if (!shape.original) {
      const state = await this.state(shape);
      shape.original = (await this.model.draw(state, state.flowNoise, true)).points;
    }
    return shape.original;
  }

  async addFile(name, content, up) {
    const points = await this.model.read(name, content, up, ALL_POINTS);
    this.files += 1;
    const shape = {
      key: `file-${this.files}`, name, group: "your shapes", family: "", original: points, up,
      isFile: true,
    };
    await this.state(shape); // what cannot be encoded is not listed
    return this.add(shape);
  }

  // A file does not fit into a link, but its z does.
  async keyForLink(key) {
    const shape = this.find(key);
    return shape?.isFile ? `z-${packed((await this.state(shape)).z)}` : key;
  }

  unpacked(text) {
    try {
      const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
      const bytes = Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
      const z = Float32Array.from(
        new Int16Array(bytes.buffer), (number) => (number * LARGEST_Z) / 32767);
      return z.length === this.model.about.style_dim ? z : null;
    } catch {
      return null;
    }
  }
}

function packed(z) {
  const rounded = Int16Array.from(z, (value) => (
    Math.round((Math.max(-LARGEST_Z, Math.min(LARGEST_Z, value)) * 32767) / LARGEST_Z)));
  const letters = Array.from(new Uint8Array(rounded.buffer), (byte) => String.fromCharCode(byte));
  return btoa(letters.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
