// The large picture: the cloud, and on demand the original beside it.
//
// A point has the color of its height in the original cloud, and keeps it wherever it moves.

import { Clouds } from "./clouds.js";
import { byHeight } from "./coloring.js";

export class Picture {
  // `hear` is called when the reader has turned it.
  constructor(parent, hear) {
    Object.assign(this, { parent, hear, dark: false, comparing: false });
    this.build();
    this.home = JSON.stringify(this.view.camera); // where everybody starts from
  }

  build() {
    const camera = this.view?.camera;
    this.view?.end();
    const titles = this.comparing ? ["original", "model"] : [""];
    this.view = new Clouds(this.parent, {
      titles, radii: titles.map(() => 1), height: "100%", name: this.shape?.name ?? "",
    });
    if (camera) this.view.camera = camera;
    this.view.onTurn = this.hear;
    this.view.setDark(this.dark);
    if (this.rgb) this.view.setColors(this.rgb);
    if (this.points) this.view.setCloud(titles.length - 1, this.points);
  }

  // Null where nobody has turned it.
  get camera() {
    return JSON.stringify(this.view.camera) === this.home ? null : this.view.camera;
  }

  set camera(camera) {
    if (!camera) return;
    this.view.camera = { ...camera };
    this.view.ask();
  }

  setDark(dark) {
    this.dark = dark;
    this.view.setDark(dark);
    if (this.colored) this.paint(this.colored);
  }

  paint(points) {
    this.colored = points;
    this.rgb = byHeight(points, this.dark);
    this.view.setColors(this.rgb);
  }

  show(shape, points) {
    this.view.name = shape.name;
    if (shape !== this.shape) {
      // What has no original yet is colored by itself, until all its points are there.
      this.paint(shape.original ?? points);
      if (this.comparing && shape.original) this.view.setCloud(0, shape.original);
      this.shape = shape.original ? shape : null;
    }
    this.points = points;
    this.view.setCloud(this.comparing ? 1 : 0, points);
  }

  // Show the original, too; or no longer, if there is none.
  compare(original) {
    this.comparing = Boolean(original);
    this.build();
    if (original) this.view.setCloud(0, original);
  }
}
