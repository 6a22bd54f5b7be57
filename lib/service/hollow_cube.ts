import type { CubeReader } from "../cube/cube.ts";
import type { CubeRecord } from "../schemas/cube.ts";

/** A record's shape and axes without its values: what preparation steps make of them can be asked at once. */
export function hollowCube({ shape, axes, quantity, unit, maps }: CubeRecord): CubeReader {
  const none = () => {
    throw new TypeError("Only the record of the cube is here");
  };
  const values = { readMap: none, readSpectrum: none, readBlock: none, readMask: none, readImage: none };
  return { shape, axes, quantity, unit, imageNames: maps.map(({ name }) => name), ...values, close() {} };
}
