import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { percentile, sortedFinite } from "./arrays.ts";
import { colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import { PatchView } from "./patch_view.tsx";

/** A larger map is not fetched for a picture of this size. */
const MOST_PIXELS = 2 ** 20;

/** The middle map of a cube as a small picture, fetched when it comes into view. */
export function CubeThumbnail({ cube }: { cube: CubeRecord }) {
  const { api } = useApp();
  const holder = useRef<HTMLDivElement>(null);
  const [values, setValues] = useState<Float32Array>();
  const table = useMemo(() => colourTable("viridis"), []);
  const [rows, cols, points] = cube.shape;
  useEffect(() => {
    if (rows * cols > MOST_PIXELS) return;
    const stop = new AbortController();
    const path = `/v1/cubes/${cube.id}/map?index=${Math.floor(points / 2)}`;
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      api.grid(path, { signal: stop.signal }).then(({ data }) => setValues(data), () => {}); // no picture, then
    });
    observer.observe(holder.current!);
    return () => (observer.disconnect(), stop.abort());
  }, [cube.id]);
  const range = useMemo(() => {
    const sorted = sortedFinite(values ?? []);
    return [percentile(sorted, 2), percentile(sorted, 98)] as const;
  }, [values]);
  return (
    <div class="thumbnail" ref={holder}>
      {values && <PatchView values={values} width={cols} table={table} range={range} label={`Map of ${cube.name}`} />}
    </div>
  );
}
