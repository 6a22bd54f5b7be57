import { useMemo, useRef, useState } from "preact/hooks";
import { extent, isGrid, type Tree } from "./arrays.ts";
import { colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import { pngOfSvg, svgBlob } from "./exports.ts";
import { subscript } from "./layers.ts";
import { Panel } from "./panel.tsx";
import { PatchView } from "./patch_view.tsx";
import { useResource } from "./resource_cache.ts";
import type { Session } from "./session.ts";
import { Loaded } from "./status.tsx";
import { useStore } from "./store.ts";

const STEPS = 9;

/** The latent plane decoded on a grid, or the measured inputs nearest to each of its places. */
export function ManifoldPanel({ session }: { session: Session }) {
  const app = useApp();
  const dims = useStore(app.view, (view) => view.dims);
  const [side, setSide] = useState<"decoded" | "nearest">("decoded");
  const svg = useRef<SVGSVGElement>(null);
  const model = session.model!;
  const latents = model.model.network.latent;
  const path = `${model.base}/manifold?steps=${STEPS}&dims=${dims.join(",")}`;
  const resource = useResource(
    app.cache,
    latents > 1 ? `manifold ${path}` : null,
    (onPending) => app.api.tree(path, { onPending }),
  );
  const forward = model.model.network.direction === "im2spec";
  const spectra = forward === (side === "decoded");
  return (
    <Panel
      title="Manifold"
      class="latent-manifold"
      note={
        <span class="inline-tools">
          <select
            aria-label="What the manifold shows"
            value={side}
            onChange={(event) => setSide(event.currentTarget.value as "decoded" | "nearest")}
          >
            <option value="decoded">decoded {forward ? "spectra" : "patches"}</option>
            <option value="nearest">nearest measured {forward ? "patches" : "spectra"}</option>
          </select>
        </span>
      }
      exports={{
        name: `${model.model.name} manifold`,
        curl: app.api.curl(path, { accept: "application/x-npz" }),
        files: spectra ? { svg: () => svgBlob(svg.current!), png: () => pngOfSvg(svg.current!) } : undefined,
      }}
    >
      <Loaded of={resource} empty={<p class="notice">A manifold needs two latent numbers; this model has one.</p>}>
        {(tree) =>
          spectra
            ? (
              <SpectraGrid
                values={tree[side]}
                axis={(model.model.axis ?? session.cube!.record.axes.spectral).values}
                svg={svg}
              />
            )
            : <PatchGrid values={tree[side]} window={model.window} />}
      </Loaded>
      <p class="hint">z{subscript(dims[0] + 1)} grows to the right, z{subscript(dims[1] + 1)} upwards.</p>
    </Panel>
  );
}

/** Cells in drawing order: the grid's first axis is z0 (across), its second z1 (up). */
function cellsOf(values: Tree): Float32Array[] {
  if (!isGrid(values)) return [];
  const length = values.data.length / (STEPS * STEPS);
  return Array.from({ length: STEPS * STEPS }, (_, cell) => {
    const [up, across] = [STEPS - 1 - Math.floor(cell / STEPS), cell % STEPS];
    const at = (across * STEPS + up) * length;
    return values.data.subarray(at, at + length);
  });
}

function SpectraGrid({ values, axis, svg }: {
  values: Tree;
  axis: readonly number[];
  svg: { current: SVGSVGElement | null };
}) {
  const cells = useMemo(() => cellsOf(values), [values]);
  const [low, high] = extent(...cells);
  const [left, right] = extent(axis);
  const size = 60;
  const x = (v: number) => ((v - left) / (right - left || 1) * 0.84 + 0.08) * size;
  const y = (v: number) => (0.92 - (v - low) / (high - low || 1) * 0.84) * size;
  const d = (cell: Float32Array, k: number) => {
    const [dx, dy] = [(k % STEPS) * size, Math.floor(k / STEPS) * size];
    return "M" + axis.map((v, i) => `${(dx + x(v)).toFixed(1)} ${(dy + y(cell[i])).toFixed(1)}`).join("L");
  };
  const side = STEPS * size;
  const lines = Array.from({ length: STEPS - 1 }, (_, k) => (k + 1) * size);
  return (
    <svg
      ref={svg}
      class="manifold"
      viewBox={`0 0 ${side} ${side}`}
      width={side}
      height={side}
      role="img"
      aria-label="Spectra decoded over the latent plane"
    >
      {lines.map((at) => (
        <g key={at}>
          <line class="grid" x1={at} x2={at} y1={0} y2={side} />
          <line class="grid" y1={at} y2={at} x1={0} x2={side} />
        </g>
      ))}
      {cells.map((cell, k) => <path key={k} class="curve manifold-curve" d={d(cell, k)} />)}
    </svg>
  );
}

function PatchGrid({ values, window }: { values: Tree; window: number }) {
  const app = useApp();
  const colours = useStore(app.view, (view) => view.colours);
  const cells = useMemo(() => cellsOf(values), [values]);
  const range = extent(...cells);
  const table = useMemo(() => colourTable(colours), [colours]);
  return (
    <div
      class="patch-grid"
      style={{ gridTemplateColumns: `repeat(${STEPS}, 1fr)` }}
      role="img"
      aria-label="Patches over the latent plane"
    >
      {cells.map((cell, k) => <PatchView key={k} values={cell} width={window} table={table} range={range} label="" />)}
    </div>
  );
}
