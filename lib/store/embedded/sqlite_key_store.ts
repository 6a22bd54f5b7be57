import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { type Clock, toTimestamp } from "../../base/clock.ts";
import { conflict } from "../../base/errors.ts";
import type { Scope, VerifiedKey } from "../../schemas/access.ts";
import type { ApiKey, KeyStore } from "../ports/key_store.ts";
import type { DataFolder } from "./data_folder.ts";
import type { Database } from "./database.ts";
import { exists, writeFileDurably } from "../durable.ts";

interface KeyRow {
  id: string;
  name: string;
  scopes: string;
  hmac: Uint8Array;
  created_ms: number;
  revoked_ms: number | null;
}

const HMAC_BYTES = 32;
const NO_KEY = new Uint8Array(HMAC_BYTES);

/** API keys `ls_ID_SECRET`, of which only an HMAC-SHA256 is kept; the HMAC's own key lies in `hmac.key`. */
export class SqliteKeyStore implements KeyStore {
  /** Absent before the first key, and when `hmac.key` was lost: no key is known then. */
  #hmacKey?: Uint8Array;
  readonly #path: string;

  constructor(private readonly db: Database, private readonly folder: DataFolder, private readonly clock: Clock) {
    this.#path = `${folder.root}/hmac.key`;
  }

  /** Looked for until it is there: `keys add` makes it beside a running service. */
  #findKey(): Uint8Array | undefined {
    if (this.#hmacKey || !exists(this.#path)) return this.#hmacKey;
    const bytes = Deno.readFileSync(this.#path);
    if (bytes.length === HMAC_BYTES) this.#hmacKey = bytes;
    return this.#hmacKey;
  }

  /** Whether `hmac.key` is missing or damaged although there are keys that were hashed with it. */
  get lost(): boolean {
    return this.#findKey() === undefined && (exists(this.#path) || this.#list().some((key) => !key.revokedAt));
  }

  // deno-lint-ignore require-await
  async isLost(): Promise<boolean> {
    return this.lost;
  }

  /** Revokes every key, since none can be told from a wrong one any more, and makes a new `hmac.key`. */
  revokeAllAndReset(): void {
    for (const { id } of this.#list()) this.#revoke(id);
    this.#makeHmacKey();
  }

  /** Makes `hmac.key` on first use. Throws `hmac_key_lost` (conflict). The secret is shown this once. */
  // deno-lint-ignore require-await
  async add(name: string, scopes: readonly Scope[]): Promise<{ key: ApiKey; secret: string }> {
    // Of two processes that add the first keys at once, one waits for the other's `hmac.key`.
    return this.db.transaction(() => this.#add(name, scopes));
  }

  #add(name: string, scopes: readonly Scope[]): { key: ApiKey; secret: string } {
    if (this.lost) throw conflict("hmac_key_lost", `${this.#path} is missing or damaged: see \`deno task doctor\``);
    if (!this.#findKey()) this.#makeHmacKey();
    const id = randomBytes(6).toString("hex");
    const secret = `ls_${id}_${randomBytes(24).toString("base64url")}`;
    this.db.run(
      "INSERT INTO api_keys (id, name, scopes, hmac, created_ms) VALUES (?, ?, ?, ?, ?)",
      ...[id, name, JSON.stringify(scopes), this.#hmac(secret), this.clock.nowMs()],
    );
    return { key: this.#list().find((key) => key.id === id)!, secret };
  }

  // deno-lint-ignore require-await
  async list(): Promise<ApiKey[]> {
    return this.#list();
  }

  #list(): ApiKey[] {
    return this.db.all<KeyRow>("SELECT * FROM api_keys ORDER BY created_ms, id").map((row) => ({
      id: row.id,
      name: row.name,
      scopes: JSON.parse(row.scopes),
      createdAt: toTimestamp(row.created_ms),
      ...(row.revoked_ms === null ? {} : { revokedAt: toTimestamp(row.revoked_ms) }),
    }));
  }

  /** False when there is no such key that is still valid. */
  // deno-lint-ignore require-await
  async revoke(id: string): Promise<boolean> {
    return this.#revoke(id);
  }

  #revoke(id: string): boolean {
    const sql = "UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL";
    return this.folder.reserve.use(() => this.db.run(sql, this.clock.nowMs(), id)) === 1;
  }

  // deno-lint-ignore require-await
  async verify(secret: string): Promise<VerifiedKey | undefined> {
    const id = /^ls_([0-9a-f]{12})_/.exec(secret)?.[1] ?? "";
    const row = this.db.get<KeyRow>("SELECT * FROM api_keys WHERE id = ? AND revoked_ms IS NULL", id);
    // An unknown id costs the same comparison.
    const wanted = row?.hmac.length === HMAC_BYTES ? row.hmac : new Uint8Array(HMAC_BYTES);
    const equal = timingSafeEqual(this.#hmac(secret), wanted) && this.#findKey() !== undefined;
    return row && equal ? { id: row.id, scopes: JSON.parse(row.scopes) } : undefined;
  }

  #makeHmacKey(): void {
    const bytes = randomBytes(HMAC_BYTES);
    writeFileDurably(this.#path, bytes, 0o600);
    this.#hmacKey = bytes;
  }

  #hmac(secret: string): Uint8Array {
    return createHmac("sha256", this.#findKey() ?? NO_KEY).update(secret).digest();
  }
}
