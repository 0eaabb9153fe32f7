// A walk from this shape to the other: the amount that is mixed in goes from 0 to 1, and back when
// it is played again. Each step is asked for when the last one was drawn.

const DURATION = 5000; // milliseconds
const STOPS = 5; // for readers who want no motion: so many pictures, one a second
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Walk {
  // `go(amount)` shows a place of the walk; `tell(playing)` hears of beginning and end.
  constructor(go, tell) {
    Object.assign(this, { go, tell, playing: false });
  }

  play() {
    this.playing = true;
    this.started = performance.now();
    this.tell(true);
    this.step();
  }

  step() {
    if (!this.playing) return;
    let place = Math.min(1, (performance.now() - this.started) / DURATION);
    if (still.matches) place = Math.floor(place * STOPS) / STOPS;
    this.go(Number(place.toFixed(3)), place < 1);
    if (place >= 1) this.stop();
    else this.timer = setTimeout(() => this.step(), still.matches ? DURATION / STOPS : 30);
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    clearTimeout(this.timer);
    this.tell(false);
  }
}
