// What the page cannot do without; in words for whoever lacks it.

export function whatIsMissing() {
  if (typeof WebAssembly === "undefined") {
    return "This browser has no WebAssembly (or it is switched off), in which the model runs. "
      + "Any browser of the last years has it.";
  }
  if (typeof DecompressionStream === "undefined") {
    return "This browser cannot open compressed files (it has no DecompressionStream), and the "
      + "model comes as one. Browsers of 2023 and later can.";
  }
  const gl = document.createElement("canvas").getContext("webgl");
  if (!gl) {
    return "This browser has no WebGL (or it is switched off), with which shapes are drawn. "
      + "Switch on hardware acceleration in its settings, or take another browser.";
  }
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // browsers keep few of them
  return "";
}
