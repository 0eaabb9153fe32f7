// The Python that makes the cloud that is shown, with the package.
//
// Seeds mean the same numbers there and here. Of a file, other points are drawn, as each side has
// random numbers of its own.

// Always with a point: the functions ask for floats.
function number(value) {
  const rounded = String(Number(value.toFixed(4)));
  return /[.e]/.test(rounded) ? rounded : `${rounded}.0`;
}
const text = (value) => JSON.stringify(value);

function startOf(shape, variable, points, imports, z) {
  if (shape.isFile) {
    imports.add("from pathlib import Path");
    imports.add("from pcvae.explore import read_cloud");
    const name = text(shape.name);
    return [
      `${points} = read_cloud(${name}, Path(${name}).read_bytes(), ${text(shape.up)}, 2048)`,
      `${variable} = editing.encode(model, ${points})`,
    ];
  }
  if (shape.code) {
    if (shape.code.startsWith("load_furniture")) imports.add("from pcvae.data import load_furniture");
    return [`${points} = ${shape.code}`, `${variable} = editing.encode(model, ${points})`];
  }
  const lines = [`${variable} = editing.from_prior(model, 2048, ${shape.seed ?? 0})`];
  if (shape.z) {
    imports.add("from dataclasses import replace");
    imports.add("import torch");
    const numbers = Array.from(z, number);
    const rows = [];
    while (numbers.length) rows.push(`    ${numbers.splice(0, 10).join(", ")},`);
    lines.push(`z = torch.tensor([\n${rows.join("\n")}\n])`, `${variable} = replace(${variable}, z=z)`);
  }
  return lines;
}

function noiseOf(shape, seed, variable, imports) {
  if (!seed) return [];
  if (!shape.code && !shape.isFile) return [`${variable} = editing.with_noise(${variable}, ${seed})`];
  imports.add("from dataclasses import replace");
  return [`${variable} = replace(${variable}, noise=editing.draw_noise(${variable}.noise, ${seed}))`];
}

const isDrawn = (shape) => !shape.code && !shape.isFile;

export function pythonOf({ settings, shape, other, family, data, states }) {
  const imports = new Set(["import pcvae", "from pcvae import editing"]);
  const lines = [
    ...startOf(shape, "state", "points", imports, states.shape.z),
    ...noiseOf(shape, settings.seed, "state", imports),
  ];
  if (settings.what !== "nothing") {
    lines.push(
      ...startOf(other, "other", "others", imports, states.other.z),
      ...noiseOf(other, settings.seed, "other", imports));
    if (settings.what === "swap z") lines.push("state = editing.with_style_of(state, other)");
    else if (settings.what === "swap h") lines.push("state = editing.with_points_of(state, other)");
    else {
      const order = settings.what === "z" ? "" : ", order";
      if (order) {
        if (isDrawn(shape)) lines.push("points = editing.decode(model, state)");
        if (isDrawn(other)) lines.push("others = editing.decode(model, other)");
        lines.push("order = editing.match_points(points, others)");
      }
      const [amount, what] = [number(settings.amount), text(settings.what)];
      lines.push(`state = editing.interpolate(model, state, other, ${amount}, ${what}${order})`);
    }
  }
  const amounts = settings.directions;
  if (amounts.some(Boolean)) {
    const count = data.directions.deviations.length;
    lines.push(
      `directions = editing.find_directions(model, shapes.points, ${count})`,
      `state = editing.move_style(state, directions, [${amounts.map(number).join(", ")}])`);
  }
  const changes = Object.entries(settings.factors).filter(([, change]) => change);
  if (changes.length) {
    const moves = changes.map(([name, change]) => `${text(name)}: ${number(change)}`).join(", ");
    lines.push(
      `factors = editing.find_factors(model, shapes.points, shapes.factors, ${text(family.name)})`,
      `state = editing.move_factors(state, factors, {${moves}})`);
  }
  if (settings.temperature !== 1) {
    lines.push(`state = editing.with_temperature(state, ${number(settings.temperature)})`);
  }
  if (settings.forget) lines.push(`state = editing.forget_input(state, ${number(settings.forget)})`);
  lines.push("cloud = editing.decode(model, state)");
  const before = [`model = pcvae.load(${text(data.model)})`];
  if (lines.some((line) => line.includes("shapes."))) {
    imports.add("from pcvae.data import generate");
    const { families, count, split } = data.reference;
    before.push(`shapes = generate(${text(families)}, count=${count}, split=${text(split)})`);
  }
  return `${inOrder(imports).join("\n")}\n\n${[...before, "", ...lines].join("\n")}\n`;
}

// Python's own first, as import sorters want it; two names of one module in one line.
function inOrder(imports) {
  const own = ["from dataclasses import replace", "from pathlib import Path"];
  const merged = [...imports];
  const names = merged.filter((line) => line.startsWith("from pcvae.data import"))
    .map((line) => line.split(" ").at(-1)).sort();
  const others = merged.filter((line) => !own.includes(line) && !line.startsWith("from pcvae.data "));
  if (names.length) others.push(`from pcvae.data import ${names.join(", ")}`);
  const rank = (line) => [line.startsWith("import") ? 0 : 1, line.split(" ")[1]].join(" ");
  others.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const first = own.filter((line) => imports.has(line));
  return first.length ? [...first, "", ...others] : others;
}
