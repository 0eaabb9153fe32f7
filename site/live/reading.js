// Clouds from files of your own: meshes and points in the formats that most programs write.
//
// Errors are one line that can stand behind the file's name: "it holds no points".

import { ENDINGS } from "./opening.js";
import { trianglesOf } from "./polygons.js";
import { sampleEvenly } from "./sampling.js";

const LARGEST = 200e6; // bytes
const READERS = {
  ".ply": readPly, ".obj": readObj, ".off": readOff, ".stl": readStl, ".npy": readNpy,
  ".xyz": readColumns, ".pts": readColumns, ".txt": readColumns, ".csv": readColumns,
};

export function cloudOfFile(name, content, up, count) {
  const ending = /\.[^.]*$/.exec(name.toLowerCase())?.[0] ?? "";
  try {
    if (!READERS[ending]) throw new Error(`it is of no known kind: expected ${ENDINGS.join(", ")}`);
    if (content.byteLength === 0) throw new Error("it is empty");
    if (content.byteLength > LARGEST) throw new Error("it is larger than 200 MB");
    const shape = checked(READERS[ending](new Uint8Array(content)));
    if (up === "z") toYUp(shape.vertices);
    return sampleEvenly(shape, count);
  } catch (error) {
    const reason = error instanceof RangeError ? "it is cut short or damaged" : error.message;
    throw new Error(`${name}: ${reason}.`);
  }
}

function checked({ vertices, triangles, polygons }) {
  const count = vertices.length / 3;
  if (count === 0) throw new Error("it holds neither faces nor points");
  if (!vertices.every(Number.isFinite)) throw new Error("it holds NaN or infinite coordinates");
  for (const corners of [triangles, ...polygons]) {
    const wrong = corners.find((corner) => !(corner >= 0 && corner < count));
    if (wrong !== undefined) {
      throw new Error(`a face names vertex ${wrong}, counted from 0, of ${count} vertices`);
    }
  }
  for (const corners of polygons) triangles.push(...trianglesOf(vertices, corners));
  return { vertices, faces: triangles.length ? Int32Array.from(triangles) : null };
}

// What faced -Y will face +Z.
function toYUp(vertices) {
  for (let i = 0; i < vertices.length; i += 3) {
    [vertices[i + 1], vertices[i + 2]] = [vertices[i + 2], -vertices[i + 1]];
  }
}

// What a file holds: coordinates, triangles one behind the other, and polygons of more corners.
class Mesh {
  constructor(vertices = []) {
    Object.assign(this, { vertices, triangles: [], polygons: [] });
  }

  addFace(corners) {
    if (corners.length === 3) this.triangles.push(...corners);
    else if (corners.length > 3) this.polygons.push(corners);
  }

  done() {
    return { ...this, vertices: Float64Array.from(this.vertices) };
  }
}

function linesOf(bytes, comment) {
  const text = new TextDecoder().decode(bytes);
  if (text.includes("\0")) throw new Error("it is no text");
  const lines = text.split(/\r\n|\r|\n/);
  return (comment ? lines.map((line) => line.split(comment, 1)[0]) : lines)
    .map((line) => line.trim()).filter(Boolean);
}

function readObj(bytes) {
  const mesh = new Mesh();
  const { vertices } = mesh;
  for (const line of linesOf(bytes, "#")) {
    const [word, ...rest] = line.split(/\s+/);
    if (word === "v") {
      const place = rest.slice(0, 3).map(Number);
      if (place.length < 3) throw new Error(`it has a vertex without three numbers: "${line}"`);
      vertices.push(...place);
    } else if (word === "f") {
      mesh.addFace(rest.map((corner) => {
        const number = parseInt(corner, 10);
        return number < 0 ? vertices.length / 3 + number : number - 1; // -1 is the last so far
      }));
    }
  }
  return mesh.done();
}

