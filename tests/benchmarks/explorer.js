// When points are drawn: the first draw call after an upload of many bytes, once it is finished.
// It is asked of WebGL itself, so that every way of drawing is measured by the same clock.
(() => {
  const MANY = window.benchMany ?? 8192; // bytes; fewer are a label, an axis or a matrix
  const bench = window.bench = { event: null, first: null, last: null, uploads: 0 };
  addEventListener("pointermove", (event) => {
    if (event.buttons) {
      bench.event = performance.now();
      bench.first = null;
    }
  }, true);
  for (const kind of [window.WebGLRenderingContext, window.WebGL2RenderingContext]) {
    const methods = kind.prototype;
    for (const name of ["bufferData", "bufferSubData", "texImage2D", "texSubImage2D"]) {
      const original = methods[name];
      methods[name] = function (...values) {
        const data = values.find((value) => value?.byteLength !== undefined);
        if (data?.byteLength >= MANY) {
          this.benchUploaded = true;
          bench.uploads += 1;
        }
        return original.apply(this, values);
      };
    }
    for (const name of ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced"]) {
      const original = methods[name];
      methods[name] = function (...values) {
        original.apply(this, values);
        if (!this.benchUploaded) return;
        this.benchUploaded = false;
        // After all calls of this frame; reading a pixel waits until they are carried out.
        queueMicrotask(() => setTimeout(() => {
          this.readPixels(0, 0, 1, 1, this.RGBA, this.UNSIGNED_BYTE, new Uint8Array(4));
          bench.last = performance.now();
          bench.first ??= bench.last;
        }));
      };
    }
  }
})();
