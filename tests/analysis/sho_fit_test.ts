import { assert, assertClose } from "../support/assert.ts";
import { createRandom } from "../../lib/base/random.ts";
import { fitShos, SHO_QUANTITIES } from "../../lib/analysis/sho_fit.ts";

const P = SHO_QUANTITIES.length;

interface Truth {
  amplitude: number;
  resonance: number;
  q: number;
  phase: number;
}

/** A e^(i phase) f0^2 / (f^2 - i f f0 / Q - f0^2), from the formula itself with complex division. */
function response({ amplitude, resonance, q, phase }: Truth, frequency: Float64Array, noise = 0, seed = 1) {
  const random = createRandom(seed);
  const real_NS = new Float64Array(frequency.length), imaginary_NS = real_NS.slice();
  frequency.forEach((f, s) => {
    const top = amplitude * resonance ** 2;
    const re = f * f - resonance ** 2, im = -f * resonance / q, size = re * re + im * im;
    real_NS[s] = top * (Math.cos(phase) * re + Math.sin(phase) * im) / size + noise * random.normal();
    imaginary_NS[s] = top * (Math.sin(phase) * re - Math.cos(phase) * im) / size + noise * random.normal();
  });
  return { real_NS, imaginary_NS };
}

const BAND_Hz = Float64Array.from({ length: 80 }, (_, s) => 310e3 + 1e3 * s);
const TRUTH = { amplitude: 2e-4, resonance: 347.3e3, q: 130, phase: -1.2 };

Deno.test("an oscillator without noise gives its four numbers back, at any phase and place in the band", () => {
  for (const phase of [-3, -1.2, 0, 2.5]) {
    for (const resonance of [312e3, 347.3e3, 386e3]) {
      for (const q of [20, 130, 800]) {
        const fit = fitShos(response({ ...TRUTH, phase, resonance, q }, BAND_Hz), BAND_Hz);
        assertClose([fit[0] / 2e-4, fit[1] / resonance, fit[2] / q, fit[3], fit[4]], [1, 1, 1, phase, 1], 1e-6);
      }
    }
  }
});

Deno.test("with noise no step in any direction comes closer: Gauss-Newton has ended at the least squares", () => {
  const measured = response(TRUTH, BAND_Hz, 5e-4);
  const [amplitude, resonance, q, phase] = fitShos(measured, BAND_Hz);
  const sse = (truth: Truth) => {
    const model = response(truth, BAND_Hz);
    return model.real_NS.reduce(
      (sum, value, s) =>
        sum + (value - measured.real_NS[s]) ** 2 + (model.imaginary_NS[s] - measured.imaginary_NS[s]) ** 2,
      0,
    );
  };
  const best = sse({ amplitude, resonance, q, phase });
  for (const step of [1e-3, -1e-3]) {
    const factor = 1 + step;
    assert.ok(sse({ amplitude: amplitude * factor, resonance, q, phase }) > best);
    assert.ok(sse({ amplitude, resonance: resonance * (1 + step / 100), q, phase }) > best);
    assert.ok(sse({ amplitude, resonance, q: q * factor, phase }) > best);
    assert.ok(sse({ amplitude, resonance, q, phase: phase + step }) > best);
  }
  assertClose([resonance / TRUTH.resonance, q / TRUTH.q], [1, 1], 0.05);
});

Deno.test("noise, zero and NaN are NaN or badly explained, and leave their neighbours alone", () => {
  const good = response(TRUTH, BAND_Hz), random = createRandom(3);
  const noise = () => Float64Array.from(BAND_Hz, () => random.normal());
  const zero = new Float64Array(80), broken = good.real_NS.slice();
  broken[5] = NaN;
  const fits = fitShos({
    real_NS: Float64Array.of(...good.real_NS, ...zero, ...broken, ...noise(), ...good.real_NS),
    imaginary_NS: Float64Array.of(
      ...good.imaginary_NS,
      ...zero,
      ...good.imaginary_NS,
      ...noise(),
      ...good.imaginary_NS,
    ),
  }, BAND_Hz);
  assert.ok(fits.subarray(P, 3 * P).every(Number.isNaN));
  assert.ok(!(fits[3 * P + 4] > 0.5), "noise is not explained");
  assertClose(fits.subarray(0, P), fits.subarray(4 * P), 0);
});
