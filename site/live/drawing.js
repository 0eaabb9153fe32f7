// When to draw, and with how many points.
//
// While something moves, few points are drawn: as many as the time that the last drawing took
// allows. At rest, all of them. There is never more than one drawing of few points on its way:
// whatever changes meanwhile is drawn next, as it is by then.

export const ALL_POINTS = 2048;
const [FEWEST, MOST] = [384, 768];
const GOAL = 55; // milliseconds for a drawing while dragging
const REST = 160; // milliseconds without a change, after which all points are drawn

export class Drawing {
  // `make(count)` resolves to { points, took, ... } of what is wanted now; `show` takes that.
  constructor({ make, show, fail }) {
    Object.assign(this, { make, show, fail });
    this.count = 512;
    this.wanted = 0; // number of the last change
    this.shown = -1; // number of the change that is in the picture
    this.busy = false;
    this.resting = Promise.resolve();
  }

  // Something changed. `moving`: more changes are likely to follow at once.
  ask(moving) {
    this.wanted += 1;
    clearTimeout(this.timer);
    this.drawSome();
    if (moving) this.timer = setTimeout(() => this.drawAll(), REST);
    else this.drawAll();
  }

  async drawSome() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.shown < this.wanted) {
        const number = this.wanted;
        const count = this.count;
        const drawn = await this.make(count, false);
        if (number <= this.shown) break; // all points were there sooner
        this.shown = number;
        this.show(drawn, false);
        this.adapt(count, drawn.took);
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = false;
    }
  }

  async drawAll() {
    const number = this.wanted;
    try {
      const drawn = await this.make(ALL_POINTS, true);
      if (number !== this.wanted) return; // it moved on, and another drawing is on its way
      this.shown = number;
      this.show(drawn, true);
    } catch (error) {
      this.fail(error);
    }
  }

  adapt(count, took) {
    const fitting = Math.round((count * GOAL) / Math.max(took, 1) / 64) * 64;
    // Halfway there: a single slow drawing says little.
    this.count = Math.max(FEWEST, Math.min(MOST, Math.round((this.count + fitting) / 128) * 64));
  }
}
