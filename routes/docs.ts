import type { AppDeps } from "./context.ts";
import { tagOf } from "./conditional.ts";
import type { App } from "./declare.ts";
import { DOCS_STYLE, docsPage } from "./docs_page.ts";
import { componentSchemas } from "../lib/schemas/openapi.ts";

/** `/openapi.json`, generated from the declared routes, and `/docs`, the same for people; both work offline. */
export function mountDocs(app: App, { settings }: AppDeps): void {
  for (const [name, schema] of Object.entries(componentSchemas())) {
    app.openAPIRegistry.registerComponent("schemas", name, schema);
  }
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.openAPIRegistry.registerComponent("securitySchemes", "key", { type: "apiKey", in: "header", name: "X-Api-Key" });
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Loopscope",
      version: settings.version,
      description:
        "Learns how local structure and local spectra of a material belong together, and serves what it learned.",
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { key: [] }, {}],
  });
  const files: Record<string, [type: string, text: string]> = {
    "/openapi.json": ["application/json", JSON.stringify(document)],
    "/docs": ["text/html; charset=utf-8", docsPage(document as unknown as Parameters<typeof docsPage>[0])],
    "/docs.css": ["text/css; charset=utf-8", DOCS_STYLE],
  };
  for (const [path, [type, text]] of Object.entries(files)) {
    const headers = { "Content-Type": type, "ETag": `"${tagOf(text)}"`, "Cache-Control": "no-cache" };
    app.get(path, (c) => {
      c.set("route", path);
      const known = c.req.header("if-none-match") === headers.ETag;
      return new Response(known ? null : text, { status: known ? 304 : 200, headers });
    });
  }
}
