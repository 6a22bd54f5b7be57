import { conflict, missing } from "../../../lib/base/errors.ts";
import { newId } from "../../../lib/base/ids.ts";
import type { Upload } from "../../../lib/schemas/upload.ts";
import type { UploadService } from "../../../lib/service/services.ts";

/** Uploads in pieces, kept in memory; a whole one stays one. */
export function memoryUploads(): UploadService {
  const uploads = new Map<string, Upload>();
  const find = (id: string) => {
    const upload = uploads.get(id);
    if (!upload) throw missing("upload_missing", `There is no upload ${id}`);
    return upload;
  };
  return {
    // deno-lint-ignore require-await
    async create(sizeBytes, metadata, { id: owner }) {
      const id = newId<string>("upload");
      const upload = { id, sizeBytes, offset: 0, metadata, owner, createdMs: 0, expiresMs: 86_400_000 };
      uploads.set(id, upload);
      return upload;
    },
    // deno-lint-ignore require-await
    get: async (id) => find(id),
    async append(id, offset, piece) {
      const upload = find(id);
      if (offset !== upload.offset) throw conflict("wrong_offset", `Received ${offset}; expected ${upload.offset}`);
      const bytes = await new Response(piece).arrayBuffer();
      uploads.set(id, { ...upload, offset: offset + bytes.byteLength });
      return find(id);
    },
    remove: (id) => Promise.resolve(void uploads.delete(find(id).id)),
  };
}
