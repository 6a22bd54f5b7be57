import type { Random } from "../../lib/base/random.ts";

/** Where formats keep their structure: numbers just after these are sizes, offsets, counts and types. */
const SIGNATURES = [
  "OHDR",
  "OCHK",
  "TREE",
  "SNOD",
  "HEAP",
  "GCOL",
  "FRHP",
  "FHDB",
  "BTHD",
  "BTLF",
  "PK\x01\x02",
  "PK\x03\x04",
  "PK\x05\x06",
  "\x93NUMPY",
  "\x89HDF",
  "MATLAB",
];
const NUMBERS = [0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 4096, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const WORDS = [
  "<f8",
  ">f8",
  "<i8",
  "<f2",
  "|O8",
  "<U9",
  "<c16",
  "True",
  "False",
  "nan",
  "-1",
  "1e9",
  "99999999999",
  "()",
  "(",
  "'",
  "..",
  "/",
];

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Places right after a signature, and the first bytes of the file. */
function structuralPlaces(bytes: Uint8Array): number[] {
  const places = [0];
  const first = new Set(SIGNATURES.map((text) => text.charCodeAt(0)));
  for (let at = 0; at + 4 < bytes.length; at++) {
    if (!first.has(bytes[at])) continue;
    const matches = SIGNATURES.some((text) => [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0)));
    if (matches) places.push(at);
  }
  return places;
}

function place(bytes: Uint8Array, random: Random, places: number[]): number {
  if (random.uniform() < 0.25) return random.integer(bytes.length);
  return Math.min(bytes.length - 1, places[random.integer(places.length)] + random.integer(300));
}

const flipBits: Mutation = (bytes, random) => {
  for (let i = 1 + random.integer(8); i > 0; i--) bytes[random.integer(bytes.length)] ^= 1 << random.integer(8);
  return bytes;
};

const setBytes: Mutation = (bytes, random) => {
  const at = random.integer(bytes.length);
  for (let i = 0; i < 1 + random.integer(16) && at + i < bytes.length; i++) bytes[at + i] = random.integer(256);
  return bytes;
};

const truncate: Mutation = (bytes, random) => bytes.slice(0, random.integer(bytes.length));

const zeroBlock: Mutation = (bytes, random) => {
  const at = random.integer(bytes.length);
  return bytes.fill(random.uniform() < 0.5 ? 0 : 255, at, at + 1 + random.integer(512));
};

const copyBlock: Mutation = (bytes, random) => {
  const length = 1 + random.integer(Math.min(512, bytes.length));
  return bytes.copyWithin(
    random.integer(bytes.length),
    random.integer(bytes.length),
    random.integer(bytes.length) + length,
  );
};

const insertBlock: Mutation = (bytes, random) => {
  const at = random.integer(bytes.length);
  const block = Uint8Array.from({ length: 1 + random.integer(64) }, () => random.integer(256));
  const out = new Uint8Array(bytes.length + block.length);
  out.set(bytes.subarray(0, at));
  out.set(block, at);
  out.set(bytes.subarray(at), at + block.length);
  return out;
};

const removeBlock: Mutation = (bytes, random) => {
  const at = random.integer(bytes.length);
  const end = at + 1 + random.integer(64);
  const out = new Uint8Array(Math.max(1, at + Math.max(0, bytes.length - end)));
  out.set(bytes.subarray(0, at));
  out.set(bytes.subarray(end), at);
  return out;
};

const setNumber: Mutation = (bytes, random) => {
  const places = structuralPlaces(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const number = NUMBERS[random.integer(NUMBERS.length)];
  const at = place(bytes, random, places);
  const width = [1, 2, 4, 8][random.integer(4)];
  if (at + width > bytes.length) return bytes;
  if (width === 1) view.setUint8(at, number);
  else if (width === 2) view.setUint16(at, number, true);
  else if (width === 4) view.setUint32(at, number, true);
  else view.setBigUint64(at, random.uniform() < 0.2 ? 2n ** 64n - 1n : BigInt(number), true);
  return bytes;
};

const setWord: Mutation = (bytes, random) => {
  const word = new TextEncoder().encode(WORDS[random.integer(WORDS.length)]);
  const at = random.integer(Math.min(bytes.length, 1024));
  bytes.set(word.subarray(0, bytes.length - at), at);
  return bytes;
};

const changeDigit: Mutation = (bytes, random) => {
  const digits: number[] = [];
  for (let i = 0; i < Math.min(bytes.length, 2048); i++) if (bytes[i] >= 48 && bytes[i] <= 57) digits.push(i);
  if (digits.length > 0) bytes[digits[random.integer(digits.length)]] = 48 + random.integer(10);
  return bytes;
};

const BYTE_LEVEL = { flipBits, setBytes, truncate, zeroBlock, copyBlock, insertBlock, removeBlock };
const STRUCTURE_LEVEL = { setNumber, setWord, changeDigit };

/** A copy of a file with one to four changes, half of them at places that hold its structure; and their names. */
export function mutate(original: Uint8Array, random: Random): { bytes: Uint8Array; changes: string[] } {
  let bytes: Uint8Array = original.slice();
  const changes: string[] = [];
  for (let i = 1 + random.integer(4); i > 0 && bytes.length > 16; i--) {
    const kinds = Object.entries(random.uniform() < 0.5 ? BYTE_LEVEL : STRUCTURE_LEVEL);
    const [name, change] = kinds[random.integer(kinds.length)];
    bytes = change(bytes, random);
    changes.push(name);
  }
  return { bytes, changes };
}
