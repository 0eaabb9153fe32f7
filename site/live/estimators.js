// Robust statistics from which factors are read off clouds: pcvae/shapes/estimators.py.
//
// `values` has a number for each point; `mask`, a function of a point's index, says which count.
// Where none counts, the answer is NaN, and NaN goes on through whatever is worked out from it.

function ranked(values, mask) {
  const chosen = new Float64Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i += 1) {
    if (mask(i)) {
      chosen[count] = values[i];
      count += 1;
    }
  }
  return chosen.subarray(0, count).sort();
}

function quantileOf(sorted, level) {
  if (sorted.length === 0) return NaN;
  const place = level * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

export const everything = () => true;

export function quantile(values, mask, level) {
  return quantileOf(ranked(values, mask), level);
}

export function median(values, mask) {
  return quantile(values, mask, 0.5);
}

// Two high quantiles are extended in a straight line to level 1, but not beyond the 0.997 quantile.
export function upperEnd(values, mask, inner = 0.96, outer = 0.98) {
  const sorted = ranked(values, mask);
  const [a, b] = [quantileOf(sorted, inner), quantileOf(sorted, outer)];
  return Math.min(b + ((b - a) * (1 - outer)) / (outer - inner), quantileOf(sorted, 0.997));
}

export function lowerEnd(values, mask, inner = 0.96, outer = 0.98) {
  return -upperEnd(values.map((value) => -value), mask, inner, outer);
}

// What part of the points in `among` is in `mask` too.
export function share(count, mask, among = everything) {
  let [inside, all] = [0, 0];
  for (let i = 0; i < count; i += 1) {
    if (among(i)) {
      all += 1;
      if (mask(i)) inside += 1;
    }
  }
  return inside / Math.max(all, 1);
}

// Of the least-squares line through the points that count.
export function slope(x, y, mask) {
  let [count, meanX, meanY] = [0, 0, 0];
  for (let i = 0; i < x.length; i += 1) {
    if (mask(i)) {
      count += 1;
      meanX += x[i];
      meanY += y[i];
    }
  }
  meanX /= count;
  meanY /= count;
  let [spread, both] = [0, 0];
  for (let i = 0; i < x.length; i += 1) {
    if (mask(i)) {
      spread += (x[i] - meanX) ** 2;
      both += (x[i] - meanX) * (y[i] - meanY);
    }
  }
  return spread > 0 ? both / spread : NaN;
}
