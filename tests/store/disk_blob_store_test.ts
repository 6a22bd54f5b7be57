import { DiskBlobStore } from "../../lib/store/embedded/disk_blob_store.ts";
import { DataFolder } from "../../lib/store/embedded/data_folder.ts";
import { assertEquals } from "../support/assert.ts";
import { blobStoreContract } from "../contracts/blob_store_contract.ts";

blobStoreContract("blobs on disk", async () => {
  const root = await Deno.makeTempDir();
  const folder = new DataFolder(root);
  const needed = new Set<string>();
  const blobs = new DiskBlobStore(folder, (sha256) => needed.has(sha256));
  return {
    blobs,
    stored: () => Promise.resolve([...blobs.list()].map(({ sha256 }) => sha256)),
    sweep: () => blobs.sweep(),
    need: (sha256) => void needed.add(sha256),
    leftovers: () => [...Deno.readDirSync(`${root}/tmp`)].length,
    async [Symbol.asyncDispose]() {
      folder.close();
      await Deno.remove(root, { recursive: true });
    },
  };
});

Deno.test("a blob lies under the first two digits of its SHA-256", async () => {
  const root = await Deno.makeTempDir();
  const folder = new DataFolder(root);
  const blob = await new DiskBlobStore(folder, () => true).put(new Blob(["abc"]).stream(), { maxBytes: 3 });
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assertEquals(blob, { sha256, sizeBytes: 3, path: `${root}/blobs/ba/${sha256}` });
  folder.close();
  await Deno.remove(root, { recursive: true });
});
