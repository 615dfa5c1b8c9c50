// SHA-256 of bytes. The browser's own where there is one: it is absent on plain HTTP.

const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUNDS = cubeRootsOfPrimes();

/** Digest of a Uint8Array, as `sha256:` and 64 hexadecimal digits. */
export async function digestOf(bytes) {
  const own = globalThis.crypto?.subtle;
  const found = own ? new Uint8Array(await own.digest("SHA-256", bytes)) : sha256(bytes);
  return `sha256:${[...found].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** SHA-256 as FIPS 180-4 defines it, in plain JavaScript: 32 bytes. */
export function sha256(bytes) {
  const state = Uint32Array.from(INITIAL);
  const schedule = new Uint32Array(64);
  const whole = bytes.length - (bytes.length % 64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start < whole; start += 64) mix(state, schedule, view, start);
  const tail = padded(bytes.subarray(whole), bytes.length);
  for (let start = 0; start < tail.byteLength; start += 64) mix(state, schedule, tail, start);
  const result = new DataView(new ArrayBuffer(32));
  state.forEach((word, place) => result.setUint32(4 * place, word));
  return new Uint8Array(result.buffer);
}

/** The last block or two: the rest, one bit, zeros, and the length in bits. */
function padded(rest, length) {
  const blocks = new Uint8Array(rest.length < 56 ? 64 : 128);
  blocks.set(rest);
  blocks[rest.length] = 0x80;
  const view = new DataView(blocks.buffer);
  view.setUint32(blocks.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(blocks.length - 4, (length * 8) >>> 0);
  return view;
}

function mix(state, w, view, start) {
  for (let i = 0; i < 16; i += 1) w[i] = view.getUint32(start + 4 * i);
  for (let i = 16; i < 64; i += 1) {
    const early = turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ (w[i - 15] >>> 3);
    const late = turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ (w[i - 2] >>> 10);
    w[i] = w[i - 16] + early + w[i - 7] + late;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i += 1) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + ROUNDS[i] + w[i]) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority) | 0;
    [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
  }
  [a, b, c, d, e, f, g, h].forEach((word, place) => (state[place] += word));
}

function turned(word, by) {
  return (word >>> by) | (word << (32 - by));
}

function cubeRootsOfPrimes() {
  const primes = [];
  for (let n = 2; primes.length < 64; n += 1) {
    if (primes.every((prime) => n % prime)) primes.push(n);
  }
  return Uint32Array.from(primes, (prime) => Number(cubeRootBits(BigInt(prime)) & 0xffffffffn));
}

/** floor(2^32 * cube root), by halving: doubles are a digit short of it. */
function cubeRootBits(prime) {
  let low = 0n;
  let high = prime << 32n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** 3n <= prime << 96n) low = middle;
    else high = middle;
  }
  return low;
}
