export interface Finding {
  /** `error`: something that was promised is not so. `note`: what does no harm, such as left-overs of a killed process. */
  level: "error" | "note";
  code: string;
  /** What it is about: a cube's id, `name@version`, a file. */
  subject: string;
  message: string;
  /** Absent where only a person can decide. */
  repair?: () => Promise<void> | void;
}

export interface CheckOptions {
  /** Read every file whose SHA-256 is known and compare it. */
  deep?: boolean;
  /** A service is using the folder: what it is just writing is not reported. */
  live?: boolean;
}

/** Makes the errors about one thing. */
export function errorAbout(subject: string) {
  return (code: string, message: string, repair?: Finding["repair"]): Finding => ({
    ...{ level: "error", code, subject, message, repair },
  });
}

/** What is wrong with a file, in words. A file that this user may not read is not damaged: that error is thrown on. */
export function problemOf(error: unknown): string {
  const { message, cause } = error as Error;
  for (const each of [error, cause]) {
    if (each instanceof Deno.errors.PermissionDenied) throw each;
  }
  return message;
}
