// A cloud with its colors as a PLY file, binary and little-endian, as `write_ply` writes it.

export function plyOf(points, rgb) {
  const count = points.length / 3;
  const header = [
    "ply", "format binary_little_endian 1.0", `element vertex ${count}`,
    ...["x", "y", "z"].map((axis) => `property float ${axis}`),
    ...["red", "green", "blue"].map((color) => `property uchar ${color}`),
    "end_header", "",
  ].join("\n");
  const start = new TextEncoder().encode(header);
  const body = new DataView(new ArrayBuffer(15 * count));
  for (let i = 0; i < count; i += 1) {
    for (let axis = 0; axis < 3; axis += 1) {
      body.setFloat32(15 * i + 4 * axis, points[3 * i + axis], true);
      body.setUint8(15 * i + 12 + axis, rgb[3 * i + axis]);
    }
  }
  return new Blob([start, body.buffer], { type: "application/octet-stream" });
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
