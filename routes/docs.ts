import type { AppDeps } from "./context.ts";
import { tagOf } from "./conditional.ts";
import type { App } from "./declare.ts";
import { DOCS_STYLE, docsPage, type OpenApiDocument } from "./docs_page.ts";
import { componentSchemas } from "../lib/schemas/openapi.ts";

/** `/openapi.json`, generated from the declared routes, and `/docs`, the same for people; both work offline. */
export function mountDocs(app: App, deps: AppDeps): void {
  const files: Record<string, { type: string; file: () => DocFile }> = {
    "/openapi.json": { type: "application/json", file: once(() => docFile(JSON.stringify(documentOf(app, deps)))) },
    "/docs": { type: "text/html; charset=utf-8", file: once(() => docFile(docsPage(documentOf(app, deps)))) },
    "/docs.css": { type: "text/css; charset=utf-8", file: once(() => docFile(DOCS_STYLE)) },
  };
  for (const [path, { type, file }] of Object.entries(files)) {
    app.get(path, (c) => {
      c.set("route", path);
      const { tag, bytes } = file();
      const headers = { "Content-Type": type, "ETag": tag, "Cache-Control": "no-cache" };
      const known = c.req.header("if-none-match") === tag;
      return new Response(known ? null : bytes, { status: known ? 304 : 200, headers });
    });
  }
}

interface DocFile {
  tag: string;
  bytes: Uint8Array<ArrayBuffer>;
}

function docFile(text: string): DocFile {
  return { tag: `"${tagOf(text)}"`, bytes: new TextEncoder().encode(text) };
}

function documentOf(app: App, { settings }: AppDeps): OpenApiDocument {
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
  const securitySchemes = {
    bearer: { type: "http", scheme: "bearer" },
    key: { type: "apiKey", in: "header", name: "X-Api-Key" },
  };
  const components = { schemas: componentSchemas(), securitySchemes };
  return { ...document, components } as unknown as OpenApiDocument;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
