import type { Session } from "../engine.ts";
import type { InferenceRequest, InferenceResponse } from "./split_engine.ts";
import { openWasmEngine } from "./wasm_engine.ts";

/** Entry of the thread that `openSplitEngine` starts: a wasm engine of one thread that only predicts. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<InferenceRequest>) => void) | null;
  postMessage(message: InferenceResponse, transfer?: ArrayBuffer[]): void;
};

const engine = openWasmEngine({ threads: 1 });
const sessions = new Map<number, Promise<Session>>();

scope.onmessage = ({ data: request }) => {
  answer(request).then(
    (arrays) => scope.postMessage({ id: request.id, arrays }, arrays.map(({ buffer }) => buffer as ArrayBuffer)),
    (error) => scope.postMessage({ id: request.id, error: String(error) }),
  );
};

async function answer(request: InferenceRequest): Promise<Float32Array[]> {
  if (request.kind === "open") {
    const opening = engine.then((one) => one.open(request.network, request.state));
    sessions.set(request.session, opening);
    await opening;
    return [];
  }
  const session = await sessions.get(request.session)!;
  if (request.kind === "predict") {
    const { latent_NL, output_NO } = await session.predict(request.input_NI);
    return [latent_NL.slice(), output_NO.slice()];
  }
  sessions.delete(request.session);
  await session.close();
  return [];
}
