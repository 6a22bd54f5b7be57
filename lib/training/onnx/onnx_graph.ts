import { ProtobufMessage } from "./protobuf_message.ts";

/** Data types of ONNX tensors. */
const [FLOAT, INT64] = [1, 7];

export type Attribute = { int: number } | { ints: readonly number[] } | { float: number } | { text: string };

/** A length, or the name of a length that is free, such as the number of samples. */
export type Dimension = number | string;

/**
 * Gathers the nodes, constants, inputs and outputs of a graph. Numbers of fields and of types are those of `onnx.proto`.
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export class OnnxGraph {
  readonly #parts: Record<"nodes" | "constants" | "inputs" | "outputs", ProtobufMessage[]> = {
    nodes: [],
    constants: [],
    inputs: [],
    outputs: [],
  };

  /** Appends an operation, and returns its output. */
  node(op: string, inputs: readonly string[], output: string, attributes: Record<string, Attribute> = {}): string {
    const node = new ProtobufMessage();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(3, output).text(4, op);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attributeOf(name, value));
    this.#parts.nodes.push(node);
    return output;
  }

  floats(name: string, shape: readonly number[], data: Float32Array): string {
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    return this.#constant(name, FLOAT, shape, bytes);
  }

  integers(name: string, values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#constant(name, INT64, [values.length], new Uint8Array(data.buffer));
  }

  input(name: string, shape: readonly Dimension[], about: string): void {
    this.#parts.inputs.push(valueInfo(name, shape, about));
  }

  output(name: string, shape: readonly Dimension[], about: string): void {
    this.#parts.outputs.push(valueInfo(name, shape, about));
  }

  toMessage(name: string): ProtobufMessage {
    const { nodes, constants, inputs, outputs } = this.#parts;
    const graph = new ProtobufMessage();
    for (const node of nodes) graph.message(1, node);
    graph.text(2, name);
    for (const constant of constants) graph.message(5, constant);
    for (const input of inputs) graph.message(11, input);
    for (const output of outputs) graph.message(12, output);
    return graph;
  }

  #constant(name: string, type: number, shape: readonly number[], bytes: Uint8Array<ArrayBuffer>): string {
    const tensor = new ProtobufMessage();
    for (const length of shape) tensor.int(1, length);
    this.#parts.constants.push(tensor.int(2, type).text(8, name).bytes(9, bytes));
    return name;
  }
}

function attributeOf(name: string, value: Attribute): ProtobufMessage {
  const [float, int, text, ints] = [1, 2, 3, 7];
  const attribute = new ProtobufMessage().text(1, name);
  if ("float" in value) return attribute.float(2, value.float).int(20, float);
  if ("int" in value) return attribute.int(3, value.int).int(20, int);
  if ("text" in value) return attribute.text(4, value.text).int(20, text);
  for (const item of value.ints) attribute.int(8, item);
  return attribute.int(20, ints);
}

function valueInfo(name: string, shape: readonly Dimension[], about: string): ProtobufMessage {
  const dimensions = new ProtobufMessage();
  for (const length of shape) {
    const dimension = new ProtobufMessage();
    dimensions.message(1, typeof length === "number" ? dimension.int(1, length) : dimension.text(2, length));
  }
  const tensor = new ProtobufMessage().int(1, FLOAT).message(2, dimensions);
  return new ProtobufMessage().text(1, name).message(2, new ProtobufMessage().message(1, tensor)).text(3, about);
}
