import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { engineContract } from "../contracts/engine_contract.ts";

for (const simd of ["relaxed", "plain"] as const) {
  for (const threads of [1, 2]) {
    const name = `wasm (${simd} SIMD, ${threads} thread${threads === 1 ? "" : "s"})`;
    engineContract(name, () => openWasmEngine({ simd, threads }), { tolerance: 2e-4, exact: true });
  }
}
