import type { App } from "./declare_route.ts";

/** The methods that a path is declared with; empty for an unknown path. */
export function allowedMethods(app: App, path: string): string[] {
  const methods = app.routes.filter((route) => route.method !== "ALL" && matches(route.path, path))
    .flatMap(({ method }) => method === "GET" ? ["GET", "HEAD"] : [method]);
  return [...new Set(methods)].sort();
}

/** `/v1/cubes/:id` against `/v1/cubes/abc`. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const met = path.split("/");
  return wanted.length === met.length &&
    wanted.every((piece, i) => piece.startsWith(":") ? met[i] !== "" : piece === met[i]);
}
