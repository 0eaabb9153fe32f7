// The model, off the page's thread: graphs run by onnxruntime-web, and files made clouds.
//
// Messages are { id, task, ...arguments }; answers { id, result } or { id, error }.

import { prepare } from "./wasm.js";

// The runtime's script, and the name of its WebAssembly.
const RUNTIMES = {
  wasm: ["./runtime/ort.wasm.min.mjs", "ort-wasm-simd-threaded"],
  webgpu: ["./runtime/ort.jspi.min.mjs", "ort-wasm-simd-threaded.jspi"],
};

let ort;
let about; // model.json: dimensions, and how clouds come to model units and back
let weights; // shared by all graphs
let device;
let loaded; // a promise: whatever is asked before waits for it
const sessions = {}; // promises, by name of the graph

async function bytesOf(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return new Uint8Array(await answer.arrayBuffer());
}

function session(name, content = bytesOf(`./model/${name}.onnx`)) {
  sessions[name] ??= content.then((graph) => ort.InferenceSession.create(
    graph,
    {
      executionProviders: [device],
      externalData: [{ path: "weights.bin", data: weights }],
      graphOptimizationLevel: "basic", // all of them draw no sooner, and take longer to begin
      logSeverityLevel: 3, // that a graphics card leaves some nodes alone is no news
    }));
  return sessions[name];
}

async function run(name, inputs) {
  const ready = await session(name);
  const feeds = Object.fromEntries(Object.entries(inputs).map(
    ([key, [values, ...shape]]) => [key, new ort.Tensor("float32", values, shape)]));
  const outputs = await ready.run(feeds);
  const [output] = ready.outputNames;
  return outputs[output].getData();
}

// Mean and scale are those of the training set; or each cloud's own, by which it comes back.
function statisticsOf(points) {
  const { mode, mean, scale } = about.normalization;
  if (mode === "global" || !points) return { mean, scale };
  const count = points.length / 3;
  const axes = [0, 1, 2].map((axis) => points.filter((_, i) => i % 3 === axis));
  if (mode === "box") {
    const ends = axes.map((values) => [Math.min(...values), Math.max(...values)]);
    return {
      mean: ends.map(([low, high]) => (low + high) / 2),
      scale: Math.max(...ends.map(([low, high]) => high - low), 1e-12) / 2,
    };
  }
  const means = axes.map((values) => values.reduce((sum, value) => sum + value, 0) / count);
  const middle = (means[0] + means[1] + means[2]) / 3;
  const variance = points.reduce((sum, value) => sum + (value - middle) ** 2, 0) / points.length;
  return { mean: means, scale: Math.max(Math.sqrt(variance), 1e-12) };
}

const toModel = (points, { mean, scale }) => (
  points.map((value, i) => (value - mean[i % 3]) / scale));
const toData = (points, { mean, scale }) => (
  points.map((value, i) => value * scale + mean[i % 3]));

const tasks = {
  // All that the first drawing needs is asked for at once, and no more than that.
  async load({ on, module: given }) {
    device = on;
    const [script, name] = RUNTIMES[on];
    const graph = bytesOf("./model/draw.onnx");
    const [module, runtime, description, shared] = await Promise.all([
      prepare(name, given), import(script), bytesOf("./model/model.json"),
      bytesOf("./model/weights.bin"), graph,
    ]);
    ort = runtime;
    about = JSON.parse(new TextDecoder().decode(description));
    weights = shared;
    ort.env.wasm.wasmPaths = { mjs: new URL("./wasm.js", import.meta.url).href };
    // Threads share memory, which browsers allow to pages that are served in isolation only.
    const cores = navigator.hardwareConcurrency ?? 1;
    ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, cores) : 1;
    await session("draw", graph);
    return { about, module };
  },

  async draw({ z, noise, statistics }) {
    const started = performance.now();
    const points = noise.length / about.point_dim;
    const drawn = await run("draw", {
      z: [z, 1, about.style_dim], noise: [noise, 1, points, about.point_dim],
    });
    const cloud = toData(drawn, statistics ?? statisticsOf());
    return { points: cloud, took: performance.now() - started };
  },

  async style({ noise }) {
    return run("style", { noise: [noise, 1, about.style_dim] });
  },

  // A cloud in data units to z, and to the noise that the prior makes its h from.
  async encode({ points }) {
    const statistics = statisticsOf(points);
    const normalized = toModel(points, statistics);
    const shape = [1, points.length / 3, 3];
    const z = await run("encode", { points: [normalized, ...shape] });
    const noise = await run("inverse", {
      points: [normalized, ...shape], z: [z, 1, about.style_dim],
    });
    return { z, noise, statistics };
  },

  async read({ name, content, up, count }) {
    const { cloudOfFile } = await import("./reading.js");
    return cloudOfFile(name, content, up, count);
  },
};

self.onmessage = async ({ data: { id, task, ...rest } }) => {
  try {
    if (task === "load") loaded = tasks.load(rest);
    await loaded;
    const result = await (task === "load" ? loaded : tasks[task](rest));
    self.postMessage({ id, result });
  } catch (error) {
    self.postMessage({ id, error: error.message ?? String(error) });
  }
};
