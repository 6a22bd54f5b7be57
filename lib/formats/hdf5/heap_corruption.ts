const SIGNATURE = 0x47434f4c; // GCOL
const HEADER_BYTES = 16;
const OBJECT_HEADER_BYTES = 16;

/**
 * True for a global heap collection of an HDF5 file whose objects do not lie one after another inside it. Free space of
 * no size, or a size that does not fit 32 bits, makes the library step from an object to itself for ever.
 * `bytes` is what the library reads, from the collection's start on.
 * Source: https://docs.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.E
 */
export function isHeapCorrupted(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER_BYTES || view.getUint32(0) !== SIGNATURE) return false;
  const end = Number(view.getBigUint64(8, true));
  for (let at = HEADER_BYTES; at + OBJECT_HEADER_BYTES <= Math.min(end, bytes.length);) {
    const index = view.getUint16(at, true);
    const size = Number(view.getBigUint64(at + 8, true));
    // Free space (index 0) counts its own header, an object does not.
    const step = index === 0 ? size : OBJECT_HEADER_BYTES + Math.ceil(size / 8) * 8;
    if (step === 0 || at + step > end) return true;
    at += step;
  }
  return false;
}
