import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";

/** An 8-bit RGB image (rows x cols x 3) as a PNG in a data URL. */
export function pngUrl(rgb: Uint8Array, cols: number, rows: number): string {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, cols);
  header.setUint32(4, rows);
  header.setUint8(8, 8); // bits a channel
  header.setUint8(9, 2); // RGB
  const lines = new Uint8Array(rows * (3 * cols + 1)); // each line begins with its filter: none
  for (let row = 0; row < rows; row++) {
    lines.set(rgb.subarray(row * 3 * cols, (row + 1) * 3 * cols), row * (3 * cols + 1) + 1);
  }
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [
    chunk("IHDR", Buffer.from(header.buffer)),
    chunk("IDAT", deflateSync(lines)),
    chunk("IEND", Buffer.of()),
  ];
  return `data:image/png;base64,${Buffer.concat([signature, ...chunks]).toString("base64")}`;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), body.length + 4);
  return frame;
}
