import { missing } from "../../lib/base/errors.ts";
import type { App } from "../openapi/declare_route.ts";

/** Paths of protocol extensions that clients may call and this service does not have. */
const PATHS = [
  "/v2/repository/models/*",
  "/v2/systemsharedmemory/*",
  "/v2/cudasharedmemory/*",
  "/v2/trace/*",
  "/v2/logging",
  ...["/v2/models/:name", "/v2/models/:name/versions/:version"].flatMap((model) =>
    ["config", "stats", "trace/setting", "generate", "generate_stream"].map((path) => `${model}/${path}`)
  ),
];

/** Responds to calls of other extensions with a clear 404, so that they are not mistaken for a wrong URL. */
export function mountUnsupportedExtensions(app: App): void {
  for (const path of PATHS) {
    app.all(path, (c) => {
      const received = c.req.path.slice(0, 200);
      throw missing(
        "unknown_extension",
        `Received ${received} of an unsupported extension; expected the core protocol`,
      );
    });
  }
}
