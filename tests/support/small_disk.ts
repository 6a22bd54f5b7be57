export interface SmallDisk extends AsyncDisposable {
  path: string;
}

/** A disk of so many MiB in memory, or undefined where one cannot be mounted (Linux and root only). */
export async function smallDisk(sizeMiB: number): Promise<SmallDisk | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const path = await Deno.makeTempDir();
  const args = ["-t", "tmpfs", "-o", `size=${sizeMiB}m`, "tmpfs", path];
  const { success } = await new Deno.Command("mount", { args, stderr: "null" }).output().catch(() => ({
    success: false,
  }));
  if (!success) return undefined;
  return {
    path,
    async [Symbol.asyncDispose]() {
      await new Deno.Command("umount", { args: ["-l", path] }).output();
      await Deno.remove(path);
    },
  };
}

/** Whether `smallDisk` works here: a mounted one is given back at once. */
export async function canMountSmallDisk(): Promise<boolean> {
  await using disk = await smallDisk(1);
  return disk !== undefined;
}