function readOff(bytes) {
  const words = linesOf(bytes, "#").join(" ").split(/\s+/);
  if (/^OFF/i.test(words[0])) {
    if (words[0].length > 3) words[0] = words[0].slice(3); // "OFF8 6 12", without a blank
    else words.shift();
  } else {
    throw new Error("it does not begin with OFF");
  }
  const [count, polygons] = words.slice(0, 2).map(Number);
  let place = 3;
  const next = () => {
    if (place >= words.length) throw new Error("it is cut short or damaged");
    place += 1;
    return Number(words[place - 1]);
  };
  const mesh = new Mesh(Array.from({ length: 3 * count }, next));
  // Colors may follow each face; a line break is all that ends them, so they are not read.
  for (let f = 0; f < polygons; f += 1) mesh.addFace(Array.from({ length: next() }, next));
  return mesh.done();
}

function readStl(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mesh = new Mesh();
  const { vertices } = mesh;
  const count = bytes.length >= 84 ? view.getUint32(80, true) : 0;
  if (bytes.length === 84 + 50 * count) {
    for (let f = 0; f < count; f += 1) {
      for (let n = 0; n < 9; n += 1) vertices.push(view.getFloat32(84 + 50 * f + 12 + 4 * n, true));
    }
  } else {
    for (const line of linesOf(bytes)) {
      const words = line.split(/\s+/);
      if (words[0].toLowerCase() === "vertex") vertices.push(...words.slice(1, 4).map(Number));
    }
    if (vertices.length % 9) throw new Error("it is cut short or damaged");
  }
  for (let corner = 0; corner < vertices.length / 3; corner += 1) mesh.triangles.push(corner);
  return mesh.done();
}

function readColumns(bytes) {
  const rows = linesOf(bytes, /#|\/\/|%/).map((line) => line.split(/[\s,;]+/).filter(Boolean));
  const isNumber = (word) => word !== "" && !Number.isNaN(Number(word));
  let columns = [0, 1, 2];
  if (rows.length && !isNumber(rows[0][0])) { // one line of names
    const names = rows.shift().map((word) => word.toLowerCase().replace(/[^a-z0-9_]/g, ""));
    columns = ["x", "y", "z"].map((axis) => names.indexOf(axis));
    if (columns.includes(-1)) {
      throw new Error(`its columns are named ${names.join(", ")}, without x, y, z`);
    }
  }
  if (rows.length > 1 && rows[0].length === 1) rows.shift(); // the number of points
  const vertices = rows.flatMap((row, i) => {
    const place = columns.map((column) => Number(row[column]));
    if (place.some(Number.isNaN)) {
      const found = row.join(" ").slice(0, 40);
      throw new Error(`expected x, y and z as numbers, got "${found}" (point ${i + 1})`);
    }
    return place;
  });
  return new Mesh(vertices).done();
}

// The kinds of numbers of NumPy and of PLY, as readers of a DataView.
const NUMBERS = {
  i1: ["getInt8", 1], u1: ["getUint8", 1], i2: ["getInt16", 2], u2: ["getUint16", 2],
  i4: ["getInt32", 4], u4: ["getUint32", 4], f4: ["getFloat32", 4], f8: ["getFloat64", 8],
  i8: ["getBigInt64", 8], u8: ["getBigUint64", 8], f2: [null, 2],
};

function half(view, at, little) {
  const bits = view.getUint16(at, little);
  const [sign, power, rest] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (power === 31) return rest ? NaN : sign * Infinity;
  return sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
}

const numberAt = (view, at, [method], little) => (
  method ? Number(view[method](at, little)) : half(view, at, little));

function readNpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = String.fromCharCode(...bytes.subarray(1, 6));
  if (magic !== "NUMPY") throw new Error("it is no .npy file");
  const wide = bytes[6] > 1;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  const header = new TextDecoder("latin1").decode(bytes.subarray(wide ? 12 : 10, start));
  const [, order, kind] = /'descr': *'([<>|=])(\w+)'/.exec(header) ?? [];
  const sizes = /'shape': *\(([^)]*)\)/.exec(header)?.[1] ?? "";
  const shape = sizes.split(",").filter((size) => size.trim()).map(Number);
  if (!NUMBERS[kind]) throw new Error("it holds no plain numbers");
  // Of several clouds, the first.
  if (shape.length < 2 || shape.length > 3 || shape.at(-1) !== 3) {
    throw new Error(`expected an array of shape (points, 3), got (${shape.join(", ")})`);
  }
  if (shape.includes(0)) throw new Error("it holds neither faces nor points");
  const count = shape.at(-2);
  const fortran = /'fortran_order': *True/.test(header);
  const clouds = shape.length === 3 ? shape[0] : 1;
  const place = (i, axis) => (fortran ? clouds * (i + count * axis) : 3 * i + axis);
  const vertices = new Float64Array(3 * count);
  for (let i = 0; i < count; i += 1) {
    for (let axis = 0; axis < 3; axis += 1) {
      const at = start + place(i, axis) * NUMBERS[kind][1];
      vertices[3 * i + axis] = numberAt(view, at, NUMBERS[kind], order !== ">");
    }
  }
  return new Mesh(vertices).done();
}

