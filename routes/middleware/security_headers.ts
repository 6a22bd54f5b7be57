const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Headers of every response: pages run only their own scripts, data runs none, and neither may be framed. */
export function setSecurityHeaders(headers: Headers): void {
  const isPage = headers.get("Content-Type")?.startsWith("text/html") ?? false;
  headers.set("Content-Security-Policy", isPage ? PAGE_POLICY : DATA_POLICY);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (!headers.has("Access-Control-Allow-Origin")) headers.set("Cross-Origin-Resource-Policy", "same-origin");
}
