/** An NPY file with any dtype, written by hand: what the encoder of the project never makes. */
export function npyBytes(
  descr: string | (string | number[])[][],
  shape: number[],
  data: Uint8Array,
  fortranOrder = false,
): Uint8Array {
  const entries = (fields: (string | number[])[][]) =>
    fields.map(([name, type, inner]) =>
      `('${name}', '${type}'${inner ? `, (${(inner as number[]).join(",")},)` : ""})`
    );
  const type = typeof descr === "string" ? `'${descr}'` : `[${entries(descr).join(", ")}]`;
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const dict = `{'descr': ${type}, 'fortran_order': ${fortranOrder ? "True" : "False"}, 'shape': ${tuple}, }`;
  const header = new TextEncoder().encode(dict + "\n");
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(header, 10);
  bytes.set(data, 10 + header.length);
  return bytes;
}
