import type { Network } from "../../../models/network.ts";
import { layoutParameters } from "../parameter_layout.ts";
import { networkUnits } from "../network_units.ts";
import type { ConvGeometry, Unit } from "../network_units.ts";
import { paddedChannels, PaddedParameters } from "./padded_parameters.ts";
import type { Arena } from "./shared_heap.ts";
import { planeFloats, pointsAcross, tileClasses } from "./tile_classes.ts";
import type { PlacedClass, TileClass } from "./tile_classes.ts";

export type StageUnit = Extract<Unit, { kind: "stage" }>;

/** conv -> leaky ReLU -> batch norm, placed in memory. */
export interface Stage {
  readonly unit: StageUnit;
  readonly conv: ConvGeometry;
  readonly pixels: number;
  /** Rows of taps: 3, or 1 in one dimension. */
  readonly tapRows: 1 | 3;
  /** first: one channel in; inner: many to many; last: one channel out. */
  readonly role: "first" | "inner" | "last";
  /** The input is upsampled, twice in each direction, on the way in. */
  readonly upsampled: boolean;
  /** Tiles that read the (not yet upsampled) input; empty for `first` and `last`. */
  readonly tiles: readonly PlacedClass[];
  /** The same tiles reading the gradient of the output, on the way back. */
  readonly tilesBack: readonly PlacedClass[];
  /** Filter points of the forward convolution, for evaluation. */
  readonly filter: number;
  /** Where a training step puts the filter at hand, either way: one place for all stages (0 without training). */
  readonly filterBack: number;
  /** Evaluation: scale, then shift, one float a channel. */
  readonly running: number;
}

type DenseUnit = Extract<Unit, { kind: "dense" }>;

/** The linear path beside the convolutions: x -> latent and latent -> y. */
export interface LinearPath {
  readonly encoder: DenseUnit;
  readonly decoder: DenseUnit;
}

/** A network's weights and all that its programs share, in one arena. */
export class WasmModel {
  readonly parameters: PaddedParameters;
  /** Parameters, gradients and moments; the last three only for training. */
  readonly state: number;
  readonly gradients: number;
  readonly adamM: number;
  readonly adamV: number;
  readonly channels: number;
  /** A row of ones and a row of zeros: no scale and no shift. */
  readonly identity: number;
  readonly encoder: readonly Stage[];
  readonly decoder: readonly Stage[];
  /** The dense layers, and the last pointwise convolution. */
  readonly denseIn: DenseUnit;
  readonly denseOut: DenseUnit;
  readonly linear?: LinearPath;
  readonly head: Extract<Unit, { kind: "conv" }>;
  /** Filter points of one stage: a place that stays in the cache. */
  private readonly trainingFilter: number;

  constructor(readonly network: Network, readonly arena: Arena, readonly training: boolean) {
    this.parameters = new PaddedParameters(network);
    this.channels = paddedChannels(network.options.filters);
    this.state = arena.floats(this.parameters.size);
    const trained = () => training ? arena.floats(this.parameters.trainedSize) : 0;
    this.gradients = trained();
    this.adamM = trained();
    this.adamV = trained();
    this.identity = arena.floats(2 * this.channels);
    arena.heap.floats(this.identity, this.channels).fill(1);
    this.trainingFilter = training ? arena.floats(64 * planeFloats(this.channels)) : 0;
    const layout = layoutParameters(network);
    const encoder = networkUnits(network.encoder, layout), decoder = networkUnits(network.decoder, layout);
    if (isAdded(encoder.at(-1))) {
      this.linear = { encoder: encoder.pop() as DenseUnit, decoder: decoder.pop() as DenseUnit };
    }
    this.denseIn = encoder.at(-1) as typeof this.denseIn;
    this.denseOut = decoder[0] as typeof this.denseOut;
    this.head = decoder.at(-1) as typeof this.head;
    this.encoder = this.stages(encoder.slice(0, -1), "encoder");
    this.decoder = this.stages(decoder.slice(1, -1), "decoder");
  }

  /** Address of a parameter, of its gradient. */
  weight(name: string): number {
    return this.state + 4 * this.parameters.offset(name);
  }

  gradient(name: string): number {
    return this.gradients + 4 * this.parameters.offset(name);
  }

  /** Pixels of the activation that a dense layer reads or writes. */
  densePixels(side: "in" | "out"): number {
    const features = side === "in" ? this.denseIn.featuresIn : this.denseOut.featuresOut;
    return features / this.network.options.filters;
  }

  private stages(units: readonly Unit[], half: "encoder" | "decoder"): Stage[] {
    const stages: Stage[] = [];
    let upsampled = false;
    for (const unit of units) {
      if (unit.kind === "upsample") upsampled = true;
      else if (unit.kind === "stage") {
        const last = half === "decoder" && units.indexOf(unit) === units.length - 1;
        const role = half === "encoder" && stages.length === 0 ? "first" : last ? "last" : "inner";
        stages.push(this.stage(unit, role, upsampled));
        upsampled = false;
      } else throw new Error(`No place for the layer ${unit.label}`);
    }
    return stages;
  }

  private stage(unit: StageUnit, role: Stage["role"], upsampled: boolean): Stage {
    const { arena, channels } = this;
    const { conv } = unit;
    const inner = role === "inner";
    const pixelBytes = 4 * channels;
    const place = (upsampled: boolean) =>
      tileClasses(conv, { pixelBytesIn: pixelBytes, pixelBytesOut: pixelBytes, upsampled })
        .map((tile) => this.placeClass(tile));
    const tiles = inner ? place(upsampled) : [];
    const tapRows = conv.kernelRows;
    const filterFloats = pointsAcross(conv) ** (tapRows === 3 ? 2 : 1) * planeFloats(channels);
    return {
      unit,
      conv,
      pixels: conv.rows * conv.cols,
      tapRows,
      role,
      upsampled,
      tiles,
      tilesBack: upsampled && this.training ? place(false) : tiles,
      filter: inner ? arena.floats(filterFloats) : 0,
      filterBack: inner ? this.trainingFilter : 0,
      running: arena.floats(2 * (role === "last" ? 1 : channels)),
    };
  }

  private placeClass(tile: TileClass): PlacedClass {
    const address = this.arena.bytes(tile.table.byteLength);
    this.arena.heap.words(address, tile.table.length).set(tile.table);
    return { ...tile, address };
  }
}

function isAdded(unit: Unit | undefined): boolean {
  return unit?.kind === "dense" && unit.added === true;
}
