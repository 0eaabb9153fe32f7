// Edits of a shape's latents: pure functions, as in pcvae/editing.
//
// A state is { z, flowNoise, noise, temperature }: z is one for the shape; `flowNoise` is what the
// learned prior makes h from, four numbers a point; `noise` is drawn by a seed, for whoever wants
// to forget where h came from. h itself is made in the graph `draw`, and always follows z.

export const POINT_DIM = 4; // numbers of h for each point, three coordinates first

// A place between two draws of noise that looks like a draw of noise itself.
export function slerp(one, other, amount) {
  if (amount === 0 || amount === 1) return amount ? other : one;
  const [cos, sin] = [Math.cos((amount * Math.PI) / 2), Math.sin((amount * Math.PI) / 2)];
  return one.map((value, i) => cos * value + sin * other[i]);
}

export function lerp(one, other, amount) {
  return one.map((value, i) => value + amount * (other[i] - value));
}

// Along principal directions of z, by so many of their standard deviations.
export function moveStyle(state, directions, amounts) {
  if (!amounts.some(Boolean)) return state;
  const size = state.z.length;
  const z = state.z.map((value, s) => amounts.reduce(
    (sum, amount, k) => sum + amount * directions.deviations[k] * directions.basis[k * size + s],
    value));
  return { ...state, z };
}

// By what changes of factors, in the factors' own units, do to z: `FactorCurve.change`.
export function moveFactors(state, family, changes) {
  if (!Object.values(changes).some(Boolean)) return state;
  const { names, curve } = family;
  const own = ownFactors(state.z, curve);
  const asked = own.map((value, f) => value + (changes[names[f]] ?? 0) / curve.spread[f]);
  const [before, after] = [withProducts(own), withProducts(asked)];
  const size = state.z.length;
  const z = state.z.slice();
  after.forEach((value, p) => {
    const change = value - before[p];
    if (change) for (let s = 0; s < size; s += 1) z[s] += change * curve.weights[p * size + s];
  });
  return { ...state, z };
}

// What z says of a shape's factors, minus their means and in standard deviations.
function ownFactors(z, { styleMean, readout, limits, spread }) {
  const count = spread.length;
  return Array.from(spread, (_, f) => {
    let sum = 0;
    for (let s = 0; s < z.length; s += 1) sum += (z[s] - styleMean[s]) * readout[s * count + f];
    return Math.max(limits[f], Math.min(limits[count + f], sum));
  });
}

// The same in the factors' own units, for shapes whose factors nobody knows.
export function factorsOf(z, { names, mean, curve }) {
  const own = ownFactors(z, curve);
  return Object.fromEntries(names.map((name, f) => [name, mean[f] + own[f] * curve.spread[f]]));
}

function withProducts(factors) {
  const products = factors.flatMap((one, i) => factors.slice(i).map((other) => one * other));
  return [...factors, ...products];
}

// Which family a z looks like: the largest of linear functions that were fitted to tell them apart.
export function looksLike(z, { weights, bias, names }) {
  const count = names.length;
  const scores = names.map((_, f) => z.reduce(
    (sum, value, s) => sum + value * weights[s * count + f], bias[f]));
  return names[scores.indexOf(Math.max(...scores))];
}

// Points of two clouds in pairs that lie in like places: `match_points`. Both are halved at their
// middles along x, y and z in turn, and points that went the same way are a pair.
export function matchPoints(one, other) {
  const [first, second] = [halved(one), halved(other)];
  const order = new Int32Array(first.length);
  first.forEach((point, i) => { order[point] = second[i]; });
  return order;
}

function halved(points) {
  let groups = [Array.from({ length: points.length / 3 }, (_, i) => i)];
  for (let axis = 0; groups.some((group) => group.length > 1); axis = (axis + 1) % 3) {
    groups = groups.flatMap((group) => {
      const ranked = [...group].sort((a, b) => points[3 * a + axis] - points[3 * b + axis]);
      const middle = group.length >> 1;
      return [ranked.slice(0, middle), ranked.slice(middle)].filter((part) => part.length);
    });
  }
  return groups.flat();
}

function inOrder(noise, order) {
  const sorted = new Float32Array(noise.length);
  order.forEach((from, to) => {
    sorted.set(noise.subarray(POINT_DIM * from, POINT_DIM * (from + 1)), POINT_DIM * to);
  });
  return sorted;
}

// What is taken of another shape, as `with_style_of`, `with_points_of` and `interpolate` do.
// `order` has the partner of each point among the other's.
export function mix(one, other, what, amount, order) {
  if (what === "swap z") return { ...one, z: other.z };
  if (what === "swap h") return { ...other, z: one.z };
  if (what === "nothing" || amount === 0) return one;
  const state = what === "h" ? one : { ...one, z: lerp(one.z, other.z, amount) };
  if (what === "z") return state;
  return {
    ...state,
    flowNoise: slerp(one.flowNoise, inOrder(other.flowNoise, order), amount),
    noise: slerp(one.noise, inOrder(other.noise, order), amount),
  };
}

export function forgetInput(state, amount) {
  return { ...state, flowNoise: slerp(state.flowNoise, state.noise, amount) };
}

// The noise that is drawn from, of the first points only while a slider is dragged.
export function noiseToDraw({ flowNoise, temperature }, count) {
  const some = flowNoise.subarray(0, POINT_DIM * count);
  return temperature === 1 ? some.slice() : some.map((value) => temperature * value);
}