const PLY_KINDS = {
  char: "i1", uchar: "u1", short: "i2", ushort: "u2", int: "i4", uint: "u4", float: "f4",
  double: "f8", int8: "i1", uint8: "u1", int16: "i2", uint16: "u2", int32: "i4", uint32: "u4",
  float32: "f4", float64: "f8",
};

function plyHeader(bytes) {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 65536));
  const end = /end_header[ \t]*(\r\n|\n|\r)/.exec(text);
  if (!/^ply\s/i.test(text) || !end) throw new Error("it has no whole PLY header");
  const elements = [];
  let format;
  for (const line of text.slice(0, end.index).split(/\r\n|\n|\r/).slice(1)) {
    const words = line.trim().toLowerCase().split(/\s+/);
    if (words[0] === "format") format = words[1];
    else if (words[0] === "element") {
      elements.push({ name: words[1], count: Number(words[2]), fields: [] });
    } else if (words[0] === "property") {
      const list = words[1] === "list";
      const named = list ? words.slice(2, 4) : words.slice(1, 2);
      const kinds = named.map((kind) => NUMBERS[PLY_KINDS[kind]]);
      if (kinds.includes(undefined)) throw new Error(`its header says "${line.trim()}"`);
      elements.at(-1).fields.push({ name: words.at(-1), list, kinds });
    }
  }
  if (!["ascii", "binary_little_endian", "binary_big_endian"].includes(format)) {
    throw new Error(`its header names the format "${format}"`);
  }
  return { elements, format, start: end.index + end[0].length };
}

// Returns a function that reads the next number of a kind.
function plyNumbers(bytes, format, start) {
  if (format === "ascii") {
    const words = new TextDecoder().decode(bytes.subarray(start)).split(/\s+/).filter(Boolean);
    let place = 0;
    return () => {
      if (place >= words.length) throw new Error("it is cut short or damaged");
      place += 1;
      return Number(words[place - 1]);
    };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let place = start;
  return (kind) => {
    const value = numberAt(view, place, kind, format === "binary_little_endian");
    place += kind[1];
    return value;
  };
}

function readPly(bytes) {
  const { elements, format, start } = plyHeader(bytes);
  const next = plyNumbers(bytes, format, start);
  const mesh = new Mesh();
  for (const { name, count, fields } of elements) {
    const axes = ["x", "y", "z"].map((axis) => fields.findIndex((field) => field.name === axis));
    if (name === "vertex" && axes.includes(-1)) throw new Error("its vertices have no x, y and z");
    for (let row = 0; row < count; row += 1) {
      const values = fields.map(({ list, kinds }) => (
        list ? Array.from({ length: next(kinds[0]) }, () => next(kinds[1])) : next(kinds[0])));
      if (name === "vertex") mesh.vertices.push(...axes.map((axis) => values[axis]));
      const corners = fields.findIndex((field) => /^vertex_ind(ex|ices)$/.test(field.name));
      if (name === "face" && corners >= 0) mesh.addFace(values[corners]);
    }
  }
  return mesh.done();
}
