import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { engineContract } from "../contracts/engine_contract.ts";

engineContract("reference", () => Promise.resolve(openReferenceEngine()), { tolerance: 1e-5, exact: true });
