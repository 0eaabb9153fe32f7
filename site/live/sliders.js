// A labeled slider: its name, its value in words, and, for factors, the number that was measured.

export class Slider {
  // `say` puts a value into words; `hear` is called with a value, and whether it still moves.
  constructor(parent, { name, tip, low, high, step, value, say, hear, measured = false, id }) {
    Object.assign(this, { low, high, step, say, hear, name });
    this.row = document.createElement("div");
    this.row.className = measured ? "slider with-measured" : "slider";
    this.row.title = tip;
    this.label = document.createElement("label");
    this.label.textContent = name;
    this.input = document.createElement("input");
    Object.assign(this.input, { type: "range", min: low, max: high, step, id });
    this.label.htmlFor = id;
    this.output = document.createElement("output");
    this.output.htmlFor = id;
    this.row.append(this.label, this.input, this.output);
    if (measured) {
      this.measured = document.createElement("span");
      this.measured.className = "measured";
      this.row.append(this.measured);
    }
    parent.append(this.row);
    this.stand(value);
    this.input.addEventListener("input", () => this.moved(true));
    this.input.addEventListener("change", () => this.moved(false));
  }

  moved(moving) {
    this.value = Number(this.input.value);
    this.tell();
    this.hear(this.value, moving);
  }

  // Let it stand at a value without anybody hearing of it.
  stand(value) {
    this.value = value;
    this.input.value = value;
    this.tell();
  }

  tell() {
    this.output.textContent = this.say(this.value);
    this.input.setAttribute("aria-valuetext", this.output.textContent);
  }

  set disabled(off) {
    this.input.disabled = Boolean(off);
    this.row.classList.toggle("idle", Boolean(off));
  }
}
