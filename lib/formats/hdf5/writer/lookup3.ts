/**
 * Bob Jenkins' lookup3 hash (`hashlittle` with 0 as its start), with which HDF5 checks its metadata.
 * Source: https://burtleburtle.net/bob/c/lookup3.c
 */
export function lookup3(bytes: Uint8Array): number {
  const blocks = Math.max(1, Math.ceil(bytes.length / 12));
  const words = new Uint32Array(blocks * 3);
  bytes.forEach((byte, i) => words[i >> 2] |= byte << 8 * (i & 3));
  let a = (0xdeadbeef + bytes.length) | 0, b = a, c = a;
  if (bytes.length === 0) return c >>> 0;
  for (let i = 0; i < blocks; i++) {
    a = a + words[3 * i] | 0, b = b + words[3 * i + 1] | 0, c = c + words[3 * i + 2] | 0;
    if (i < blocks - 1) [a, b, c] = mix(a, b, c);
  }
  return final(a, b, c) >>> 0;
}

function mix(a: number, b: number, c: number): [number, number, number] {
  a = a - c ^ rotate(c, 4), c = c + b | 0;
  b = b - a ^ rotate(a, 6), a = a + c | 0;
  c = c - b ^ rotate(b, 8), b = b + a | 0;
  a = a - c ^ rotate(c, 16), c = c + b | 0;
  b = b - a ^ rotate(a, 19), a = a + c | 0;
  c = c - b ^ rotate(b, 4), b = b + a | 0;
  return [a, b, c];
}

function final(a: number, b: number, c: number): number {
  c = (c ^ b) - rotate(b, 14) | 0;
  a = (a ^ c) - rotate(c, 11) | 0;
  b = (b ^ a) - rotate(a, 25) | 0;
  c = (c ^ b) - rotate(b, 16) | 0;
  a = (a ^ c) - rotate(c, 4) | 0;
  b = (b ^ a) - rotate(a, 14) | 0;
  return (c ^ b) - rotate(b, 24) | 0;
}

function rotate(value: number, bits: number): number {
  return value << bits | value >>> 32 - bits;
}
