import { z } from "zod";

export const scopeSchema = z.enum(["read", "predict", "train", "admin"]);
/** What a key may do; `admin` includes all others. */
export type Scope = z.infer<typeof scopeSchema>;

/** A key that was recognised. The secret itself is kept nowhere. */
export interface VerifiedKey {
  id: string;
  scopes: readonly Scope[];
}

/** Looks a secret up, in time that does not depend on how much of it is right. */
export interface KeyVerifier {
  verify(secret: string): VerifiedKey | undefined | Promise<VerifiedKey | undefined>;
}
