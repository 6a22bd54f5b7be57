import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { type ApiClient, ApiProblem, pause } from "./api_client.ts";

export interface UploadOptions {
  api: ApiClient;
  dataset?: string;
  signal: AbortSignal;
  /** Share of the file that has arrived. */
  onProgress: (share: number) => void;
}

/** Smaller files go in one piece. */
const ONE_PIECE_BYTES = 4 * 2 ** 20;
const PIECE_BYTES = 16 * 2 ** 20;
const ATTEMPTS = 5;
const SLOT = "loopscope.uploads";

/** Sends a file as a new cube; a large one in pieces (tus), going on where an earlier attempt was cut. */
export async function uploadCube(file: File, options: UploadOptions): Promise<CubeRecord> {
  return file.size <= ONE_PIECE_BYTES ? await sendWhole(file, options) : await sendPieces(file, options);
}

async function sendWhole(file: File, options: UploadOptions): Promise<CubeRecord> {
  const query = new URLSearchParams({ name: file.name.slice(0, 200) });
  if (options.dataset) query.set("dataset", options.dataset);
  const headers = { "Content-Type": "application/octet-stream" };
  const answer = await send(`/v1/cubes?${query}`, file, {
    ...options,
    method: "POST",
    headers,
    from: 0,
    size: file.size,
  });
  return JSON.parse(answer.responseText) as CubeRecord;
}

async function sendPieces(file: File, options: UploadOptions): Promise<CubeRecord> {
  const slot = [file.name, file.size, file.lastModified, options.dataset ?? ""].join(" ");
  const path = await openUpload(file, slot, options);
  for (let failures = 0;;) {
    try {
      const state = await offsetOf(path, options);
      const cube = state.cube ?? await sendPiece(file, path, state.offset, options);
      failures = 0;
      if (cube) {
        remember(slot, null);
        return await options.api.json<CubeRecord>(cube);
      }
    } catch (error) {
      const cut = error instanceof ApiProblem && (error.status === 0 || error.status === 409 || error.status >= 500);
      if (!cut || ++failures >= ATTEMPTS) {
        if (error instanceof ApiProblem && error.status === 404) remember(slot, null);
        throw error;
      }
      await pause(500 * 2 ** failures, options.signal);
    }
  }
}

/** The upload that was begun for this file, or a new one. */
async function openUpload(file: File, slot: string, { api, dataset, signal }: UploadOptions): Promise<string> {
  const known = remembered()[slot];
  if (known) {
    const there = await api.request(known, { method: "HEAD", signal }).then(() => true, () => false);
    if (there) return known;
  }
  const metadata = Object.entries({ name: file.name.slice(0, 200), ...(dataset ? { dataset } : {}) });
  const headers = {
    "Tus-Resumable": "1.0.0",
    "Upload-Length": String(file.size),
    "Upload-Metadata": metadata.map(([name, value]) => `${name} ${base64(value)}`).join(","),
  };
  const response = await api.request("/v1/uploads", { method: "POST", headers, signal });
  const path = response.headers.get("Location")!;
  remember(slot, path);
  return path;
}

async function offsetOf(
  path: string,
  { api, signal }: UploadOptions,
): Promise<{ offset: number; cube: string | null }> {
  const { headers } = await api.request(path, { method: "HEAD", signal, cache: "no-store" });
  return { offset: Number(headers.get("Upload-Offset")), cube: headers.get("Content-Location") };
}

/** Sends the next piece; the path of the cube after the last one. */
async function sendPiece(file: File, path: string, offset: number, options: UploadOptions): Promise<string | null> {
  const piece = file.slice(offset, offset + PIECE_BYTES);
  const headers = {
    "Content-Type": "application/offset+octet-stream",
    "Tus-Resumable": "1.0.0",
    "Upload-Offset": String(offset),
  };
  const answer = await send(path, piece, { ...options, method: "PATCH", headers, from: offset, size: file.size });
  return answer.getResponseHeader("Content-Location");
}

interface SendOptions extends UploadOptions {
  method: string;
  headers: Record<string, string>;
  /** Bytes sent before this body, and bytes of the whole file. */
  from: number;
  size: number;
}

/** One request with its progress: fetch does not tell how much has gone out. */
function send(path: string, body: Blob, options: SendOptions): Promise<XMLHttpRequest> {
  const { api, method, headers, signal, onProgress, from, size } = options;
  const request = new XMLHttpRequest();
  request.open(method, api.base + path);
  for (const [name, value] of Object.entries({ ...headers, ...api.authorization() })) {
    request.setRequestHeader(name, value);
  }
  request.upload.onprogress = ({ loaded }) => onProgress(Math.min(1, (from + loaded) / size));
  const abort = () => request.abort();
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<XMLHttpRequest>((resolve, reject) => {
    request.onload = () => request.status < 300 ? resolve(request) : reject(problemIn(request));
    request.onerror = () => reject(new ApiProblem(0, "offline", "The connection broke before the file was through"));
    request.onabort = () => reject(new DOMException("The upload was cancelled", "AbortError"));
    request.send(body);
  }).finally(() => signal.removeEventListener("abort", abort));
}

function problemIn({ status, responseText }: XMLHttpRequest): ApiProblem {
  let body: { code?: string; detail?: string } = {};
  try {
    body = JSON.parse(responseText) as typeof body;
  } catch {
    // A proxy's own page: the status has to do.
  }
  return new ApiProblem(status, body.code ?? "", body.detail ?? `The service answered ${status}`);
}

function remembered(): Record<string, string> {
  try {
    return JSON.parse(localStorage.getItem(SLOT) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

function remember(slot: string, path: string | null): void {
  const uploads = Object.entries(remembered()).filter(([name]) => name !== slot).slice(-20);
  if (path) uploads.push([slot, path]);
  localStorage.setItem(SLOT, JSON.stringify(Object.fromEntries(uploads)));
}

/** Base64 of the text's UTF-8. */
function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
