// From settings to what is drawn: the page without its controls and its picture.

import { ALL_POINTS } from "./drawing.js";
import {
  forgetInput, matchPoints, mix, moveFactors, moveStyle, noiseToDraw, POINT_DIM,
} from "./latents.js";
import { Generator } from "./random.js";
import { NOTHING_EDITED } from "./settings.js";

const isUnedited = (settings) => !settings.seed && Object.entries(NOTHING_EDITED).every(
  ([name, value]) => JSON.stringify(settings[name]) === JSON.stringify(value));

// As in the explorer: of a shape that was encoded, the seed's noise is what its own can fade into;
// of one that was drawn, it is what h is made from.
function withSeed(shape, state, seed) {
  if (!seed) return state;
  const noise = new Generator(seed).normal(ALL_POINTS * POINT_DIM);
  return shape.isDrawn ? { ...state, noise, flowNoise: noise } : { ...state, noise };
}

export class Editor {
  constructor(shapes, model, data) {
    Object.assign(this, { shapes, model, data });
  }

  // All that settings are made of, so that nothing is waited for while a slider moves.
  async prepared(settings) {
    const { shape: name, other: otherName, seed, what } = settings;
    const mixes = what !== "nothing";
    const paired = ["h", "both"].includes(what);
    const key = JSON.stringify([name, seed, mixes && otherName, paired]);
    if (this.base?.key === key) return this.base;
    const [shape, other] = [this.shapes.find(name), this.shapes.find(otherName)];
    const own = await this.shapes.state(shape);
    const base = { key, shape, other, own, state: withSeed(shape, own, seed) };
    if (mixes) base.otherState = withSeed(other, await this.shapes.state(other), seed);
    if (paired) {
      base.order = matchPoints(
        await this.shapes.original(shape), await this.shapes.original(other));
    }
    this.base = base;
    return base;
  }

  latents(settings, base, family) {
    let state = mix(base.state, base.otherState, settings.what, settings.amount, base.order);
    state = moveStyle(state, this.data.directions, settings.directions);
    state = moveFactors(state, family, settings.factors);
    return forgetInput({ ...state, temperature: settings.temperature }, settings.forget);
  }

  // The first so many points of what settings stand for.
  async draw(settings, family, count, all) {
    const base = await this.prepared(settings);
    const state = this.latents(settings, base, family);
    const drawn = await this.model.draw(state, noiseToDraw(state, count), all);
    // A new shape's original is its own drawing before any edit.
    if (all && isUnedited(settings)) base.shape.original ??= drawn.points;
    return { ...drawn, shape: base.shape };
  }
}
