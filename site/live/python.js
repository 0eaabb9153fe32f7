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

// Lines that make the latents of a shape, in `variable`, and its cloud, in `points`.
function startOf(shape, { seed, what }, variable, points, imports) {
  if (shape.isDrawn) {
    const paired = ["h", "both"].includes(what); // by the cloud, before another seed's noise
    return drawnStart(shape, seed, variable, paired && points, imports);
  }
  let code = shape.code;
  if (shape.isFile) {
    imports.add("from pathlib import Path");
    imports.add("from pcvae.explore import read_cloud");
    const name = text(shape.name);
    code = `read_cloud(${name}, Path(${name}).read_bytes(), ${text(shape.up)}, 2048)`;
  } else if (code.startsWith("load_furniture")) {
    imports.add("from pcvae.data import load_furniture");
  }
  const lines = [`${points} = ${code}`, `${variable} = editing.encode(model, ${points})`];
  if (seed) {
    imports.add("from dataclasses import replace");
    const noise = `editing.draw_noise(${variable}.noise, ${seed})`;
    lines.push(`${variable} = replace(${variable}, noise=${noise})`);
  }
  return lines;
}

function drawnStart(shape, seed, variable, points, imports) {
  const lines = [`${variable} = editing.from_prior(model, 2048, ${shape.seed ?? 0})`];
  if (shape.z) {
    imports.add("from dataclasses import replace");
    imports.add("import torch");
    const numbers = Array.from(shape.z, number);
    const rows = [];
    while (numbers.length) rows.push(`    ${numbers.splice(0, 10).join(", ")},`);
    lines.push(`z = torch.tensor([\n${rows.join("\n")}\n])`);
    lines.push(`${variable} = replace(${variable}, z=z)`);
  }
  if (points) lines.push(`${points} = editing.decode(model, ${variable})`);
  if (seed) lines.push(`${variable} = editing.with_noise(${variable}, ${seed})`);
  return lines;
}

// Lines that take something of the other shape.
function mixing({ what, amount }) {
  if (what === "swap z") return ["state = editing.with_style_of(state, other)"];
  if (what === "swap h") return ["state = editing.with_points_of(state, other)"];
  const call = `editing.interpolate(model, state, other, ${number(amount)}, ${text(what)}`;
  if (what === "z") return [`state = ${call})`];
  return ["order = editing.match_points(points, others)", `state = ${call}, order)`];
}

export function pythonOf({ settings, shape, other, family, data }) {
  const imports = new Set(["import pcvae", "from pcvae import editing"]);
  const lines = startOf(shape, settings, "state", "points", imports);
  if (settings.what !== "nothing") {
    lines.push(...startOf(other, settings, "other", "others", imports));
    lines.push(...mixing(settings));
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
  if (settings.forget) {
    lines.push(`state = editing.forget_input(state, ${number(settings.forget)})`);
  }
  lines.push("cloud = editing.decode(model, state)");
  const before = [`model = pcvae.load(${text(data.model)})`];
  if (lines.some((line) => line.includes("shapes."))) {
    imports.add("from pcvae.data import generate");
    const { families, count, split } = data.reference;
    const names = families.map(text).join(", ");
    before.push(`shapes = generate([${names}], count=${count}, split=${text(split)})`);
  }
  return `${inOrder(imports).join("\n")}\n\n${[...before, "", ...lines].join("\n")}\n`;
}

// Python's own first, as import sorters want it; two names of one module in one line.
function inOrder(imports) {
  const own = ["from dataclasses import replace", "from pathlib import Path"];
  const merged = [...imports];
  const names = merged.filter((line) => line.startsWith("from pcvae.data import"))
    .map((line) => line.split(" ").at(-1)).sort();
  const others = merged.filter(
    (line) => !own.includes(line) && !line.startsWith("from pcvae.data "));
  if (names.length) others.push(`from pcvae.data import ${names.join(", ")}`);
  const rank = (line) => [line.startsWith("import") ? 0 : 1, line.split(" ")[1]].join(" ");
  others.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const first = own.filter((line) => imports.has(line));
  return first.length ? [...first, "", ...others] : others;
}
