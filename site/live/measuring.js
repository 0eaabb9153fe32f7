// Factors read off a cloud, in the factors' own units: `estimate` of each family in pcvae/shapes.
//
// Clouds are in data units, Y up, front to +Z. tests/browser/test_live_page.py holds these
// estimators to the package's on the same clouds.

import { everything, lowerEnd, median, quantile, share, slope, upperEnd } from "./estimators.js";
import { scaleOf } from "./surfaces.js";

const { abs, fround } = Math;
// In single precision, as NumPy keeps it: a point at the edge of a mask is in or out in both.
const hypot = (a, b) => fround(Math.hypot(a, b));
const DEGREES = 180 / Math.PI;
export const FEWEST_POINTS = 128; // the estimators read quantiles of small groups of points

function chair({ x, y, z }) {
  const across = x.map(abs);
  const [floor, top] = [lowerEnd(y, everything), upperEnd(y, everything)];
  const [seatBottom, seatTop] = seatFaces(across, y, z, floor, top);
  const seat = (i) => y[i] > seatBottom - 0.04 && y[i] < seatTop + 0.04;
  const halfWidth = quantile(across, seat, 0.97);
  const [rear, front] = [quantile(z, seat, 0.03), quantile(z, seat, 0.97)];
  const sides = (i) => across[i] > 0.6 * halfWidth && z[i] > rear + 0.4 * (front - rear);
  const above = (i) => sides(i) && y[i] > seatTop + 0.1;
  const armrests = share(x.length, above) > 0.015;
  return {
    leg_height: seatBottom - floor,
    seat_width: 2 * halfWidth,
    seat_depth: front - rear,
    seat_thickness: seatTop - seatBottom,
    back_height: top - seatTop,
    back_tilt: tilt(across, y, z, seatTop, top, halfWidth),
    armrests: Number(armrests),
    arm_height: armrests ? quantile(y, above, 0.85) - seatTop : NaN,
  };
}

// Near the front, between the legs and beside a pedestal, there is nothing but the seat.
function seatFaces(across, y, z, floor, top) {
  const halfWidth = upperEnd(across, everything);
  const [rear, front] = [lowerEnd(z, everything), upperEnd(z, everything)];
  const height = top - floor;
  const clear = (i) => across[i] > 0.08 && across[i] < 0.5 * halfWidth
    && z[i] > front - 0.4 * (front - rear)
    && y[i] > floor + 0.14 * height && y[i] < floor + 0.85 * height;
  return [quantile(y, clear, 0.25), quantile(y, clear, 0.75)];
}

function tilt(across, y, z, seatTop, top, halfWidth) {
  const high = (i) => across[i] < 0.55 * halfWidth && y[i] > seatTop + 0.15 * (top - seatTop);
  const middle = median(z, high);
  const back = (i) => high(i) && abs(z[i] - middle) < 0.4;
  return DEGREES * Math.atan(-slope(y, z, back));
}

function table({ x, y, z }) {
  const [across, along] = [x.map(abs), z.map(abs)];
  const floor = lowerEnd(y, everything);
  const [under, upper] = topFaces(across, x, y, z);
  const top = (i) => y[i] > under - 0.04;
  // Near the middle line even an oval ends abruptly.
  const depth = 2 * upperEnd(along, (i) => top(i) && across[i] < 0.15, 0.9, 0.95);
  const width = 2 * upperEnd(across, (i) => top(i) && along[i] < 0.15 * depth, 0.9, 0.95);
  const corner = (i) => across[i] > 0.375 * width && along[i] > 0.375 * depth;
  return {
    width,
    depth,
    height: upper - floor,
    top_thickness: upper - under,
    top_shape: Number(share(x.length, corner, top) < 0.03),
  };
}

// Beside a pedestal and between legs there is nothing but the top, high up.
function topFaces(across, x, y, z) {
  const [highest, widest] = [upperEnd(y, everything), upperEnd(across, everything)];
  const clear = (i) => hypot(x[i], z[i]) > 0.18 && across[i] < 0.6 * widest && y[i] > highest - 0.2;
  return [quantile(y, clear, 0.25), quantile(y, clear, 0.75)];
}

function lamp({ x, y, z }) {
  const r = x.map((value, i) => hypot(value, z[i]));
  const [low, high] = [lowerEnd(y, everything), upperEnd(y, everything)];
  const length = high - low;
  const hanging = hangs(r, y.map((value) => (value - low) / length));
  const along = y.map((value) => (hanging ? high - value : value - low)); // 0 at the base
  const pole = quantile(r, (i) => along[i] / length > 0.15 && along[i] / length < 0.33, 0.75);
  const wide = (i) => r[i] > 0.03 + 1.3 * pole;
  const begin = lowerEnd(along, (i) => wide(i) && along[i] > 0.12 * length, 0.92, 0.96);
  // How far up the shade each point is: 0 at its wide end.
  const up = along.map((value) => (hanging ? length - value : value - begin) / (length - begin));
  const wideEnd = median(r, (i) => wide(i) && abs(up[i]) < 0.08);
  const narrow = median(r, (i) => abs(up[i] - 0.9) < 0.1);
  return {
    mount: Number(hanging),
    base_radius: quantile(r, (i) => along[i] < 0.03 + 0.02 * length, 0.93),
    pole_height: begin,
    shade_radius: wideEnd,
    shade_height: length - begin,
    shade_taper: (wideEnd + (narrow - wideEnd) / 0.9) / wideEnd,
  };
}

