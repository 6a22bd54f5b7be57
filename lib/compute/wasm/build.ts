import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const KERNELS = new URL("kernels/", import.meta.url);
const BUILD = new URL("build/", import.meta.url);
/**
 * Both variants import one shared memory of up to 4 GiB (65536 pages of 64 KiB). That it starts with a page or more is
 * worth a sixth of the speed: constant offsets below its least size need no check of their own.
 */
const COMMON = [
  ..."-O3 --noAssert --runtime stub --importMemory --sharedMemory --initialMemory 16 --maximumMemory 65536".split(" "),
  // 32-bit addresses, and vectors between our own functions only.
  ..."--disableWarning 201 --disableWarning 112".split(" "),
];
const VARIANTS = {
  plain: ["--enable", "simd,threads,bulk-memory"],
  relaxed: ["--enable", "simd,relaxed-simd,threads,bulk-memory"],
} as const;

/**
 * Compiles the kernels to `build/plain.wasm` and `build/relaxed.wasm` unless they were made from these very sources.
 * Throws Error with the compiler's message.
 */
export async function buildKernels(): Promise<void> {
  const sources = new Map<string, string>();
  for (const entry of [...Deno.readDirSync(KERNELS)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (entry.name.endsWith(".ts")) sources.set(entry.name, Deno.readTextFileSync(new URL(entry.name, KERNELS)));
  }
  const stamp = await fingerprint([...sources].flat().join("\n") + JSON.stringify([asc.version, COMMON, VARIANTS]));
  if (readText("stamp") === stamp) return;
  Deno.mkdirSync(BUILD, { recursive: true });
  for (const [name, flags] of Object.entries(VARIANTS)) place(`${name}.wasm`, await compile(sources, flags));
  place("stamp", new TextEncoder().encode(stamp));
}

async function compile(sources: Map<string, string>, flags: readonly string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(["program.ts", ...COMMON, ...flags, "-o", "kernels.wasm"], {
    readFile: (name: string) => sources.get(name) ?? null,
    writeFile: (_name: string, contents: string | Uint8Array) => void (binary = contents as Uint8Array),
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`The kernels do not compile: ${stderr.toString()}`, { cause: error });
  return binary;
}

/** Whole or not at all, also when two builds run at once. */
function place(name: string, bytes: Uint8Array): void {
  const temporary = new URL(`${name}.${crypto.randomUUID()}`, BUILD);
  Deno.writeFileSync(temporary, bytes);
  Deno.renameSync(temporary, new URL(name, BUILD));
}

async function fingerprint(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(hash).toHex();
}

function readText(name: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(name, BUILD));
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  await buildKernels().catch((error) => {
    if (!isUnwritable(error)) throw error;
    console.error(`loopscope: ${fileURLToPath(BUILD)} cannot be written; expected a checkout that this user may write`);
    Deno.exit(2);
  });
}

function isUnwritable(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied || /read-only file system/i.test((error as Error).message);
}
