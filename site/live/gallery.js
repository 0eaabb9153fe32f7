// A strip of small pictures to choose a shape from.

import { byHeight } from "./coloring.js";

const SIDE = 56; // pixels
const [YAW, PITCH] = [0.66, 0.36]; // as the large picture starts

// Seen from afar, farthest points first.
function drawSmall(canvas, points, dark) {
  const ratio = Math.min(window.devicePixelRatio, 2);
  canvas.width = SIDE * ratio;
  canvas.height = SIDE * ratio;
  const context = canvas.getContext("2d", { willReadFrequently: true }); // not by the graphics card
  if (!context) return;
  const rgb = byHeight(points, dark);
  const [cy, sy, cp, sp] = [Math.cos(YAW), Math.sin(YAW), Math.cos(PITCH), Math.sin(PITCH)];
  const seen = [];
  for (let i = 0; i < points.length; i += 3) {
    const [x, y, z] = points.subarray(i, i + 3);
    const right = cy * x - sy * z;
    const back = sy * x + cy * z;
    seen.push([cp * back + sp * y, right, cp * y - sp * back, i]);
  }
  seen.sort((a, b) => a[0] - b[0]);
  const half = (SIDE * ratio) / 2;
  for (const [, right, up, i] of seen) {
    context.fillStyle = `rgb(${rgb[i]} ${rgb[i + 1]} ${rgb[i + 2]})`;
    context.fillRect(half * (1 + 0.92 * right), half * (1 - 0.92 * up), 1.5 * ratio, 1.5 * ratio);
  }
}

export class Gallery {
  constructor(parent, shapes, hear) {
    Object.assign(this, { parent, shapes, hear, buttons: new Map(), groups: new Map() });
    this.dark = null; // no pictures before it is known
    this.update();
    parent.addEventListener("keydown", (event) => this.press(event));
  }

  // Add whatever shapes are new.
  update() {
    for (const shape of this.shapes.list) {
      if (!this.buttons.has(shape.key)) this.addButton(shape);
    }
  }

  addButton(shape) {
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = -1; // one stop for the tab key in all: the shape that is chosen
    button.title = shape.credit ? `${shape.name} (${shape.credit})` : shape.name;
    button.dataset.shape = shape.key;
    button.setAttribute("aria-label", shape.name);
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    button.append(canvas);
    button.addEventListener("click", () => this.hear(shape.key));
    this.group(shape.group).append(button);
    this.buttons.set(shape.key, button);
    this.picture(shape);
  }

  group(name) {
    if (!this.groups.has(name)) {
      const box = document.createElement("div");
      box.className = "group";
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", name);
      const title = document.createElement("span");
      title.textContent = name;
      const row = document.createElement("div");
      box.append(title, row);
      this.parent.append(box);
      this.groups.set(name, row);
    }
    return this.groups.get(name);
  }

  picture(shape) {
    const canvas = this.buttons.get(shape.key)?.querySelector("canvas");
    if (canvas && shape.original && this.dark !== null) drawSmall(canvas, shape.original.subarray(0, 3 * 600), this.dark);
  }

  setDark(dark) {
    this.dark = dark;
    for (const shape of this.shapes.list) this.picture(shape);
  }

  // Arrow keys go from picture to picture.
  press(event) {
    const buttons = [...this.parent.querySelectorAll("button")];
    const place = buttons.indexOf(document.activeElement);
    const to = {
      ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: buttons.length - 1,
    }[event.key];
    if (place < 0 || to === undefined) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, to))].focus();
  }

  choose(key) {
    for (const [name, button] of this.buttons) {
      const chosen = name === key;
      if (chosen && button.getAttribute("aria-pressed") !== "true") {
        // Only the strip scrolls, never the page.
        const left = button.offsetLeft - this.parent.offsetLeft;
        const { scrollLeft, clientWidth } = this.parent;
        if (left < scrollLeft || left + SIDE > scrollLeft + clientWidth) {
          this.parent.scrollLeft = left - clientWidth / 2;
        }
      }
      button.setAttribute("aria-pressed", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
  }
}
