// Standard normal numbers, the same that PyTorch draws on a CPU for the same seed.
//
// So a seed means one and the same shape here and in `pcvae.editing.from_prior(model, 2048, seed)`.
// PyTorch takes 32 bits of a Mersenne Twister for each uniform number, and makes normal numbers of
// sixteen of them at a time, eight radii with eight angles (Box and Muller, 1958).

const SIZE = 624;
const SHIFT = 397;
const GROUP = 16;

// Matsumoto and Nishimura, "Mersenne Twister", 1998.
export class Generator {
  constructor(seed) {
    this.state = new Uint32Array(SIZE);
    this.state[0] = seed;
    for (let i = 1; i < SIZE; i += 1) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, before) + i;
    }
    this.place = SIZE;
  }

  bits() {
    if (this.place === SIZE) this.refill();
    let word = this.state[this.place];
    this.place += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  refill() {
    const { state } = this;
    for (let i = 0; i < SIZE; i += 1) {
      const mixed = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + SHIFT) % SIZE] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.place = 0;
  }

  // `count` has to be a multiple of sixteen: for others PyTorch draws some numbers twice.
  normal(count) {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i += 1) values[i] = (this.bits() & 0xffffff) / 2 ** 24;
    for (let start = 0; start < count; start += GROUP) {
      for (let i = start; i < start + GROUP / 2; i += 1) {
        const radius = Math.sqrt(-2 * Math.log(1 - values[i]));
        const angle = 2 * Math.PI * values[i + GROUP / 2];
        values[i] = radius * Math.cos(angle);
        values[i + GROUP / 2] = radius * Math.sin(angle);
      }
    }
    return values;
  }
}
