// How long one cm (or m) of a shape is in its cloud: corners of the families' surfaces.
//
// A cloud is scaled so that the farthest corner of its surface has norm 1, with the middle of the
// bounding box at 0. Which corner that is depends on all factors, so the corners are made here as
// `parts` of each family in pcvae/shapes makes them: where they are, without triangles.

const radians = (degrees) => (degrees * Math.PI) / 180;

function ellipse(center, u, v, sides = 24) {
  return Array.from({ length: sides }, (_, i) => {
    const turn = (2 * Math.PI * i) / sides;
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    return [0, 1, 2].map((axis) => center[axis] + cos * u[axis] + sin * v[axis]);
  });
}

// Its top is moved by `lean` along z.
function box(x, y, z, lean = 0) {
  const corners = [];
  for (const at of x) {
    for (const depth of z) {
      corners.push([at, y[0], depth], [at, y[1], depth + lean]);
    }
  }
  return corners;
}

// A profile of (radius, height) pairs, turned around the upright axis.
function lathe(profile, sides = 24) {
  return profile.flatMap(
    ([radius, y]) => ellipse([0, y, 0], [radius, 0, 0], [0, 0, -radius], sides));
}

const mirrored = (corners) => corners.map(([x, y, z]) => [-x, y, z]);
const bothSides = (corners) => [...corners, ...mirrored(corners)];

function chair(f) {
  const [w, d, t] = [f.seat_width / 2, f.seat_depth / 2, f.leg_thickness];
  const top = f.leg_height + f.seat_thickness;
  const lean = -Math.tan(radians(f.back_tilt)); // z gained per unit of height
  const corners = box([-w, w], [f.leg_height, top], [-d, d]);
  if (f.base === 0) {
    for (const z of [[-d, t - d], [d - t, d]]) {
      corners.push(...bothSides(box([w - t, w], [0, f.leg_height], z)));
    }
  } else {
    const radius = 0.4 * Math.min(f.seat_width, f.seat_depth);
    const column = 0.5 * t + 1;
    corners.push(...lathe([[radius, 0], [radius, 1.5], [column, 4], [column, f.leg_height]]));
  }
  // Slats lie within the panel, and a rail ends where it ends: all backs reach equally far.
  const [rear, high] = [-d, top + f.back_height];
  corners.push(...box([-w, w], [top, high], [rear, rear + 3], lean * f.back_height));
  if (f.armrests === 1) {
    const rest = top + f.arm_height;
    const behind = -d + lean * f.arm_height;
    corners.push(...bothSides(box([w - t, w], [rest - 3, rest], [behind, 0.8 * d])));
  }
  return corners;
}

function table(f) {
  const under = f.height - f.top_thickness;
  const [w, d, t] = [f.width / 2, f.depth / 2, f.leg_thickness];
  const reach = f.top_shape === 1 ? 0.68 : 1;
  const corners = f.top_shape === 1
    ? [under, f.height].flatMap((y) => ellipse([0, y, 0], [w, 0, 0], [0, 0, -d], 48))
    : box([-w, w], [under, f.height], [-d, d]);
  if (f.base === 0) {
    const [x, z] = [reach * w - f.leg_inset, reach * d - f.leg_inset];
    for (const span of [[-z, t - z], [z - t, z]]) {
      corners.push(...bothSides(box([x - t, x], [0, under], span)));
    }
  } else if (f.base === 1) {
    const foot = 0.32 * Math.min(f.width, f.depth);
    corners.push(...lathe([[foot, 0], [foot, 2], [t, 5], [t, under]]));
  } else {
    const [x, z] = [reach * w, 0.9 * reach * d];
    corners.push(...bothSides(box([x - t / 2, x], [0, under], [-z, z])));
  }
  return corners;
}

function lamp(f) {
  const hanging = f.mount === 1;
  const low = hanging ? 0 : f.pole_height; // lower end of the shade
  const base = hanging ? f.pole_height + f.shade_height - 3 : 0;
  const [lower, upper] = hanging ? [0.7, 1] : [1, 0.7];
  const from = hanging ? 0.6 * f.shade_height : 3;
  const to = hanging ? base : low + 0.8 * f.shade_height;
  const profile = [
    [lower * f.base_radius, base], [f.base_radius, base + 1.5], [upper * f.base_radius, base + 3],
    [f.pole_radius, from], [f.pole_radius, to],
  ];
  if (f.shade_style === 0) {
    profile.push([f.shade_radius, low], [f.shade_taper * f.shade_radius, low + f.shade_height]);
  } else {
    const last = (0.98 * Math.PI) / 2; // a ring without radius would have no direction
    const turns = [...Array.from({ length: 8 }, (_, i) => (i * Math.PI) / 16), last];
    for (const turn of turns) {
      profile.push([
        f.shade_radius * Math.cos(turn),
        low + (f.shade_height * Math.sin(turn)) / Math.sin(last),
      ]);
    }
  }
  return lathe(profile);
}

