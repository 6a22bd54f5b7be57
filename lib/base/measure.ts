export interface Sample {
  labels?: Record<string, string>;
  value: number;
}

/** Something to watch, whose value is read when it is asked for. */
export interface Measure {
  name: string;
  help: string;
  /** A counter only grows while the process that counts lives. */
  type: "gauge" | "counter";
  labels?: readonly string[];
  read(): number | readonly Sample[] | Promise<number | readonly Sample[]>;
}