// Whether the shade, wide from near its end on, is the lower of both ends.
function hangs(r, level) {
  let [below, above] = [0, 0];
  for (let i = 0; i < r.length; i += 1) {
    if (r[i] > 0.1 && level[i] > 0.1 && level[i] < 0.18) below += 1;
    if (r[i] > 0.1 && level[i] > 0.82 && level[i] < 0.9) above += 1;
  }
  return below > above;
}

const TIPS = [0.985, 0.995]; // quantiles from which pointed ends are extended

function airplane({ x, y, z }) {
  const across = x.map(abs);
  const halfSpan = upperEnd(across, everything, ...TIPS);
  const [radius, middle] = fuselage(across, x, y, z);
  const body = (i) => across[i] < 1.3 * radius;
  const [chord, sweep] = wings(across.map((value) => value / halfSpan), across, z);
  return {
    fuselage_length: upperEnd(z, body, ...TIPS) - lowerEnd(z, body, ...TIPS),
    fuselage_radius: radius,
    wing_span: 2 * halfSpan,
    wing_chord: chord,
    wing_sweep: sweep,
    tail_height: finTop(across, y, z) - middle - radius,
  };
}

// Radius and height of the fuselage, from the part between nose and wings.
function fuselage(across, x, y, z) {
  const [rear, front] = [lowerEnd(z, everything), upperEnd(z, everything)];
  const place = z.map((value) => (value - rear) / (front - rear));
  const tube = (i) => place[i] > 0.7 && place[i] < 0.86 && across[i] < 0.2;
  const middle = median(y, tube);
  return [median(x.map((value, i) => Math.hypot(value, y[i] - middle)), tube), middle];
}

// Chord and sweep of the wings, outside of tail plane and engines.
function wings(place, across, z) {
  const sweep = slope(across, z, (i) => place[i] > 0.52 && place[i] < 0.96);
  const ahead = z.map((value, i) => value - sweep * across[i]);
  const outer = (i) => place[i] > 0.55 && place[i] < 0.65;
  const width = quantile(ahead, outer, 0.9) - quantile(ahead, outer, 0.1);
  return [width / 0.8, DEGREES * Math.atan(-sweep)];
}

function finTop(across, y, z) {
  const rear = lowerEnd(z, everything);
  return upperEnd(y, (i) => across[i] < 0.06 && z[i] < 0.5 * rear);
}

const GAP = 0.07; // from the wall to what is taken for the handle

function mug({ x, y, z }) {
  const [low, high] = [quantile(y, everything, 0.03), upperEnd(y, everything)];
  const level = y.map((value) => (value - low) / (high - low));
  const [rim, foot] = radii(z.map(abs), level);
  // The left side, which no handle disturbs, says where the axis is.
  const axis = lowerEnd(x, (i) => level[i] > 0.8, 0.9, 0.95) + rim + 0.1 * (foot - rim);
  const wall = (i) => foot + (rim - foot) * level[i];
  const handle = (i) => x[i] - axis - wall(i) > GAP && abs(z[i]) < 0.15;
  const found = share(x.length, handle) > 0.008;
  const reach = upperEnd(x.map((value) => value - axis - rim), handle, 0.85, 0.93);
  const height = quantile(level, handle, 0.97) - quantile(level, handle, 0.03);
  return {
    radius: rim,
    height: high - low,
    taper: foot / rim,
    handle: Number(found),
    handle_reach: found ? reach : NaN,
    // The quantiles leave out 15%; and at the wall the loop is higher.
    handle_height: found
      ? height / (0.85 * Math.sqrt(Math.max(1 - (GAP / reach) ** 2, 0.25))) : NaN,
  };
}

// Radius at the rim and at the bottom, from two bands of the wall seen from the side.
function radii(aside, level) {
  const [upper, lower] = [0.85, 0.25].map(
    (at) => upperEnd(aside, (i) => abs(level[i] - at) < 0.08, 0.9, 0.95));
  const growth = (upper - lower) / 0.6;
  return [upper + 0.15 * growth, lower - 0.25 * growth];
}

const ESTIMATES = { chair, table, lamp, airplane, mug };

// Lengths in cloud units, as `Family.measure` has them; null where there are too few points.
export function estimate(family, points) {
  const count = points.length / 3;
  if (count < FEWEST_POINTS) return null;
  const [x, y, z] = [0, 1, 2].map(
    (axis) => Float64Array.from({ length: count }, (_, i) => points[3 * i + axis]));
  return ESTIMATES[family]({ x, y, z });
}

// Moved so that the middle of its bounding box is at 0: what a model decodes is so only nearly.
function centered(points) {
  const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  points.forEach((value, i) => {
    low[i % 3] = Math.min(low[i % 3], value);
    high[i % 3] = Math.max(high[i % 3], value);
  });
  const middle = low.map((value, axis) => fround(fround(value + high[axis]) / 2));
  return points.map((value, i) => value - middle[i % 3]);
}

// Clouds have no size: lengths come back to cm by the scale of the shape that was asked for.
export function measure(family, points, asked) {
  const found = estimate(family.name, centered(points));
  if (!found) return {};
  const scale = scaleOf(family, asked);
  const isLength = Object.fromEntries(
    family.factors.map(({ name, unit }) => [name, unit === "cm" || unit === "m"]));
  return Object.fromEntries(Object.entries(found).map(
    ([name, value]) => [name, isLength[name] ? value / scale : value]));
}
