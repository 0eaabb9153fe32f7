// Clouds of points side by side, drawn by WebGL, all seen by one camera.
//
// Used in two places: as the view of the explorer's panel (`render`, called by anywidget), and in
// the live page (`Clouds`). Coordinates are float32 x, y, z with y up, as they come from Python: no
// copy is made of them but the one to the graphics card.

// As in plotly_clouds.py, which says more of them.
const START = { yaw: 0.66, pitch: 0.36, zoom: 1 };
const LENS = Math.PI / 8;
const DISTANCE = 1.05 / Math.sin(LENS);
const ROOM = 1.4;
const POINT = 3.2; // pixels, in the middle of a view that is 360 pixels high
const CLICK = 4; // pixels that a hand may tremble between press and release
const REACH_OF_CLICK = 12; // pixels from the nearest point

const VERTEX = `
attribute vec3 place;
attribute vec3 color;
uniform mat4 camera;
uniform float size;
varying vec3 shade;
void main() {
  gl_Position = camera * vec4(place, 1.0);
  gl_PointSize = size / gl_Position.w;
  shade = color;
}`;
const FRAGMENT = `
precision mediump float;
varying vec3 shade;
uniform bool round;
void main() {
  if (round && length(gl_PointCoord - 0.5) > 0.5) discard;
  gl_FragColor = vec4(shade, 1.0);
}`;

const PAPER = { light: [1, 1, 1], dark: [0.067, 0.067, 0.067] };
const LINES = { light: 221, dark: 68 }; // gray of the floor

class Clouds {
  constructor(el, { titles, radii, height, name }) {
    this.radii = radii;
    this.camera = { ...START };
    this.dark = false;
    this.picking = false;
    this.places = radii.map(() => new Float32Array(0));
    this.colors = new Uint8Array(0);
    this.drawn = 0; // frames so far
    this.stale = new Set(); // views to draw
    this.onPick = () => {};
    this.onTurn = () => {};
    this.build(el, titles, height, name ?? titles.join(", "));
    this.start();
    this.listen();
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(this.canvas);
  }

