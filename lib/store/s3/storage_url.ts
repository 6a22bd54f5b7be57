/** Where the objects are: `LOOPSCOPE_STORAGE_URL` taken apart. */
export interface StorageLocation {
  /** Without a slash at its end. */
  endpoint: string;
  bucket: string;
  /** Empty, or ends with a slash. */
  prefix: string;
  region: string;
}

const EXPECTED =
  "expected s3://bucket/prefix?endpoint=http://host:port&region=…, where all after the bucket may be left out";
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^([A-Za-z0-9_-][A-Za-z0-9._-]*(\/|$))*$/;

/** Throws a RangeError that says what is expected. Without an endpoint it is Amazon's of that region. */
export function parseStorageUrl(text: string): StorageLocation {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const known = [...url?.searchParams.keys() ?? []].every((name) => name === "endpoint" || name === "region");
  if (url?.protocol !== "s3:" || text.includes("/.") || !known || !BUCKET.test(url.hostname)) throw refused(text);
  const region = url.searchParams.get("region") ?? "us-east-1";
  const endpoint = url.searchParams.get("endpoint") ?? `https://s3.${region}.amazonaws.com`;
  const path = url.pathname.replace(/^\/|\/$/g, "");
  if (!PREFIX.test(path) || !isOrigin(endpoint)) throw refused(text);
  return { endpoint: new URL(endpoint).origin, bucket: url.hostname, prefix: path && `${path}/`, region };
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return ["http:", "https:"].includes(url.protocol) && url.pathname === "/" && !url.search && !url.username;
}

/** A URL that is not as expected may hold a secret: it is not repeated. */
function refused(text: string): RangeError {
  const met = text.startsWith("s3://") ? "not such a URL" : "no s3:// URL";
  return new RangeError(`LOOPSCOPE_STORAGE_URL is ${met}; ${EXPECTED}`);
}
