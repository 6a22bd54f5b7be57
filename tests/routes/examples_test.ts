import { initialState } from "../../lib/compute/initial_state.ts";
import { writeSafetensors } from "../../lib/training/artifact/safetensors.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type Components, createSchemaValidator } from "./support/schema_validator.ts";
import { type RunningService, startService } from "../support/running_service.ts";

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
  requestBody?: { content: Record<string, { example?: Record<string, unknown> }> };
}

const NETWORK = { direction: "im2spec" as const, window: 8, points: 64, latent: 2, filters: 16 };

/** A form that imports a fresh network under this name. */
function importForm(name: string): RequestInit {
  const form = new FormData();
  form.append("model", new Blob([JSON.stringify({ name, network: NETWORK })]), "model.json");
  form.append("weights", new Blob([writeSafetensors(initialState(buildNetwork(NETWORK), 1)).slice()]), "weights");
  return { method: "POST", body: form };
}

/** The shipped model that the examples name; made here where the zoo has not been trained yet. */
async function modelForExamples(service: RunningService): Promise<string> {
  const name = "simulated-film-im2spec";
  if ((await service.fetch(`/v1/models/${name}`)).status === 404) {
    await service.json("/v1/models", importForm(name), 201);
  }
  return name;
}

Deno.test("every example of the document works as written on a running service", async () => {
  const service = await startService();
  try {
    const model = await modelForExamples(service);
    await service.json("/v1/models", importForm("mine"), 201);
    const { items: [cube] } = await service.json<{ items: { id: string }[] }>("/v1/cubes");
    const document = await service.json<Components & { paths: Record<string, Record<string, Operation>> }>(
      "/openapi.json",
    );
    const validate = createSchemaValidator(document);
    const met: string[] = [];
    let experiment = "";
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { requestBody, responses }] of Object.entries(methods)) {
        const example = requestBody?.content["application/json"]?.example;
        if (!example) continue;
        const name = path.includes("/aliases/") ? "mine" : model;
        const filled = path.replace("{name}", name).replace("{version}", "1").replace("{alias}", "stable")
          .replace("/cubes/{id}", `/cubes/${cube.id}`).replace("/experiments/{id}", `/experiments/${experiment}`);
        const quick = "kind" in example ? { epochs: 1 } : {};
        const body = "cube" in example ? { ...example, cube: cube.id, ...quick } : example;
        const init = {
          method: method.toUpperCase(),
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        };
        const answer = await service.fetch(filled, init);
        const text = await answer.text();
        assert.ok(answer.ok, `${method} ${filled}: ${answer.status} ${text.slice(0, 500)}`);
        const { schema } = responses[answer.status].content!["application/json"];
        assertEquals(validate(schema, JSON.parse(text)), [], path);
        met.push(`${method} ${path}`);
        if (path === "/v1/experiments") experiment = JSON.parse(text).id;
        if (path === "/v1/jobs") await service.fetch(answer.headers.get("location")!, { method: "DELETE" });
      }
    }
    assertEquals(met.length, 12, met.join("\n"));
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});

const RESULTS = [
  "/v1/cubes/{id}/map?at=0",
  "/v1/cubes/{id}/spectrum?row=1&col=2",
  "/v1/cubes/{id}/pca?components=3",
  "/v1/cubes/{id}/nmf?components=2",
  "/v1/cubes/{id}/loops",
  "/v1/cubes/{id}/patches/dbscan",
  ...["predictions", "predictions?row=10&col=12", "errors", "latents", "gmm?components=2", "manifold?steps=3"].map(
    applied,
  ),
  ...["suggest?by=novelty", "jacobian?steps=2", "loops"].map(applied),
];

function applied(result: string): string {
  return `/v1/models/{name}/versions/{version}/cubes/{cube}/${result}`;
}

Deno.test("every result of the demo cube fits the schema that the document promises", async () => {
  const service = await startService();
  try {
    await service.json("/v1/models", importForm("mine"), 201);
    const { items: [cube] } = await service.json<{ items: { id: string }[] }>("/v1/cubes");
    const document = await service.json<Components & { paths: Record<string, Record<string, Operation>> }>(
      "/openapi.json",
    );
    const validate = createSchemaValidator(document);
    for (const path of RESULTS) {
      const values: Record<string, string> = { id: cube.id, cube: cube.id, name: "mine", version: "1" };
      const filled = path.replace(/\{(\w+)\}/g, (_, name) => values[name]);
      const value = await service.json(filled, { headers: { Prefer: "wait=60" } }, 200);
      const { schema } = document.paths[path.split("?")[0]].get.responses["200"].content!["application/json"];
      assertEquals(validate(schema, value), [], path);
      for (const type of ["application/x-npy", "application/x-npz", "application/octet-stream"]) {
        const answer = await service.fetch(filled, { headers: { Accept: type } });
        await answer.body?.cancel();
        assertEquals([answer.status, answer.headers.get("content-type")], [200, type], path);
      }
    }
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});
