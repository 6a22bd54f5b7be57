import { CLASS_COLOURS } from "./colour_maps.ts";
import type { App } from "./context.ts";
import type { Pin } from "./view_state.ts";

export const MAX_PINS = 6;

/** Colours of pins when several are compared. */
export function pinColour(index: number): string {
  return ["#0091d5", "#e69f00", "#00a87b", "#d877ac", "#8467d7", "#c9b400"][index] ?? CLASS_COLOURS[index];
}

const same = (a: Pin, b: Pin): boolean => a.row === b.row && a.col === b.col;

/** Moves the pin in focus (the last) to a pixel, or adds one; picking a pin again brings it into focus. */
export function pickPin({ view }: App, at: Pin, add: boolean): void {
  const { pins } = view.get();
  const others = pins.filter((pin) => !same(pin, at));
  if (others.length < pins.length) view.set({ pins: [...others, at] });
  else if (add || pins.length === 0) view.set({ pins: [...pins, at].slice(-MAX_PINS) });
  else view.set({ pins: [...pins.slice(0, -1), at] });
}

/** Removes the pin nearest to a pixel (within 3 pixels), or the one in focus. */
export function removePin({ view }: App, near: Pin | null): void {
  const { pins } = view.get();
  if (!near) return view.set({ pins: pins.slice(0, -1) });
  const distance = (pin: Pin) => Math.hypot(pin.row - near.row, pin.col - near.col);
  const nearest = pins.reduce<Pin | null>((best, pin) => !best || distance(pin) < distance(best) ? pin : best, null);
  if (nearest && distance(nearest) <= 3) view.set({ pins: pins.filter((pin) => pin !== nearest) });
}

/** Moves the pin in focus by whole pixels, within the map. */
export function movePin({ view }: App, step: [number, number], [rows, cols]: readonly [number, number]): void {
  const { pins } = view.get();
  const pin = pins[pins.length - 1] ?? { row: Math.floor(rows / 2), col: Math.floor(cols / 2) };
  const clamp = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
  const moved = { row: clamp(pin.row + step[0], rows), col: clamp(pin.col + step[1], cols) };
  view.set({ pins: [...pins.slice(0, -1).filter((other) => !same(other, moved)), moved] });
}
