import type { KeyVerifier, Scope } from "../../schemas/access.ts";

export interface ApiKey {
  id: string;
  name: string;
  scopes: Scope[];
  createdAt: string;
  revokedAt?: string;
}

/** API keys `ls_ID_SECRET`, of which only an HMAC-SHA256 is stored. */
export interface KeyStore extends KeyVerifier {
  /** Whether the HMAC's own key is missing or damaged although keys were hashed with it: then no key works. */
  isLost(): Promise<boolean>;
  /** Throws `hmac_key_lost` (conflict). The secret is shown this once. */
  add(name: string, scopes: readonly Scope[]): Promise<{ key: ApiKey; secret: string }>;
  list(): Promise<ApiKey[]>;
  /** False when there is no such valid key. In force for this process at once, for others within a second. */
  revoke(id: string): Promise<boolean>;
}
