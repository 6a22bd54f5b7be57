export interface Finding {
  /** `error`: something that was promised is not so. `note`: left-overs of a killed process, swept at the next start. */
  level: "error" | "note";
  code: string;
  /** What it is about: a cube's id, `name@version`, a file. */
  subject: string;
  message: string;
  /** Absent where only a person can decide. */
  repair?: () => Promise<void> | void;
}

export interface CheckOptions {
  /** Read every blob and weight and compare its SHA-256. */
  deep?: boolean;
  /** A service is using the folder: what it is just writing is not reported. */
  live?: boolean;
}
