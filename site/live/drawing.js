// When to draw, and with how many points.
//
// While something moves, few points are drawn: as many as the time that the last drawing took
// allows. At rest, all of them. There is never more than one drawing of each kind on its way:
// whatever changes meanwhile is drawn next, as it is by then.

export const ALL_POINTS = 2048;
const [FEWEST, MOST] = [384, 768];
const GOAL = 55; // milliseconds for a drawing while dragging
const REST = 160; // milliseconds without a change, after which all points are drawn

export class Drawing {
  // `make(count, all)` resolves to { points, took, ... } of what is wanted now; `show` takes that.
  constructor({ make, show, fail }) {
    Object.assign(this, { make, show, fail });
    this.count = FEWEST;
    this.wanted = 0; // number of the last change
    this.shown = 0; // number of the change that is in the picture
    this.restAt = 0; // when all points are due
    this.busy = false;
    this.busyWithAll = false;
  }

  // Something changed. `moving`: more changes are likely to follow at once.
  ask(moving) {
    this.wanted += 1;
    this.restAt = performance.now() + (moving ? REST : 0);
    this.drawSome();
  }

  async drawSome() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.shown < this.wanted) {
        const number = this.wanted;
        const { count } = this;
        const drawn = await this.make(count, false);
        if (number <= this.shown) continue; // all its points were there sooner
        this.shown = number;
        this.show(drawn, false);
        this.adapt(count, drawn.took);
      }
    } catch (error) {
      this.shown = this.wanted; // what failed is not tried again before something changes
      this.fail(error);
      return;
    } finally {
      this.busy = false;
    }
    // Only then: on a slow machine the first picture should not have to wait for the second.
    this.drawAllSoon();
  }

  drawAllSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.drawAll(), Math.max(0, this.restAt - performance.now()));
  }

  async drawAll() {
    if (this.busy || this.busyWithAll) return; // whoever is busy comes here at the end
    if (performance.now() < this.restAt - 1) {
      this.drawAllSoon();
      return;
    }
    this.busyWithAll = true;
    const number = this.wanted;
    try {
      const drawn = await this.make(ALL_POINTS, true);
      if (number === this.wanted) {
        this.shown = number;
        this.show(drawn, true);
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.busyWithAll = false;
    }
    if (number !== this.wanted) this.drawAllSoon();
  }

  adapt(count, took) {
    const fitting = Math.round((count * GOAL) / Math.max(took, 1) / 64) * 64;
    // Halfway there: a single slow drawing says little.
    this.count = Math.max(FEWEST, Math.min(MOST, Math.round((this.count + fitting) / 128) * 64));
  }
}
