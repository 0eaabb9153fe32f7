// Sliders on the factors of a family, in real units; beside each what is measured on the cloud.

import { factorsOf } from "./latents.js";
import { measure } from "./measuring.js";
import { Slider } from "./sliders.js";

const UNITS = { deg: "°", 1: "", choice: "" };
const unitOf = ({ unit }) => UNITS[unit] ?? unit;

// A round step, of which a factor's bounds are some hundreds apart.
function stepOf({ kind, bounds: [low, high] }) {
  return kind === "continuous" ? 10 ** Math.floor(Math.log10((high - low) / 100)) : 0.1;
}

// The nearest place at which a slider can stand.
function onGrid(factor, value) {
  const [low, high] = factor.bounds;
  const step = stepOf(factor);
  const held = Math.max(low, Math.min(high, value));
  return Number((low + Math.round((held - low) / step) * step).toFixed(6));
}

function inWords(factor, value) {
  if (factor.kind === "choice") return factor.choices[Math.round(value)] ?? "";
  const [low, high] = factor.bounds;
  const unit = unitOf(factor);
  const digits = factor.kind === "integer" || high - low > 2 ? 1 : 2;
  return value.toFixed(digits) + (unit === "°" ? unit : unit && ` ${unit}`);
}

// The factors of a shape before any edit: known, or what z says of them.
export function ownFactors(family, shape, z) {
  const read = factorsOf(z, family);
  const average = Object.fromEntries(family.names.map((name, f) => [name, family.mean[f]]));
  const known = shape.family === family.name ? shape.factors : null;
  return Object.fromEntries(family.factors.map((factor) => {
    const { name, kind } = factor;
    const guess = known ? average[name] : read[name]; // without effect: the average
    const value = known?.[name] ?? (kind === "continuous" ? guess : Math.round(guess));
    return [name, onGrid(factor, value)];
  }));
}

export class FactorSliders {
  // `hear` is called with all changes, the factor's name, and whether a hand still moves it.
  constructor(parent, hear) {
    this.parent = parent;
    this.hear = hear;
    this.sliders = {};
  }

  show(family, own, changes) {
    if (this.family !== family) {
      this.family = family;
      this.parent.replaceChildren();
      this.sliders = Object.fromEntries(
        family.factors.map((factor) => [factor.name, this.slider(factor)]));
    }
    this.own = own;
    for (const [name, slider] of Object.entries(this.sliders)) {
      slider.stand(own[name] + (changes[name] ?? 0));
    }
    this.mute();
  }

  slider(factor) {
    const [low, high] = factor.bounds;
    const made = new Slider(this.parent, {
      id: `factor-${factor.name}`,
      name: factor.name.replaceAll("_", " "),
      tip: factor.description,
      low, high, step: stepOf(factor), value: low, measured: true,
      say: (value) => inWords(factor, value),
      hear: (_, moving) => {
        this.mute();
        this.hear(this.changes(), factor.name, moving);
      },
    });
    if (!this.family.measured.includes(factor.name)) {
      made.measured.textContent = "–";
      made.measured.title = "This factor cannot be measured on a cloud.";
    }
    return made;
  }

  changes() {
    return Object.fromEntries(Object.entries(this.sliders)
      .map(([name, { value }]) => [name, Number((value - this.own[name]).toFixed(6))])
      .filter(([, change]) => Math.abs(change) > 1e-6));
  }

  asked() {
    return Object.fromEntries(
      Object.entries(this.sliders).map(([name, { value }]) => [name, value]));
  }

  // Gray out factors without effect, such as the height of arms that are not there.
  mute() {
    for (const { name, needs } of this.family.factors) {
      if (!needs) continue;
      const [on, option] = needs;
      const { choices } = this.family.factors.find((factor) => factor.name === on);
      const idle = Math.round(this.sliders[on].value) !== choices.indexOf(option);
      this.sliders[name].row.classList.toggle("idle", idle);
    }
  }

  measure(points) {
    const found = measure(this.family, points, this.asked());
    for (const factor of this.family.factors) {
      if (!(factor.name in found)) continue;
      const { measured } = this.sliders[factor.name];
      const value = found[factor.name];
      measured.textContent = Number.isNaN(value) ? "none" : inWords(factor, value);
      measured.title = Number.isNaN(value)
        ? "Nothing was found to measure." : "Measured on the cloud that is shown.";
    }
    return found;
  }
}
