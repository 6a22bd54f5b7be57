import { initialState } from "../../lib/compute/initial_state.ts";
import type { NetworkOptions } from "../../lib/schemas/model.ts";
import { writeSafetensors } from "../../lib/training/artifact/safetensors.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";

const NETWORK: NetworkOptions = { direction: "im2spec", window: 8, points: 16, latent: 2, filters: 8 };
const SCRIPT = new URL("./triton_client.py", import.meta.url).pathname;

/** A Python with `tritonclient[http]`: LOOPSCOPE_TEST_PYTHON, else `python3`. */
function pythonWithClient(): string | undefined {
  const python = Deno.env.get("LOOPSCOPE_TEST_PYTHON") ?? "python3";
  try {
    const { success } = new Deno.Command(python, { args: ["-c", "import tritonclient.http"], stderr: "null" })
      .outputSync();
    return success ? python : undefined;
  } catch {
    return undefined;
  }
}

const python = pythonWithClient();

Deno.test({
  name: "the Triton HTTP client gets from /v2 what /predict answers" +
    (python ? "" : " (skipped: no Python with tritonclient[http]; name one in LOOPSCOPE_TEST_PYTHON)"),
  ignore: python === undefined,
  async fn() {
    const service = await startService();
    try {
      const weights = writeSafetensors(initialState(buildNetwork(NETWORK), 1));
      const form = new FormData();
      form.append("model", new Blob([JSON.stringify({ name: "triton", network: NETWORK })]), "model.json");
      form.append("weights", new Blob([weights.slice()]), "weights");
      assertEquals(await service.json("/v1/models", { method: "POST", body: form }, 201), {
        name: "triton",
        version: 1,
      });
      const { window, points, latent } = NETWORK;
      const args = [SCRIPT, new URL(service.url).host, "triton", ...[window, points, latent].map(String)];
      const { code, stdout, stderr } = await new Deno.Command(python!, { args }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      assert.match(new TextDecoder().decode(stdout), /24 combinations of tensors agree/);
    } finally {
      await service.stop();
      await Deno.remove(service.dataFolder, { recursive: true });
    }
  },
});
