import type { App } from "./declare_route.ts";

/** The declared methods of a path; empty for an unknown path. */
export function allowedMethods(app: App, path: string): string[] {
  const methods = app.routes.filter((route) => route.method !== "ALL" && matches(route.path, path))
    .flatMap(({ method }) => method === "GET" ? ["GET", "HEAD"] : [method]);
  return [...new Set(methods)].sort();
}

/** Whether `/v1/cubes/abc` matches `/v1/cubes/:id`. */
function matches(pattern: string, path: string): boolean {
  const expected = pattern.split("/");
  const segments = path.split("/");
  return expected.length === segments.length &&
    expected.every((segment, i) => segment.startsWith(":") ? segments[i] !== "" : segment === segments[i]);
}
