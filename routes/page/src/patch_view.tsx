import { useLayoutEffect, useRef } from "preact/hooks";

/** A small image (a patch, a map of a component) with the colours of its neighbours. */
export function PatchView({ values, width, table, range, label, onClick, class: className = "" }: {
  values: Float32Array;
  width: number;
  table: Uint32Array;
  range: readonly [number, number];
  label: string;
  onClick?: () => void;
  class?: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const height = values.length / width;
  useLayoutEffect(() => {
    const scale = 256 / (range[1] - range[0] || 1);
    const pixels = Uint32Array.from(values, (value) => {
      return value === value ? table[Math.min(255, Math.max(0, (value - range[0]) * scale | 0))] : 0;
    });
    const context = canvas.current!.getContext("2d")!;
    context.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
  }, [values, table, range[0], range[1]]);
  return (
    <canvas
      ref={canvas}
      class={`patch ${className}`}
      width={width}
      height={height}
      role="img"
      aria-label={label}
      onClick={onClick}
    />
  );
}
