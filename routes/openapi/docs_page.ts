/** The parts of an OpenAPI 3.1 document that the page shows. */
export interface OpenApiDocument {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

interface Operation {
  tags?: string[];
  summary?: string;
  description?: string;
  operationId?: string;
  "x-scope"?: string;
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: Record<string, unknown>;
    content?: { "application/json": { schema: Record<string, unknown> } };
  }[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown>; example?: unknown }> };
  responses: Record<
    string,
    { description: string; content?: Record<string, unknown>; headers?: Record<string, unknown> }
  >;
}

/** Renders the OpenAPI document as plain HTML without scripts. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? "Other"))];
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => (operation.tags?.[0] ?? "Other") === tag);
    return `<section><h2 id="${slug(tag)}">${escape(tag)}</h2>${own.map(operationHtml).join("")}</section>`;
  });
  const schemas = Object.entries(document.components.schemas).map(([name, schema]) =>
    `<details id="schema-${escape(name)}"><summary>${escape(name)}</summary><pre>${
      escape(JSON.stringify(schema, null, 2))
    }</pre></details>`
  );
  const { title, version, description } = document.info;
  const links = tags.map((tag) => `<a href="#${slug(tag)}">${escape(tag)}</a>`).join(" ");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)} API</title><link rel="stylesheet" href="/docs.css"></head><body>
<header><h1>${escape(title)} API <small>${escape(version)}</small></h1><p>${escape(description ?? "")}</p>
<p><a href="/openapi.json">openapi.json</a> (OpenAPI 3.1)</p><nav>${links} <a href="#schemas">Schemas</a></nav></header>
<main>${sections.join("")}<section><h2 id="schemas">Schemas</h2>${schemas.join("")}</section></main></body></html>`;
}

export const DOCS_STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:0 auto;padding:1rem}
nav a{margin-right:.75rem}
details{border:1px solid #8885;border-radius:.4rem;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}
pre{overflow-x:auto;background:#8881;padding:.6rem;border-radius:.3rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #8884;padding:.25rem .5rem}
.method{display:inline-block;min-width:4rem;font-weight:700}
.scope{float:right;opacity:.75;font-size:.85rem}
small{font-weight:400;opacity:.7}`;

function operationHtml({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { summary = "", description = "", parameters = [], requestBody, responses } = operation;
  const scope = operation["x-scope"] === "open" ? "no key needed" : `scope ${operation["x-scope"]}`;
  return `<details id="${
    escape(operation.operationId ?? "")
  }"><summary><span class="method">${method.toUpperCase()}</span>
<code>${escape(path)}</code> ${escape(summary)}<span class="scope">${escape(scope)}</span></summary>
<p>${escape(description)}</p>${parametersHtml(parameters)}${bodyHtml(requestBody)}${
    responsesHtml(responses)
  }</details>`;
}

function parametersHtml(parameters: NonNullable<Operation["parameters"]>): string {
  if (parameters.length === 0) return "";
  const rows = parameters.map(({ name, in: place, required, description = "", schema, content }) =>
    `<tr><td><code>${escape(name)}</code></td><td>${place}${required ? ", required" : ""}</td><td><code>${
      content ? `JSON: ${escape(JSON.stringify(content["application/json"].schema))}` : escape(JSON.stringify(schema))
    }</code></td><td>${escape(description)}</td></tr>`
  );
  return `<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr></thead><tbody>${
    rows.join("")
  }</tbody></table>`;
}

function bodyHtml(body: Operation["requestBody"]): string {
  if (!body) return "";
  const kinds = Object.entries(body.content).map(([type, { schema, example }]) => {
    const sample = example === undefined ? "" : `<pre>${escape(JSON.stringify(example, null, 2))}</pre>`;
    return `<li><code>${escape(type)}</code> ${schemaHtml(schema)}${sample}</li>`;
  });
  return `<h4>Body</h4><ul>${kinds.join("")}</ul>`;
}

function responsesHtml(responses: Operation["responses"]): string {
  const rows = Object.entries(responses).map(([status, { description, content = {}, headers = {} }]) =>
    `<tr><td>${status}</td><td>${escape(description)}</td><td><code>${
      Object.keys(content).map(escape).join("<br>")
    }</code></td><td>${Object.keys(headers).map(escape).join(", ")}</td></tr>`
  );
  return `<table><thead><tr><th>Status</th><th></th><th>Type</th><th>Headers</th></tr></thead><tbody>${
    rows.join("")
  }</tbody></table>`;
}

function schemaHtml(schema: Record<string, unknown>): string {
  const name = typeof schema.$ref === "string" ? schema.$ref.split("/").at(-1)! : undefined;
  return name ? `<a href="#schema-${escape(name)}">${escape(name)}</a>` : "";
}

function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
