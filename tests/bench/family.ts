/** Milliseconds of one round, by case: `train im2spec 8`. */
export type Round = Record<string, number>;

export interface BenchOptions {
  engine: string;
  threads: number;
  windows: readonly number[];
  /** Seconds for each case in a round. */
  seconds: number;
}

/** Cases that are measured together, ours and the peer's in turn. */
export interface Family {
  readonly title: string;
  /** How many rounds, where one takes long. */
  readonly rounds?: number;
  /** The least ratio, the peer's time over ours, that each case must reach. */
  readonly goals: Readonly<Record<string, number>>;
  /** Floating-point operations of each case as a direct computation does them; absent: no share of the peak. */
  readonly operations?: (name: string) => number;
  ours(options: BenchOptions): Promise<Round>;
  /** Prints what is counted rather than timed. */
  explain?(options: BenchOptions): Promise<void>;
  /** Absent, or resolving to undefined: no peer here. */
  peer?(options: BenchOptions): Promise<Round | undefined>;
}
