import { createRandom, type Random } from "../base/random.ts";
import { leadingScores } from "./leading_scores.ts";

export interface TreeOptions {
  seed: number;
  /** Number of trees; default 200. */
  trees?: number;
  /** Fewest samples of a leaf; default 2. */
  minLeaf?: number;
  /** Called between trees: gives way and throws when the work is cancelled. */
  pause: () => Promise<void>;
}

/** Samples of N inputs of length I with targets of length O. */
export interface TreeSamples {
  count: number;
  input_NI: Float32Array;
  target_NO: Float32Array;
}

/** Splits are judged on so many principal components of the targets; leaves hold the targets themselves. */
const COMPONENTS = 8;
/** Features tried at a node; all of them up to this number. */
export const MOST_FEATURES = 128;

/**
 * Predictions M x O of extremely randomised trees (Geurts, Ernst and Wehenkel 2006) fitted to `samples`: at each node one
 * random threshold a feature, the split with the smallest squared error of all targets wins; no bootstrap. Each tree is
 * dropped once it has predicted, so that a forest needs no memory. The same seed gives the same bits.
 */
export async function predictExtraTrees(
  samples: TreeSamples,
  input_MI: Float32Array,
  { seed, trees = 200, minLeaf = 2, pause }: TreeOptions,
): Promise<Float32Array> {
  const { count, input_NI, target_NO } = samples;
  const [I, O] = [input_NI.length / count, target_NO.length / count];
  const scores_NK = leadingScores(target_NO, O, COMPONENTS);
  const grower = new TreeGrower(byColumn(input_NI, I), scores_NK, { count, inputs: I, minLeaf });
  const M = input_MI.length / I;
  const sum_MO = new Float64Array(M * O);
  for (let tree = 0; tree < trees; tree++) {
    const grown = grower.grow(createRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(tree + 1, 0x85ebca6b)));
    for (let m = 0; m < M; m++) {
      addLeaf(grown, target_NO, grown.leafOf(input_MI, m * I), sum_MO.subarray(m * O, (m + 1) * O));
    }
    await pause();
  }
  return Float32Array.from(sum_MO, (sum) => sum / trees);
}

/** A tree: node `n` is a leaf of samples `order[from[n]..to[n])`, or has the children `n + 1` and `right[n]`. */
interface Tree {
  order: Int32Array;
  from: Int32Array;
  to: Int32Array;
  leafOf(input: Float32Array, at: number): number;
}

function addLeaf({ order, from, to }: Tree, target_NO: Float32Array, leaf: number, sum_O: Float64Array): void {
  const [first, last, O] = [from[leaf], to[leaf], sum_O.length];
  const share = 1 / (last - first);
  for (let k = first; k < last; k++) {
    for (let o = 0, t = order[k] * O; o < O; o++, t++) sum_O[o] += share * target_NO[t];
  }
}

function byColumn(input_NI: Float32Array, inputs: number): Float32Array {
  const count = input_NI.length / inputs;
  const columns = new Float32Array(input_NI.length);
  for (let n = 0; n < count; n++) for (let i = 0; i < inputs; i++) columns[i * count + n] = input_NI[n * inputs + i];
  return columns;
}

interface GrowerOptions {
  count: number;
  inputs: number;
  minLeaf: number;
}

/** Grows one tree after another in the same memory. */
class TreeGrower {
  readonly #order: Int32Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #right: Int32Array;
  readonly #feature: Int32Array;
  readonly #threshold: Float32Array;
  readonly #features: Int32Array;
  readonly #total: Float64Array;
  readonly #left: Float64Array;
  readonly #values: Float32Array;
  readonly #selected: Int32Array;
  #nodes = 0;

