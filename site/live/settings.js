// All that decides the picture, as one value; what it was before; and its form in a link.

export const NOTHING_EDITED = {
  factors: {}, // changes, in the factors' own units
  directions: [], // amounts along principal directions of z, in standard deviations
  temperature: 1, // strength of the noise that h is made from
  forget: 0, // how far that noise is replaced by the one of the seed
  what: "nothing", // taken of the other shape: a key of MIXES
  amount: 0, // how much of it
};

// What can be taken of another shape, how it is called, and what is said of it.
export const MIXES = {
  nothing: ["nothing", "The shape as it is."],
  "swap z": ["all of z", "The swap test: its own noise, and the other's z."],
  "swap h": ["all of the noise in h", "The other half of it: its own z, and the other's noise."],
  z: ["a part of z", "z on the straight line to the other's."],
  h: ["a part of h", "The noise of h on the circle to the other's, points paired by their places."],
  both: ["a part of both", "z on the straight line, and the noise of h on the circle."],
};

export const START = {
  shape: "chair-1", // key of a shape to begin with, "new-7" of seed 7, or "z-..." with z in it
  family: "", // whose factors the sliders are; "" for what the shape is, or looks like
  seed: 0,
  other: "table-1",
  ...NOTHING_EDITED,
};

export class History {
  constructor(present) {
    this.present = present;
    this.past = [];
    this.future = [];
    this.key = "";
  }

  // `key`: the control that made the change; its next change does not make another entry, so that
  // undo takes back a whole drag.
  push(settings, key = "") {
    if (JSON.stringify(settings) === JSON.stringify(this.present)) return;
    if (!key || key !== this.key) this.past = [...this.past, this.present].slice(-200);
    this.present = settings;
    this.future = [];
    this.key = key;
  }

  undo() {
    if (!this.past.length) return;
    this.future.unshift(this.present);
    this.present = this.past.pop();
    this.key = "";
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.present);
    this.present = this.future.shift();
    this.key = "";
  }
}

const round = (value) => Number(value.toFixed(4));

// Only what differs from where the page starts.
export function toHash(settings, camera) {
  const words = new URLSearchParams();
  words.set("shape", settings.shape);
  for (const name of ["family", "seed", "temperature", "forget"]) {
    if (settings[name] !== START[name]) words.set(name, settings[name]);
  }
  for (const [name, change] of Object.entries(settings.factors)) {
    if (change) words.set(`factor.${name}`, round(change));
  }
  settings.directions.forEach((amount, i) => {
    if (amount) words.set(`direction.${i + 1}`, round(amount));
  });
  const mixes = settings.what !== "nothing";
  if (mixes || settings.other !== START.other) words.set("other", settings.other);
  if (mixes) {
    words.set("take", settings.what);
    words.set("amount", round(settings.amount));
  }
  if (camera) words.set("view", [camera.yaw, camera.pitch, camera.zoom].map(round).join(","));
  return `#${words}`;
}

// Numbers that cannot be are left out: a link may have been cut short, or typed.
export function fromHash(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (name, low, high, usual) => {
    const value = parseFloat(words.get(name));
    return Number.isFinite(value) ? Math.max(low, Math.min(high, value)) : usual;
  };
  const settings = {
    ...START,
    shape: words.get("shape") ?? START.shape,
    family: words.get("family") ?? "",
    seed: Math.floor(number("seed", 0, 2 ** 31 - 1, 0)),
    temperature: number("temperature", 0, 1.5, 1),
    forget: number("forget", 0, 1, 0),
    other: words.get("other") ?? START.other,
    what: words.get("take") ?? "nothing",
    amount: number("amount", 0, 1, 0),
    factors: {},
    directions: [],
  };
  for (const name of words.keys()) {
    const [, kind, which] = /^(factor|direction)\.(\w+)$/.exec(name) ?? [];
    if (kind === "factor") settings.factors[which] = number(name, -1000, 1000, 0);
    const place = Number(which) - 1;
    if (kind === "direction" && place >= 0 && place < 32) {
      while (settings.directions.length <= place) settings.directions.push(0);
      settings.directions[place] = number(name, -3, 3, 0);
    }
  }
  const view = (words.get("view") ?? "").split(",").map(Number);
  const seen = view.length === 3 && view.every(Number.isFinite) && view[2] > 0;
  return { settings, camera: seen ? { yaw: view[0], pitch: view[1], zoom: view[2] } : null };
}
