import { initialState } from "../../lib/compute/initial_state.ts";
import { writeSafetensors } from "../../lib/training/safetensors.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";

interface Operation {
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
    const { paths } = await service.json<{ paths: Record<string, Record<string, Operation>> }>("/openapi.json");
    const met: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { requestBody }] of Object.entries(methods)) {
        const example = requestBody?.content["application/json"]?.example;
        if (!example) continue;
        const name = path.includes("/aliases/") ? "mine" : model;
        const filled = path.replace("{name}", name).replace("{version}", "1").replace("{alias}", "stable");
        const body = "cube" in example ? { ...example, cube: cube.id, epochs: 1 } : example;
        const init = {
          method: method.toUpperCase(),
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        };
        const answer = await service.fetch(filled, init);
        const text = await answer.text();
        assert.ok(answer.ok, `${method} ${filled}: ${answer.status} ${text.slice(0, 500)}`);
        met.push(`${method} ${path}`);
        if (path === "/v1/jobs") await service.fetch(answer.headers.get("location")!, { method: "DELETE" });
      }
    }
    assertEquals(met.length, 8, met.join("\n"));
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});