  constructor(
    private readonly x_IN: Float32Array,
    /** Count x COMPONENTS. */
    private readonly t_NK: Float64Array,
    private readonly options: GrowerOptions,
  ) {
    const { count, inputs } = options;
    const nodes = 2 * count;
    this.#order = new Int32Array(count);
    [this.#from, this.#to, this.#right, this.#feature] = Array.from({ length: 4 }, () => new Int32Array(nodes));
    this.#threshold = new Float32Array(nodes);
    this.#features = Int32Array.from({ length: inputs }, (_, i) => i);
    this.#total = new Float64Array(COMPONENTS);
    this.#left = new Float64Array(COMPONENTS);
    this.#values = new Float32Array(count);
    this.#selected = new Int32Array(count + 1);
  }

  grow(random: Random): Tree {
    this.#order.forEach((_, n) => this.#order[n] = n);
    this.#nodes = 0;
    this.#split(0, this.options.count, random);
    const [feature, threshold, right] = [this.#feature, this.#threshold, this.#right];
    const leafOf = (input: Float32Array, at: number) => {
      let node = 0;
      while (feature[node] >= 0) node = input[at + feature[node]] <= threshold[node] ? node + 1 : right[node];
      return node;
    };
    return { order: this.#order, from: this.#from, to: this.#to, leafOf };
  }

  /** Depth first, so that a left child follows its parent. */
  #split(from: number, to: number, random: Random): void {
    const node = this.#nodes++;
    this.#from[node] = from;
    this.#to[node] = to;
    this.#feature[node] = -1;
    if (to - from < 2 * this.options.minLeaf || !this.#best(node, random)) return;
    const middle = this.#partition(node);
    this.#split(from, middle, random);
    this.#right[node] = this.#nodes;
    this.#split(middle, to, random);
  }

  /** Finds the best of the random splits; false where every feature is constant or no split leaves enough samples. */
  #best(node: number, random: Random): boolean {
    const { minLeaf } = this.options;
    const [from, to] = [this.#from[node], this.#to[node]];
    this.#sum(from, to);
    let most = -Infinity;
    const tried = this.#drawFeatures(random);
    for (let f = 0; f < tried; f++) {
      const feature = this.#features[f];
      const threshold = this.#drawThreshold(feature, from, to, random);
      if (threshold === undefined) continue;
      const left = this.#selectLeft(from, to, threshold);
      const right = to - from - left;
      if (left < minLeaf || right < minLeaf) continue;
      this.#sumSelected(left);
      let [ofLeft, ofRight] = [0, 0];
      for (let k = 0; k < COMPONENTS; k++) {
        const [l, r] = [this.#left[k], this.#total[k] - this.#left[k]];
        ofLeft += l * l;
        ofRight += r * r;
      }
      const gain = ofLeft / left + ofRight / right;
      if (gain > most) {
        most = gain;
        this.#feature[node] = feature;
        this.#threshold[node] = threshold;
      }
    }
    return most > -Infinity;
  }

  /** Puts the features of this node first; all of them where they are few. */
  #drawFeatures(random: Random): number {
    const features = this.#features;
    if (features.length <= MOST_FEATURES) return features.length;
    for (let f = 0; f < MOST_FEATURES; f++) {
      const other = f + random.integer(features.length - f);
      [features[f], features[other]] = [features[other], features[f]];
    }
    return MOST_FEATURES;
  }

  /** Uniform between the smallest and largest value of the node's samples, which are left in `#values`. */
  #drawThreshold(feature: number, from: number, to: number, random: Random): number | undefined {
    const [x, order, values] = [this.x_IN, this.#order, this.#values];
    const column = feature * this.options.count;
    let [low, high] = [Infinity, -Infinity];
    for (let n = from; n < to; n++) {
      const value = x[column + order[n]];
      values[n] = value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!(high > low)) return undefined;
    const drawn = Math.fround(low + random.uniform() * (high - low));
    return drawn < high ? drawn : low;
  }

  #sum(from: number, to: number): void {
    const [t, total] = [this.t_NK, this.#total];
    total.fill(0);
    for (let n = from; n < to; n++) {
      for (let k = 0, at = this.#order[n] * COMPONENTS; k < COMPONENTS; k++, at++) total[k] += t[at];
    }
  }

  /** Lists what lies left of the threshold, without a branch that would be guessed wrongly; returns how many. */
  #selectLeft(from: number, to: number, threshold: number): number {
    const [order, values, selected] = [this.#order, this.#values, this.#selected];
    let count = 0;
    for (let n = from; n < to; n++) {
      selected[count] = order[n];
      count += values[n] <= threshold ? 1 : 0;
    }
    return count;
  }

  /** Sums of the selected samples' scores, in eight variables that stay in registers. */
  #sumSelected(count: number): void {
    const [t, selected, left] = [this.t_NK, this.#selected, this.#left];
    let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let n = 0; n < count; n++) {
      const at = selected[n] * COMPONENTS;
      s0 += t[at];
      s1 += t[at + 1];
      s2 += t[at + 2];
      s3 += t[at + 3];
      s4 += t[at + 4];
      s5 += t[at + 5];
      s6 += t[at + 6];
      s7 += t[at + 7];
    }
    left[0] = s0;
    left[1] = s1;
    left[2] = s2;
    left[3] = s3;
    left[4] = s4;
    left[5] = s5;
    left[6] = s6;
    left[7] = s7;
  }

  #partition(node: number): number {
    const order = this.#order;
    const column = this.#feature[node] * this.options.count;
    let [i, j] = [this.#from[node], this.#to[node] - 1];
    while (i <= j) {
      if (this.x_IN[column + order[i]] <= this.#threshold[node]) i++;
      else {
        [order[i], order[j]] = [order[j], order[i]];
        j--;
      }
    }
    return i;
  }
}