  build(el, titles, height, name) {
    this.box = document.createElement("div");
    Object.assign(this.box.style, { position: "relative", width: "100%", height });
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas.style, { width: "100%", height: "100%", display: "block" });
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.name = name;
    this.canvas.clouds = this; // for tests, which ask what is drawn
    this.box.append(this.canvas);
    this.titles = titles.map((text, index) => {
      const title = document.createElement("b");
      title.textContent = text;
      Object.assign(title.style, {
        position: "absolute", top: "4px", width: `${100 / titles.length}%`,
        left: `${(100 * index) / titles.length}%`, textAlign: "center",
        pointerEvents: "none", fontSize: "12px",
      });
      this.box.append(title);
      return title;
    });
    el.append(this.box);
  }

  // What a screen reader says.
  label() {
    const count = this.places[0].length / 3;
    const what = this.radii.length > 1 ? `${this.radii.length} clouds side by side` : "A cloud";
    const name = this.name && `: ${this.name}`;
    this.canvas.setAttribute("aria-label", `${what} of ${count} points${name}. `
      + "Drag or press the arrow keys to turn, + and - to zoom, Home to go back.");
  }

  // Everything that is lost with the graphics card's context.
  start() {
    // The drawing is kept, so that a view in which nothing changed need not be drawn anew.
    const options = { antialias: false, preserveDrawingBuffer: true };
    const gl = this.gl = this.canvas.getContext("webgl", options);
    if (!gl) {
      this.box.textContent = "This browser has no WebGL. Use the plotly view instead.";
      return;
    }
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.place = gl.getAttribLocation(program, "place");
    this.color = gl.getAttribLocation(program, "color");
    this.matrix = gl.getUniformLocation(program, "camera");
    this.size = gl.getUniformLocation(program, "size");
    this.round = gl.getUniformLocation(program, "round");
    gl.enableVertexAttribArray(this.place);
    gl.enableVertexAttribArray(this.color);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.SCISSOR_TEST);
    this.buffers = this.radii.map(() => gl.createBuffer());
    this.colorBuffer = gl.createBuffer();
    this.floor = gl.createBuffer();
    this.floorColor = gl.createBuffer();
    this.fill(this.floor, floorLines());
    this.places.forEach((places, view) => this.fill(this.buffers[view], places));
    this.fill(this.colorBuffer, this.colors);
    this.setDark(this.dark);
    this.resize();
  }

  fill(buffer, values) {
    this.gl?.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl?.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.DYNAMIC_DRAW);
  }

  setCloud(view, places) {
    this.places[view] = places;
    this.fill(this.buffers?.[view], places);
    this.label();
    this.ask([view]);
  }

  setColors(colors) {
    this.colors = colors;
    this.fill(this.colorBuffer, colors);
    this.ask();
  }

  setDark(dark) {
    this.dark = dark;
    const theme = dark ? "dark" : "light";
    this.fill(this.floorColor, new Uint8Array(floorLines().length).fill(LINES[theme]));
    const [paper, ink] = dark ? ["#111111", "#dddddd"] : ["#ffffff", "#222222"];
    this.box.style.background = paper;
    for (const title of this.titles) title.style.color = ink;
    this.ask();
  }

  resize() {
    const ratio = Math.min(window.devicePixelRatio, 2);
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.ask();
  }

  // At most one picture a frame: the first change is drawn at once, as soon as all of its message
  // was taken in; whatever changes before the frame ends is drawn with the next, as it is by then.
  ask(views = this.radii.keys()) {
    for (const view of views) this.stale.add(view);
    if (this.asked) return;
    this.asked = true;
    const drawn = () => {
      this.asked = false;
      this.fresh = true;
      this.draw();
      requestAnimationFrame(() => { this.fresh = false; });
    };
    if (this.fresh) requestAnimationFrame(drawn);
    else queueMicrotask(drawn);
  }

  draw() {
    const gl = this.gl;
    if (!gl || gl.isContextLost()) return;
    const width = this.canvas.width / this.radii.length;
    const height = this.canvas.height;
    const [red, green, blue] = PAPER[this.dark ? "dark" : "light"];
    gl.clearColor(red, green, blue, 1);
    gl.uniform1f(this.size, (POINT * DISTANCE * height) / 360);
    for (const view of this.stale) {
      const radius = this.radii[view];
      const left = Math.round(view * width);
      gl.viewport(left, 0, Math.round(width), height);
      gl.scissor(left, 0, Math.round(width), height);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix4fv(this.matrix, false, this.matrixOf(1));
      this.draws(gl.LINES, this.floor, this.floorColor, floorLines().length / 3);
      gl.uniformMatrix4fv(this.matrix, false, this.matrixOf(radius));
      const count = Math.min(this.places[view].length, this.colors.length) / 3;
      this.draws(gl.POINTS, this.buffers[view], this.colorBuffer, count);
    }
    this.stale.clear();
    this.drawn += 1;
  }

  draws(mode, places, colors, count) {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, places);
    gl.vertexAttribPointer(this.place, 3, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, colors);
    gl.vertexAttribPointer(this.color, 3, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.uniform1i(this.round, mode === gl.POINTS); // of a line, there is no place in a point
    gl.drawArrays(mode, 0, count);
  }

  // From coordinates, divided by the radius, to the screen; column by column, as WebGL wants it.
  matrixOf(radius) {
    const { yaw, pitch, zoom } = this.camera;
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const aspect = this.canvas.width / this.radii.length / this.canvas.height;
    const fit = Math.min(1, aspect) / Math.tan(LENS); // a narrow view shows the whole ball too
    const [fx, fy, s] = [fit / aspect, fit, 1 / radius];
    const distance = DISTANCE / zoom;
    const [near, far] = [0.05, distance + 4];
    const [a, b] = [(far + near) / (far - near), (2 * far * near) / (far - near)];
    // Right, up and toward the reader; `toward` counts from the middle.
    const right = [cy, 0, -sy];
    const up = [-sp * sy, cp, -sp * cy];
    const toward = [cp * sy, sp, cp * cy];
    const matrix = new Float32Array(16);
    for (let axis = 0; axis < 3; axis += 1) {
      matrix[4 * axis] = fx * right[axis] * s;
      matrix[4 * axis + 1] = fy * up[axis] * s;
      matrix[4 * axis + 2] = -a * toward[axis] * s;
      matrix[4 * axis + 3] = -toward[axis] * s;
    }
    matrix[14] = a * distance - b;
    matrix[15] = distance;
    return matrix;
  }

  turn(yaw, pitch) {
    this.camera.yaw += yaw;
    this.camera.pitch = Math.max(-1.5, Math.min(1.5, this.camera.pitch + pitch));
    this.ask();
    this.onTurn();
  }

  zoom(factor) {
    this.camera.zoom = Math.max(0.3, Math.min(8, this.camera.zoom * factor));
    this.ask();
    this.onTurn();
  }

  // Which view, and which of its points, lies under a place of the page; null if there is none.
  pick(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const width = box.width / this.radii.length;
    const view = Math.floor((clientX - box.left) / width);
    if (view < 0 || view >= this.radii.length) return null;
    const places = this.places[view];
    const m = this.matrixOf(this.radii[view]);
    let best = null;
    let least = Infinity;
    for (let i = 0; i < places.length; i += 3) {
      const [x, y, z] = [places[i], places[i + 1], places[i + 2]];
      const w = m[3] * x + m[7] * y + m[11] * z + m[15];
      const right = ((m[0] * x + m[4] * y + m[8] * z + m[12]) / w + 1) / 2;
      const down = (1 - (m[1] * x + m[5] * y + m[9] * z + m[13]) / w) / 2;
      const far = Math.hypot(
        box.left + (view + right) * width - clientX, box.top + down * box.height - clientY);
      // Of points that lie behind each other, the nearest to the eye is meant: w is its distance.
      if (far <= REACH_OF_CLICK && far + 4 * w < least) {
        least = far + 4 * w;
        best = { view, point: i / 3 };
      }
    }
    return best;
  }

  listen() {
    const canvas = this.canvas;
    const fingers = new Map(); // where the pointers are that are down, by their ids
    let moved = 0;
    const spread = () => {
      const [one, other] = fingers.values();
      return Math.hypot(one[0] - other[0], one[1] - other[1]);
    };
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 1) moved = 0;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
    });
    canvas.addEventListener("pointermove", (event) => {
      const from = fingers.get(event.pointerId);
      if (!from) return;
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      moved += Math.hypot(dx, dy);
      const before = fingers.size === 2 && spread();
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (before) this.zoom(spread() / before);
      else if (fingers.size === 1 && moved > CLICK) this.turn(-dx / 120, dy / 120);
    });
    canvas.addEventListener("pointerup", (event) => {
      fingers.delete(event.pointerId);
      const picked = this.picking && moved <= CLICK && this.pick(event.clientX, event.clientY);
      if (picked) this.onPick(picked);
    });
    canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
    // Only where it was clicked before: a page that is scrolled should not get stuck here.
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 500));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.press(event));
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.start());
  }

  press(event) {
    const actions = {
      ArrowLeft: () => this.turn(0.1, 0),
      ArrowRight: () => this.turn(-0.1, 0),
      ArrowUp: () => this.turn(0, -0.1),
      ArrowDown: () => this.turn(0, 0.1),
      "+": () => this.zoom(1.15),
      "-": () => this.zoom(1 / 1.15),
      Home: () => {
        this.camera = { ...START };
        this.turn(0, 0);
      },
    };
    if (!actions[event.key]) return;
    actions[event.key]();
    event.preventDefault(); // or the notebook would scroll
    event.stopPropagation(); // or it would take the key for a command
  }

  setPicking(on) {
    this.picking = on;
    this.canvas.style.cursor = on ? "crosshair" : "grab";
  }

  end() {
    this.resized.disconnect();
    // Browsers keep about sixteen contexts; one that is not given back costs another its picture.
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.box.remove();
  }
}

