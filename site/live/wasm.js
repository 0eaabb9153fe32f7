// onnxruntime-web's WebAssembly, which lies beside its scripts compressed: a third of the bytes.
//
// The runtime takes this module in place of its own loader. It compiles what comes while it comes,
// and a module that another worker has compiled is taken as it is.

let script; // the runtime's own loader
let compiled; // a promise of a WebAssembly.Module

async function compile(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  const opened = answer.body.pipeThrough(new DecompressionStream("gzip"));
  const headers = { "Content-Type": "application/wasm" }; // or nobody would compile it
  return WebAssembly.compileStreaming(new Response(opened, { headers }));
}

// `name`: of the runtime's loader and its WebAssembly, without their endings; `module`: from
// another worker, if one has it. Returns a promise of the module.
export function prepare(name, module) {
  script = `./runtime/${name}.mjs`;
  compiled = module ? Promise.resolve(module) : compile(`./runtime/${name}.wasm.gzip`);
  return compiled;
}

export default async function start(config) {
  const [{ default: make }, module] = await Promise.all([import(script), compiled]);
  return new Promise((resolve, reject) => {
    const instantiateWasm = (imports, done) => {
      WebAssembly.instantiate(module, imports).then((made) => done(made, module), reject);
    };
    make({ ...config, instantiateWasm }).then(resolve, reject);
  });
}
