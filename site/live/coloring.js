// Colors of points by their height: the scales of pcvae/widgets/coloring.py.

const ON_LIGHT = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151"];
const ON_DARK = ["#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];

function stopsOf(dark) {
  return (dark ? ON_DARK : ON_LIGHT).map(
    (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
}

// Three bytes for each point, from dark (low) to light (high).
export function byHeight(points, dark) {
  const stops = stopsOf(dark);
  let [low, high] = [Infinity, -Infinity];
  for (let i = 1; i < points.length; i += 3) {
    low = Math.min(low, points[i]);
    high = Math.max(high, points[i]);
  }
  const rgb = new Uint8Array(points.length);
  for (let i = 0; i < points.length; i += 3) {
    const place = ((points[i + 1] - low) / Math.max(high - low, 1e-12)) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c += 1) {
      const [one, other] = [stops[below][c], stops[below + 1][c]];
      rgb[i + c] = Math.round(one + (place - below) * (other - one));
    }
  }
  return rgb;
}
