// Points on surfaces, thinned evenly and brought into the unit sphere, as pcvae/geometry.py does.

const OVERSAMPLING = 4; // points drawn for each that is kept

// A stream of its own, so that a file is sampled the same way each time: "mulberry32".
function uniform(seed = 0) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Uniformly by area (Osada et al., "Shape Distributions", 2002, section 4.1).
function sampleFaces(vertices, faces, count, random) {
  const corner = (number, axis) => vertices[3 * number + axis];
  const sums = new Float64Array(faces.length / 3);
  let total = 0;
  for (let f = 0; f < sums.length; f += 1) {
    const [a, b, c] = faces.subarray(3 * f, 3 * f + 3);
    const [u, v] = [b, c].map((n) => [0, 1, 2].map((axis) => corner(n, axis) - corner(a, axis)));
    total += Math.hypot(
      u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
    sums[f] = total;
  }
  if (!(total > 0 && total < Infinity)) {
    throw new Error(`it has no surface to sample: ${sums.length} faces without area`);
  }
  const points = new Float64Array(3 * count);
  for (let i = 0; i < count; i += 1) {
    const target = random() * total;
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > target) high = middle;
      else low = middle + 1;
    }
    const [a, b, c] = faces.subarray(3 * low, 3 * low + 3);
    const [root, along] = [Math.sqrt(random()), random()]; // the root: equal areas, equal chances
    for (let axis = 0; axis < 3; axis += 1) {
      points[3 * i + axis] = (1 - root) * corner(a, axis)
        + root * ((1 - along) * corner(b, axis) + along * corner(c, axis));
    }
  }
  return points;
}

function take(points, indices) {
  const taken = new Float64Array(3 * indices.length);
  indices.forEach((from, to) => taken.set(points.subarray(3 * from, 3 * from + 3), 3 * to));
  return taken;
}

// Each next point is the one farthest from all chosen so far: the first k are a fair choice of k.
function farthestPoints(points, count) {
  const total = points.length / 3;
  const nearest = new Float64Array(total).fill(Infinity);
  const chosen = new Int32Array(count);
  let index = 0;
  for (let step = 0; step < count; step += 1) {
    chosen[step] = index;
    const [x, y, z] = points.subarray(3 * index, 3 * index + 3);
    let most = -1;
    for (let i = 0; i < total; i += 1) {
      const far = (points[3 * i] - x) ** 2 + (points[3 * i + 1] - y) ** 2
        + (points[3 * i + 2] - z) ** 2;
      if (far < nearest[i]) nearest[i] = far;
      if (nearest[i] > most) {
        most = nearest[i];
        index = i;
      }
    }
  }
  return chosen;
}

function toUnitSphere(points) {
  const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  points.forEach((value, i) => {
    low[i % 3] = Math.min(low[i % 3], value);
    high[i % 3] = Math.max(high[i % 3], value);
  });
  const moved = points.map((value, i) => value - (low[i % 3] + high[i % 3]) / 2);
  let radius = 0;
  for (let i = 0; i < moved.length; i += 3) {
    radius = Math.max(radius, Math.hypot(moved[i], moved[i + 1], moved[i + 2]));
  }
  if (radius === 0) throw new Error("all its points are one and the same");
  return Float32Array.from(moved, (value) => value / radius);
}

// Evenly spread points of a mesh or of a set of points, in the unit sphere.
export function sampleEvenly({ vertices, faces }, count) {
  const random = uniform();
  const many = OVERSAMPLING * count;
  let dense = vertices;
  if (faces) {
    dense = sampleFaces(vertices, faces, many, random);
  } else if (vertices.length / 3 > many) {
    const step = vertices.length / 3 / many; // one of each stretch of the file
    const some = Array.from({ length: many }, (_, i) => Math.floor((i + random()) * step));
    dense = take(vertices, some);
  }
  const there = dense.length / 3;
  const kept = there < count
    ? Array.from({ length: count }, () => Math.floor(random() * there))
    : farthestPoints(dense, count);
  return toUnitSphere(take(dense, kept));
}
