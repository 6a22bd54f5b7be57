import { type BaselineAnswer, type BaselineTask, runBaselineTask } from "./baseline_threads.ts";

/** Entry of a thread that fits one baseline. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<BaselineTask>) => void) | null;
  postMessage(message: BaselineAnswer, transfer?: ArrayBuffer[]): void;
};

scope.onmessage = ({ data }) => {
  runBaselineTask(data).then(
    (output_MO) => scope.postMessage({ output_MO }, [output_MO.buffer as ArrayBuffer]),
    (error) => scope.postMessage({ error: String(error) }),
  );
};
