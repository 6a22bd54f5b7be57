import { bytesResponse } from "../response/bytes_response.ts";
import type { AppDeps } from "../context.ts";
import { cacheHeaders, notModified, tagOf } from "../response/conditional.ts";
import { type App, declare } from "../openapi/declare_route.ts";
import { DOCS_STYLE, docsPage, type OpenApiDocument } from "../openapi/docs_page.ts";
import { componentSchemas } from "../../lib/schemas/openapi.ts";
import { noParamsSchema } from "../../lib/schemas/paths.ts";
import { HEADER_DOCS } from "../openapi/header_docs.ts";
import { NOT_MODIFIED } from "../openapi/result_docs.ts";

/** `/openapi.json`, generated from the declared routes, and `/docs`, the same as HTML; both work offline. */
export function mountDocs(app: App, deps: AppDeps): void {
  for (const { path, type, summary, schema, file } of docFiles(app, deps)) {
    declare(app, deps, {
      method: "get",
      path,
      tag: "Service",
      summary,
      scope: "open",
      params: noParamsSchema,
      query: noParamsSchema, // links to a page may carry any query
      responses: { 200: { description: summary, content: { [type]: { schema } } }, 304: NOT_MODIFIED },
    }, ({ c }) => {
      const { tag, bytes } = file();
      const headers = cacheHeaders(tag, "changing");
      return notModified(c, headers) ?? bytesResponse([bytes], { ...headers, "Content-Type": type });
    });
  }
}

function docFiles(app: App, deps: AppDeps) {
  const text = { type: "string" };
  return [
    {
      path: "/openapi.json",
      type: "application/json",
      summary: "This document",
      schema: {
        type: "object",
        required: ["openapi", "info", "paths"],
        properties: { openapi: text, info: { type: "object" }, paths: { type: "object" } },
      },
      file: once(() => docFile(JSON.stringify(documentOf(app, deps)))),
    },
    {
      path: "/docs",
      type: "text/html; charset=utf-8",
      summary: "This document for people",
      schema: text,
      file: once(() => docFile(docsPage(documentOf(app, deps)))),
    },
    {
      path: "/docs.css",
      type: "text/css; charset=utf-8",
      summary: "How that page looks",
      schema: text,
      file: once(() => docFile(DOCS_STYLE)),
    },
    {
      path: "/client.py",
      type: "text/x-python; charset=utf-8",
      summary: "Client for Python 3.9 and later: one file that needs NumPy alone",
      schema: text,
      file: once(() => docFile(pythonClient(deps.settings.version))),
    },
  ];
}

/** The client, with the version of this service in it. */
function pythonClient(version: string): string {
  const source = Deno.readTextFileSync(new URL("../python/client.py", import.meta.url));
  return source.replace('__version__ = "0.0.0"', `__version__ = ${JSON.stringify(version)}`);
}

interface DocFile {
  tag: string;
  bytes: Uint8Array<ArrayBuffer>;
}

function docFile(text: string): DocFile {
  return { tag: tagOf(text), bytes: new TextEncoder().encode(text) };
}

function documentOf(app: App, { settings, ...deps }: AppDeps): OpenApiDocument {
  const needsKey = deps.keys !== undefined && !settings.publicRead;
  const keys: Record<string, string[]>[] = [{ bearer: [] }, { key: [] }];
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
    security: needsKey ? keys : [...keys, {}],
  });
  const securitySchemes = {
    bearer: { type: "http", scheme: "bearer" },
    key: { type: "apiKey", in: "header", name: "X-Api-Key" },
  };
  const components = { schemas: componentSchemas(), headers: HEADER_DOCS, securitySchemes };
  return { ...document, components } as unknown as OpenApiDocument;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
