/** How one pixel of the simulated film switches; biases in volts, responses in the cube's unit. */
export interface FilmPixel {
  domain: "a" | "c";
  /** Bias by which the whole loop is shifted. */
  imprint_V: number;
  /** Half the distance between the coercive biases (c), or from the middle to each side loop (a). */
  coercive_V: number;
  /** Response at saturation. */
  saturation: number;
}

/** Width of the switching step of a c loop, and of a noose's middle. */
const STEP_C_V = 0.7;
const STEP_A_V = 5;
const SIDE_LOOP_V = 1.6;

const bell = (x: number) => Math.exp(-x * x);

/**
 * Out-of-field response at a bias on the branch with rising or falling bias. c domains give open, square loops; a domains
 * give nooses: open near both ends, constricted in the middle, where the branches cross.
 */
export function filmResponse(pixel: FilmPixel, bias_V: number, rising: boolean): number {
  const shifted_V = bias_V - pixel.imprint_V;
  const side = rising ? -1 : 1;
  if (pixel.domain === "c") return pixel.saturation * Math.tanh((shifted_V + side * pixel.coercive_V) / STEP_C_V);
  const sides = bell((shifted_V - pixel.coercive_V) / SIDE_LOOP_V) + bell((shifted_V + pixel.coercive_V) / SIDE_LOOP_V);
  const opening = 0.35 * sides - 0.08 * bell(shifted_V / 1.2);
  return pixel.saturation * (Math.tanh(shifted_V / STEP_A_V) + side * opening);
}

/** Biases at which the noiseless rising and falling branches pass zero. */
export function coerciveBiases(pixel: FilmPixel): { rising_V: number; falling_V: number } {
  if (pixel.domain === "c") {
    return { rising_V: pixel.imprint_V + pixel.coercive_V, falling_V: pixel.imprint_V - pixel.coercive_V };
  }
  return { rising_V: zeroOf(pixel, true), falling_V: zeroOf(pixel, false) };
}

/** Bisection around the imprint, where a noose's middle rises through zero. */
function zeroOf(pixel: FilmPixel, rising: boolean): number {
  let [low, high] = [pixel.imprint_V - pixel.coercive_V, pixel.imprint_V + pixel.coercive_V];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (filmResponse(pixel, middle, rising) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** A triangular sweep 0 -> +limit -> -limit -> 0; a multiple of 4 points meets both ends. */
export function triangularSweep(points: number, limit_V: number): { biases_V: number[]; rising: boolean[] } {
  const biases_V: number[] = [];
  const rising: boolean[] = [];
  for (let i = 0; i < points; i++) {
    const quarter = 4 * i / points;
    biases_V.push(limit_V * (quarter <= 1 ? quarter : quarter <= 3 ? 2 - quarter : quarter - 4));
    rising.push(quarter <= 1 || quarter > 3);
  }
  return { biases_V, rising };
}
