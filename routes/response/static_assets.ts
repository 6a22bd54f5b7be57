import { bytesResponse } from "./bytes_response.ts";

/** One file of the web page. */
export interface StaticAsset {
  body: Uint8Array<ArrayBuffer>;
  contentType: string;
  /** Without quotes; changes with the content. */
  tag: string;
  /** The name changes with the content, so it may be cached for ever. */
  immutable?: boolean;
  /** Compressed at build time. */
  encoded?: Partial<Record<"br" | "gzip", Uint8Array<ArrayBuffer>>>;
}

/** The files of the web page by path (`/`, `/assets/page.js`); undefined for an unknown path. */
export type StaticAssets = (path: string) => StaticAsset | undefined;

/** The file in the best encoding that the client accepts, or 304. */
export function assetResponse(asset: StaticAsset, request: Headers): Response {
  const accepted = request.get("accept-encoding") ?? "";
  const encoding = (["br", "gzip"] as const).find((name) => {
    return asset.encoded?.[name] && new RegExp(`(^|[ ,])${name}(?! *; *q=0)([ ,;]|$)`).test(accepted);
  });
  const headers = new Headers({
    "Content-Type": asset.contentType,
    "ETag": `"${asset.tag}${encoding ? `.${encoding}` : ""}"`,
    "Cache-Control": asset.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    "Vary": "Accept-Encoding",
  });
  if (request.get("if-none-match") === headers.get("ETag")) return new Response(null, { status: 304, headers });
  if (encoding) headers.set("Content-Encoding", encoding);
  return bytesResponse([encoding ? asset.encoded![encoding]! : asset.body], headers);
}
