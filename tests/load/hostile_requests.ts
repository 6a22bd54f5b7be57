import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ndArray } from "../../lib/base/nd_array.ts";

export interface HostileRequest {
  path: string;
  init?: RequestInit;
}

const MODEL = "simulated-film-im2spec@1";
const WINDOW = 8;
/** Just under what a body may have. */
const BODY_BYTES = 15.9 * 2 ** 20;
/** Just under what a head may have. */
const HEAD_BYTES = 30_000;

/** Well-formed requests that make as much work as one can for their sender's effort; each is made when it is needed. */
export const HOSTILE_REQUESTS: Record<string, () => HostileRequest> = {
  "16 MiB of numbers in JSON": () => predictJson(list("0.1234567,")),
  "16 MiB of short numbers in JSON": () => predictJson(list("1,")),
  "150 000 lists in JSON": () => predictJson(`[${"[1],".repeat(149_000)}[1]]`),
  "a million names in JSON": () => jsonTo("/predict", `{${numbered(1_000_000, (i) => `"${i.toString(36)}":1`)}}`),
  "16 MiB of escapes in a JSON string": () => predictJson(`"${fill("\\u0041")}"`),
  "16 MiB of blanks in JSON": () => predictJson(`[${fill(" ")}]`),
  "a tensor with a million axes": () =>
    jsonTo(
      "/v2/models/simulated-film-im2spec/infer",
      `{"inputs":[{"name":"x","datatype":"FP32","shape":${list("1.5,")}}]}`,
    ),
  "16 MiB of patches as NPY": () => predictNpy(Math.floor(BODY_BYTES / 4 / WINDOW ** 2), "application/json"),
  "patches whose answer is NPZ": () => predictNpy(60_000, "application/x-npz"),
  "thousands of parameters": () => ({ path: `/v1/models?${numbered(3500, (i) => `a${i}=1`, "&")}` }),
  "a path of 15 000 steps": () => ({ path: "/a".repeat(HEAD_BYTES / 2) }),
  "thousands of media types": () => ({
    path: "/v1/models",
    init: { headers: { accept: fill("a/b;q=0.1,", HEAD_BYTES) } },
  }),
  "thousands of tags": () => ({
    path: "/v1/models/simulated-film-im2spec/versions/1",
    init: { headers: { "if-none-match": fill('W/"a",', HEAD_BYTES) } },
  }),
  "metadata of thousands of names": () => ({
    path: "/v1/uploads",
    init: {
      method: "POST",
      headers: {
        "tus-resumable": "1.0.0",
        "upload-length": "10",
        "upload-metadata": numbered(3000, (i) => `a${i} YQ==`),
      },
    },
  }),
};

function predictJson(inputs: string): HostileRequest {
  return jsonTo("/predict", `{"model":"${MODEL}","inputs":${inputs}}`);
}

function jsonTo(path: string, body: string): HostileRequest {
  return { path, init: { method: "POST", headers: { "content-type": "application/json" }, body } };
}

function predictNpy(count: number, accept: string): HostileRequest {
  const body = encodeNpy(ndArray(new Float32Array(count * WINDOW ** 2), [count, WINDOW, WINDOW]));
  const headers = { "content-type": "application/x-npy", accept };
  return { path: `/predict?model=${MODEL}`, init: { method: "POST", headers, body } };
}

function list(item: string): string {
  return `[${fill(item).slice(0, -1)}]`;
}

function fill(piece: string, bytes = BODY_BYTES): string {
  return piece.repeat(Math.floor(bytes / piece.length));
}

function numbered(count: number, item: (i: number) => string, separator = ","): string {
  return Array.from({ length: count }, (_, i) => item(i)).join(separator);
}
