import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { ApiProblem } from "./api_client.ts";

export interface UploadOptions {
  key: string;
  dataset?: string;
  signal: AbortSignal;
  /** Share of the file that has been sent. */
  onProgress: (share: number) => void;
}

/** Sends a file as a new cube. XMLHttpRequest, since fetch does not tell how much has gone out. */
export function uploadCube(file: File, { key, dataset, signal, onProgress }: UploadOptions): Promise<CubeRecord> {
  const query = new URLSearchParams({ name: file.name.slice(0, 200) });
  if (dataset) query.set("dataset", dataset);
  const request = new XMLHttpRequest();
  request.open("POST", `/v1/cubes?${query}`);
  request.responseType = "json";
  request.setRequestHeader("Content-Type", "application/octet-stream");
  if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
  request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
  signal.addEventListener("abort", () => request.abort(), { once: true });
  return new Promise((resolve, reject) => {
    request.onload = () => {
      const body = request.response as { code?: string; detail?: string } | null;
      if (request.status < 300) resolve(request.response as CubeRecord);
      else {reject(
          new ApiProblem(request.status, body?.code ?? "", body?.detail ?? `The service answered ${request.status}`),
        );}
    };
    request.onerror = () => reject(new ApiProblem(0, "offline", "The connection broke before the file was through"));
    request.onabort = () => reject(new DOMException("The upload was cancelled", "AbortError"));
    request.send(file);
  });
}