// The bottom of the cube as a grid, so that one sees which way is down.
function floorLines() {
  const ends = [];
  for (let step = -ROOM; step <= ROOM; step += ROOM / 2) {
    ends.push(step, -ROOM, -ROOM, step, -ROOM, ROOM, -ROOM, -ROOM, step, ROOM, -ROOM, step);
  }
  return new Float32Array(ends);
}

// anywidget hands bytes over as a DataView on a buffer that may begin anywhere.
function bytes(view) {
  return view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(0);
}

function floats(view) {
  const raw = bytes(view);
  const aligned = raw.byteOffset % 4 ? raw.slice() : raw;
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

function render({ model, el }) {
  const clouds = new Clouds(el, {
    titles: model.get("titles"),
    radii: model.get("radii"),
    height: `${model.get("height")}px`,
  });
  const handlers = {
    rgb: () => clouds.setColors(bytes(model.get("rgb"))),
    dark: () => clouds.setDark(model.get("dark")),
    picking: () => clouds.setPicking(model.get("picking")),
  };
  model.get("radii").forEach((_, view) => {
    handlers[`cloud${view}`] = () => clouds.setCloud(view, floats(model.get(`cloud${view}`)));
  });
  for (const [name, handler] of Object.entries(handlers)) {
    handler();
    model.on(`change:${name}`, handler);
  }
  clouds.onPick = (picked) => model.send(picked);
  return () => {
    for (const [name, handler] of Object.entries(handlers)) model.off(`change:${name}`, handler);
    clouds.end();
  };
}

export { Clouds };
export default { render };
