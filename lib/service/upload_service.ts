import type { Clock } from "../base/clock.ts";
import { LoopscopeError, unprocessable } from "../base/errors.ts";
import { uploadQuerySchema } from "../schemas/queries.ts";
import type { Store } from "../store/ports/store.ts";
import type { Quotas } from "./quotas.ts";
import type { CubeService, UploadService } from "./services.ts";

export interface UploadServiceOptions {
  store: Store;
  cubes: CubeService;
  clock: Clock;
  maxUploadBytes: number;
  quotas: Quotas;
  /** How long an upload may take, and how long its end is remembered. */
  keepMs?: number;
  /** Unfinished uploads of all callers together. */
  maxOpen?: number;
}

const DAY_MS = 24 * 3600 * 1000;
/** As of an upload in one piece. */
const OPTIONS = uploadQuerySchema.keyof().options;
const METADATA = [...OPTIONS, "filename", "sha256"];
/** What common clients add of themselves. */
const BROUGHT_ALONG = ["filetype", "type", "contentType", "relativePath"];

/** Uploads in pieces. The disk's space is asked for before the first byte is taken. */
export function createUploadService(options: UploadServiceOptions): UploadService {
  const { store, cubes, clock, quotas, maxUploadBytes, keepMs = DAY_MS, maxOpen = 256 } = options;
  const { uploads } = store;
  return {
    async create(sizeBytes, metadata, caller) {
      await uploads.expire(clock.nowMs());
      if (sizeBytes > maxUploadBytes) {
        const detail = `The upload would have ${sizeBytes} bytes, at most ${maxUploadBytes} are taken`;
        throw new LoopscopeError("tooLarge", "too_large", detail);
      }
      if (sizeBytes === 0) throw unprocessable("empty_body", "Upload-Length is 0; expected a file");
      checkMetadata(metadata);
      const usage = await store.cubes.usage(quotas.ownerOf(caller));
      const freeBytes = await store.scratch.freeBytes();
      const createdMs = clock.nowMs();
      const upload = { sizeBytes, metadata, owner: caller.id, createdMs, expiresMs: createdMs + keepMs };
      return await uploads.create(upload, (unfinished) => {
        if (unfinished.count >= maxOpen) {
          const detail =
            `${unfinished.count} uploads are unfinished; expected at most ${maxOpen}: finish or remove some`;
          throw new LoopscopeError("tooMany", "too_many_uploads", detail, { retryAfterS: 60 });
        }
        quotas.admitUpload(caller, sizeBytes, usage)(unfinished);
        // Its bytes are on the disk twice for a moment: as pieces and as the stored file.
        store.scratch.requireOf(freeBytes, unfinished.promisedBytes + 2 * sizeBytes);
      });
    },
    get: (id) => uploads.get(id),
    async append(id, offset, piece, appendOptions, caller) {
      const end = await uploads.append(id, offset, piece, appendOptions);
      const upload = await uploads.get(id);
      if (end < upload.sizeBytes || upload.cube) return upload;
      return await uploads.exclusively(id, async (whole) => {
        if (whole.cube) return whole; // another request has finished it
        const { sha256, filename = "" } = whole.metadata;
        const { name, ...ingest } = uploadQuerySchema.parse(optionsOf(whole.metadata));
        try {
          const addOptions = {
            ...ingest,
            name: name ?? (filename.slice(0, 200).toWellFormed() || undefined),
            expectedSha256: sha256,
          };
          const { cube } = await cubes.add(await uploads.open(id), addOptions, caller);
          await uploads.finish(whole, cube.id);
          return { ...whole, cube: cube.id };
        } catch (error) {
          // What was refused for its content will be refused again; what failed for want of room or time will not.
          if (["unprocessable", "malformed"].includes((error as LoopscopeError).kind)) await uploads.remove(id);
          throw error;
        }
      });
    },
    remove: (id) => uploads.exclusively(id, (upload) => uploads.remove(upload.id)),
  };
}

/** The options among the metadata, as text, as in a query. */
function optionsOf(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => (OPTIONS as string[]).includes(name)));
}

function checkMetadata(metadata: Record<string, string>): void {
  const unknown = Object.keys(metadata).filter((name) => !METADATA.includes(name) && !BROUGHT_ALONG.includes(name));
  if (unknown.length > 0) {
    throw unprocessable(
      "bad_metadata",
      `Upload-Metadata has ${unknown.join(", ")}; expected only ${METADATA.join(", ")}`,
    );
  }
  const parsed = uploadQuerySchema.safeParse(optionsOf(metadata));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unprocessable("bad_metadata", `Upload-Metadata: ${issue.path.join(".")}: ${issue.message}`);
  }
  if (metadata.sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(metadata.sha256)) {
    throw unprocessable(
      "bad_metadata",
      `Upload-Metadata: sha256 is ${metadata.sha256}; expected 64 hexadecimal digits`,
    );
  }
}
