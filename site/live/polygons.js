// Polygons in space as triangles that cover the same area, concave ones too: as mesh_of_polygons in
// pcvae/data/reading/shape.py cuts them.

import earcut from "./runtime/earcut.js";

const AXES = [0, 1, 2];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0],
];

// `corners`: which vertices, around the polygon. Returns three of them for each triangle.
export function trianglesOf(vertices, corners) {
  const first = 3 * corners[0];
  const places = corners.map((c) => AXES.map((axis) => vertices[3 * c + axis] - vertices[first + axis]));
  const areas = places.slice(2).map((place, i) => cross(places[i + 1], place)); // doubled, of a fan
  const normal = AXES.map((axis) => areas.reduce((sum, area) => sum + area[axis], 0));
  const least = -1e-9 * dot(normal, normal);
  // A fan covers its polygon if all its triangles turn the same way.
  if (areas.every((area) => dot(area, normal) >= least)) {
    return areas.flatMap((_, i) => [corners[0], corners[i + 1], corners[i + 2]]);
  }
  const sizes = normal.map(Math.abs);
  const away = sizes.indexOf(Math.max(...sizes)); // seen along the axis that it faces
  const flat = places.flatMap((place) => place.filter((_, axis) => axis !== away));
  return earcut(flat).map((corner) => corners[corner]);
}
