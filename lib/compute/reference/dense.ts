type Values = Float32Array | Float64Array;

interface DenseGeometry {
  readonly featuresIn: number;
  readonly featuresOut: number;
  readonly order: "outIn" | "inOut";
  /** Results are added to what is there. */
  readonly added?: boolean;
}

/** output (N, out) = input (N, in) times weight, plus bias. */
export function dense(
  step: DenseGeometry,
  n: number,
  arrays: { input: Values; weight: Values; bias: Values; output: Values },
): void {
  const { featuresIn, featuresOut } = step;
  const { input, weight, bias, output } = arrays;
  for (let sample = 0; sample < n; sample++) {
    for (let o = 0; o < featuresOut; o++) {
      let sum = bias[o] + (step.added ? output[sample * featuresOut + o] : 0);
      for (let i = 0; i < featuresIn; i++) sum += input[sample * featuresIn + i] * weight[weightIndex(step, o, i)];
      output[sample * featuresOut + o] = sum;
    }
  }
}

/** Gradients of weight, bias and (where given) input. */
export function denseGradient(
  step: DenseGeometry,
  n: number,
  arrays: {
    input: Values;
    weight: Values;
    gradOutput: Values;
    gradWeight: Values;
    gradBias: Values;
    gradInput?: Values;
  },
): void {
  const { featuresIn, featuresOut } = step;
  const { input, weight, gradOutput, gradWeight, gradBias, gradInput } = arrays;
  gradWeight.fill(0);
  gradBias.fill(0);
  if (!step.added) gradInput?.fill(0, 0, n * featuresIn);
  for (let sample = 0; sample < n; sample++) {
    for (let o = 0; o < featuresOut; o++) {
      const g = gradOutput[sample * featuresOut + o];
      gradBias[o] += g;
      for (let i = 0; i < featuresIn; i++) {
        const at = weightIndex(step, o, i);
        gradWeight[at] += g * input[sample * featuresIn + i];
        if (gradInput) gradInput[sample * featuresIn + i] += g * weight[at];
      }
    }
  }
}

function weightIndex({ order, featuresIn, featuresOut }: DenseGeometry, o: number, i: number): number {
  return order === "outIn" ? o * featuresIn + i : i * featuresOut + o;
}