// Radius along the fuselage, from the tail (0) to the nose (1), as a share of the full radius.
const OUTLINE = [[0, 0.15], [0.12, 0.6], [0.3, 1], [0.86, 1], [0.94, 0.75], [0.98, 0.42], [1, 0.1]];

function airplane(f) {
  const length = f.fuselage_length;
  const rootZ = (0.52 - 0.5) * length;
  const rootY = (f.wing_height === 1 ? 0.75 : -0.6) * f.fuselage_radius;
  const rootChord = (2 * f.wing_chord) / (1 + f.wing_taper);
  const swept = Math.tan(radians(f.wing_sweep)); // z lost per unit of x
  const section = (x, y, z, chord) => ellipse(
    [x, y, z], [0, (0.12 * chord) / 2, 0], [0, 0, chord / 2], 10);
  const corners = OUTLINE.flatMap(([place, part]) => {
    const radius = part * f.fuselage_radius;
    const center = [0, f.fuselage_radius * Math.max(0, 0.3 - place), (place - 0.5) * length];
    return ellipse(center, [radius, 0, 0], [0, radius, 0]);
  });
  const half = f.wing_span / 2;
  const wing = [
    ...section(0, rootY, rootZ, rootChord),
    ...section(half, rootY + 0.05 * half, rootZ - swept * half, f.wing_taper * rootChord),
  ];
  const tailHalf = (f.tail_span * f.wing_span) / 2;
  const chord = 0.09 * length;
  const onFin = f.tail_plane === 1;
  const y = onFin ? f.fuselage_radius + 0.95 * f.tail_height : 0.4 * f.fuselage_radius;
  const z = (onFin ? -0.44 : -0.4) * length;
  const reach = Math.min(0.3 * tailHalf, 0.06 * length); // how far the tips lie behind
  const tail = [...section(0, y, z, chord), ...section(tailHalf, y, z - reach, 0.55 * chord)];
  corners.push(...bothSides(wing), ...bothSides(tail));
  [0.3, 0.48].slice(0, f.engines).forEach((place) => {
    const radius = 0.42 * f.fuselage_radius;
    const x = (place * f.wing_span) / 2;
    const low = rootY + 0.05 * x - 1.3 * radius;
    const front = rootZ - swept * x + (rootChord * (1 - place * (1 - f.wing_taper))) / 2;
    for (const [part, size] of [[0, 0.6], [0.5, 1], [1, 0.9]]) {
      const r = size * radius;
      const center = [x, low, front + (part - 0.5) * 2.2 * f.fuselage_radius];
      corners.push(...bothSides(ellipse(center, [r, 0, 0], [0, r, 0], 16)));
    }
  });
  const top = f.fuselage_radius + f.tail_height;
  for (const [level, size] of [[0.2 * f.fuselage_radius, 0.17], [top, 0.09]]) {
    const long = (size * length) / 2;
    const center = [0, level, long - 0.49 * length];
    corners.push(...ellipse(center, [0, 0, long], [0.1 * long, 0, 0], 10));
  }
  return corners;
}

function mug(f) {
  const foot = f.taper * f.radius;
  const corners = lathe([[foot, 0], [f.radius, f.height]], 40); // its inside lies within
  if (f.handle === 1) {
    for (let i = 0; i < 13; i += 1) {
      const turn = -Math.PI / 2 + (i * Math.PI) / 12;
      const rise = (f.handle_height * f.height - f.handle_thickness) / 2;
      const y = f.height / 2 + rise * Math.sin(turn);
      const start = f.radius * (f.taper + ((1 - f.taper) * y) / f.height) - f.wall / 2;
      const reach = f.radius + f.handle_reach - f.handle_thickness / 2 - start;
      const [alongX, alongY] = [-reach * Math.sin(turn), rise * Math.cos(turn)];
      const half = f.handle_thickness / 2;
      const size = half / Math.hypot(alongX, alongY);
      const center = [start + reach * Math.cos(turn), y, 0];
      corners.push(...ellipse(center, [0, 0, half], [alongY * size, -alongX * size, 0], 12));
    }
  }
  return corners;
}

const CORNERS = { chair, table, lamp, airplane, mug };

// The factors within their bounds, counts and choices rounded, as `allowed` in
// pcvae/editing/factors.py has them.
export function allowed(family, factors) {
  return Object.fromEntries(family.factors.map(({ name, bounds: [low, high], kind }) => {
    const wanted = factors[name] ?? NaN;
    const value = Math.max(low, Math.min(high, Number.isNaN(wanted) ? (low + high) / 2 : wanted));
    return [name, kind === "continuous" ? value : roundHalfEven(value)];
  }));
}

// As Python rounds.
export function roundHalfEven(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

export function scaleOf(family, factors) {
  const corners = CORNERS[family.name](allowed(family, factors));
  const middle = [0, 1, 2].map((axis) => {
    const [low, high] = corners.reduce(
      ([least, most], corner) => [Math.min(least, corner[axis]), Math.max(most, corner[axis])],
      [Infinity, -Infinity]);
    return (low + high) / 2;
  });
  return 1 / Math.max(...corners.map((c) => Math.hypot(...c.map((at, axis) => at - middle[axis]))));
}
