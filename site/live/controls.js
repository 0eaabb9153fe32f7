// The sliders and buttons: what they stand at, and what they ask of the page.

import { FactorSliders, ownFactors } from "./factors.js";
import { Gallery } from "./gallery.js";
import { MIXES, NOTHING_EDITED } from "./settings.js";
import { Slider } from "./sliders.js";
import { Walk } from "./walk.js";

const $ = (id) => document.getElementById(id);
const twoDigits = (value) => value.toFixed(2);
const signed = (value) => (value > 0 ? "+" : "") + twoDigits(value).replace("-", "−");
const on = (id, action, event = "click") => $(id).addEventListener(event, action);
const BETWEEN = ["z", "h", "both"]; // mixes that have an amount

function seedOf(input) {
  const value = Math.floor(Number(input.value));
  return Math.max(0, Math.min(2 ** 31 - 1, Number.isFinite(value) ? value : 0));
}

export class Controls {
  // `page` has `settings`, `change(changes, key, moving)` and `choose(key)`.
  constructor(page, shapes, data) {
    Object.assign(this, { page, shapes });
    this.gallery = new Gallery($("gallery"), shapes, (key) => page.choose(key));
    this.factors = new FactorSliders($("factors"), (factors, name, moving) => (
      this.move({ factors }, `factor ${name}`, moving)));
    $("family").append(...data.families.map(({ name }) => new Option(name)));
    on("family", () => page.change({ family: $("family").value, factors: {} }), "change");
    this.makeDirections(data.directions);
    this.makeNoise();
    this.makeMix();
    this.walk = new Walk((amount, moving) => this.walkTo(amount, moving), (playing) => {
      $("walk").textContent = playing ? "Stop" : "Play the walk";
    });
    on("walk", () => (this.walk.playing ? this.stopWalk() : this.walk.play()));
  }

  // At the end of a drag, all points are drawn at once.
  move(changes, key, moving) {
    this.page.change(changes, key, moving);
    $("undo").disabled = false;
    $("redo").disabled = true;
  }

  makeDirections({ shares }) {
    this.directions = shares.map((share, i) => new Slider($("directions"), {
      id: `direction-${i + 1}`,
      name: `direction ${i + 1} (${Math.round(100 * share)} %)`,
      tip: `Moves z along its principal direction ${i + 1}, in standard deviations.`,
      low: -3, high: 3, step: 0.05, value: 0, say: signed,
      hear: (_, moving) => {
        const amounts = this.directions.map(({ value }) => value);
        this.move({ directions: amounts }, `direction ${i}`, moving);
      },
    }));
  }

  makeNoise() {
    this.temperature = new Slider($("noise"), {
      id: "temperature",
      name: "strength of the noise",
      tip: "1: h is a fair sample. 0: all points start from the same place.",
      low: 0, high: 1.5, step: 0.05, value: 1, say: twoDigits,
      hear: (temperature, moving) => this.move({ temperature }, "temperature", moving),
    });
    this.forget = new Slider($("noise"), {
      id: "forget",
      name: "forget its own noise",
      tip: "0: the noise that the shape comes from. 1: that of the seed, so that only z is left.",
      low: 0, high: 1, step: 0.05, value: 0, say: twoDigits,
      hear: (forget, moving) => this.move({ forget }, "forget", moving),
    });
    on("seed", () => this.page.change({ seed: seedOf($("seed")) }, "seed"), "change");
    on("new-noise", () => this.page.change({ seed: this.page.settings.seed + 1 }, "seed"));
    on("new-seed", (event) => { if (event.key === "Enter") $("new").click(); }, "keydown");
    on("new", () => {
      const seed = seedOf($("new-seed"));
      this.page.choose(`new-${seed}`);
      $("new-seed").value = seed + 1;
    });
  }

  makeMix() {
    this.amount = new Slider($("amount"), {
      id: "amount-slider",
      name: "how much of it",
      tip: "0: none. 1: all of it.",
      low: 0, high: 1, step: 0.01, value: 0, say: twoDigits,
      hear: (amount, moving) => this.move({ amount }, "amount", moving),
    });
    $("what").append(...Object.entries(MIXES).map(([what, [label]]) => new Option(label, what)));
    on("what", () => {
      const what = $("what").value;
      const amount = this.page.settings.amount || 0.5; // so that the choice is seen at once
      this.page.change({ what, amount: what === "nothing" ? 0 : amount });
    }, "change");
    on("other", () => this.page.change({ other: $("other").value }), "change");
    on("exchange", () => {
      const { shape, other } = this.page.settings;
      this.page.change({ shape: other, other: shape, family: "", factors: {} });
    });
  }

  walkTo(amount, moving) {
    const { what } = this.page.settings;
    this.page.change({ what: BETWEEN.includes(what) ? what : "both", amount }, "walk", moving);
    this.amount.stand(amount);
  }

  stopWalk() {
    this.walk.stop();
    this.page.change({}); // draws all points
  }

  // Let everything stand at settings; nothing is drawn by that.
  follow(settings, { shape, own }, family, history) {
    this.gallery.update();
    this.gallery.choose(settings.shape);
    $("family").value = family.name;
    this.factors.show(family, ownFactors(family, shape, own.z), settings.factors);
    $("explained").textContent = `All ${family.names.length} together explain `
      + `${Math.round(100 * family.explained)} % of the variance of z among ${family.name}s.`;
    this.directions.forEach((slider, i) => slider.stand(settings.directions[i] ?? 0));
    this.temperature.stand(settings.temperature);
    this.forget.stand(settings.forget);
    this.forget.disabled = shape.isDrawn && !settings.seed && settings.what === "nothing";
    $("noise-note").textContent = shape.isDrawn
      ? "h is made from the noise of this seed; 0 keeps the noise that came with the shape."
      : "h is made from the noise that this shape was traced back to; forget it, and the seed's "
        + "noise takes over.";
    $("seed").value = settings.seed;
    this.listOthers();
    $("other").value = settings.other;
    $("what").value = settings.what;
    $("what-note").textContent = MIXES[settings.what][1];
    this.amount.stand(settings.amount);
    this.amount.disabled = !BETWEEN.includes(settings.what);
    $("undo").disabled = !history.past.length;
    $("redo").disabled = !history.future.length;
    $("reset").disabled = Object.keys(NOTHING_EDITED).every(
      (name) => JSON.stringify(settings[name]) === JSON.stringify(NOTHING_EDITED[name]))
      && !settings.seed;
  }

  listOthers() {
    const { list } = this.shapes;
    if ($("other").length === list.length) return;
    const groups = new Map();
    for (const { key, name, group } of list) {
      if (!groups.has(group)) {
        groups.set(group, Object.assign(document.createElement("optgroup"), { label: group }));
      }
      groups.get(group).append(new Option(name, key));
    }
    $("other").replaceChildren(...groups.values());
  }
}
