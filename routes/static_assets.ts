/** One file of the web page. */
export interface StaticAsset {
  body: Uint8Array<ArrayBuffer>;
  contentType: string;
  /** Without quotes; changes with the content. */
  tag: string;
}

/** The files of the web page by path (`/`, `/assets/page.js`); undefined for what is not there. */
export type StaticAssets = (path: string) => StaticAsset | undefined;
