export interface SmallDisk extends AsyncDisposable {
  path: string;
}

/** In memory, or a file system that writes late and needs room of its own, as most disks have. */
export type DiskKind = "tmpfs" | "ext4";

/** A disk of so many MiB, or undefined where one cannot be mounted (Linux and root only). */
export async function smallDisk(sizeMiB: number, kind: DiskKind = "tmpfs"): Promise<SmallDisk | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const path = await Deno.makeTempDir();
  const image = `${path}.img`;
  if (!(kind === "tmpfs" ? await mountMemory(path, sizeMiB) : await mountImage(path, image, sizeMiB))) return undefined;
  return {
    path,
    async [Symbol.asyncDispose]() {
      await succeeds("umount", "-l", path);
      await Deno.remove(path);
      if (kind === "ext4") await Deno.remove(image);
    },
  };
}

/** Whether `smallDisk` works here: a mounted one is given back at once. */
export async function canMountSmallDisk(): Promise<boolean> {
  await using disk = await smallDisk(1);
  return disk !== undefined;
}

function mountMemory(path: string, sizeMiB: number): Promise<boolean> {
  return succeeds("mount", "-t", "tmpfs", "-o", `size=${sizeMiB}m`, "tmpfs", path);
}

async function mountImage(path: string, image: string, sizeMiB: number): Promise<boolean> {
  await Deno.writeFile(image, new Uint8Array(0));
  await Deno.truncate(image, sizeMiB * 2 ** 20);
  // Nothing in reserve for root, who fills it.
  return await succeeds("mkfs.ext4", "-q", "-F", "-m", "0", image) &&
    await succeeds("mount", "-o", "loop", image, path);
}

async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  const output = await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output().catch(() =>
    undefined
  );
  return output?.success ?? false;
}
