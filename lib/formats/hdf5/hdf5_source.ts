import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { parseChannel } from "../channel.ts";
import { checkExpansion } from "../cube_shape.ts";
import type { CubeSelection, CubeSource, CubeView, FormatLimits } from "../cube_source.ts";
import { compareEvidence } from "../cube_evidence.ts";
import { displayList, displayName } from "../display_name.ts";
import { formatShape } from "../format_shape.ts";
import type { Hdf5Claim, Hdf5Context, Hdf5Dialect } from "./hdf5_dialect.ts";
import { Hdf5File } from "./hdf5_file.ts";
import { walkHdf5 } from "./hdf5_tree.ts";
import { hdf5Images } from "./hdf5_images.ts";
import { berkeleyEmd } from "./dialects/berkeley_emd.ts";
import { hyperspy } from "./dialects/hyperspy.ts";
import { nexus } from "./dialects/nexus.ts";
import { nsid } from "./dialects/nsid.ts";
import { matlabHdf5, plainHdf5 } from "./dialects/plain_hdf5.ts";
import { usid } from "./dialects/usid.ts";
import { veloxEmd } from "./dialects/velox_emd.ts";

/** Layouts in the order in which they are asked; a dataset belongs to the first that claims it. */
const DIALECTS: readonly Hdf5Dialect[] = [veloxEmd, berkeleyEmd, usid, hyperspy, nexus, matlabHdf5, nsid, plainHdf5];

const FORMAT_NAMES: Record<string, string> = {
  usid: "USID",
  nsid: "NSID",
  hyperspy: "HyperSpy",
  nexus: "NeXus",
  matlab: "MATLAB",
  "velox-emd": "Velox EMD",
  emd: "Berkeley EMD",
};

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Where the HDF5 signature stands: at byte 0, 512, 1024, 2048, … (a user block may come first); or undefined. */
export function findHdf5(read: (at: number, length: number) => Uint8Array, sizeBytes: number): number | undefined {
  for (let at = 0; at + 8 <= Math.min(sizeBytes, 2 ** 20); at = at === 0 ? 512 : at * 2) {
    const bytes = read(at, 8);
    if (SIGNATURE.every((byte, i) => bytes[i] === byte)) return at;
  }
  return undefined;
}

/** Opens an HDF5 file; throws `no_cube` with what the file holds instead, or `hdf5_damaged`. */
export async function openHdf5Source(path: string, superblock: number, limits: FormatLimits): Promise<CubeSource> {
  const file = await Hdf5File.open(path, superblock);
  try {
    const tree = walkHdf5(file, limits);
    const datasets = new Map(tree.datasets.map((dataset) => [dataset.path, dataset]));
    return sourceOf({ file, tree, datasets, limits });
  } catch (error) {
    file.close();
    throw error;
  }
}

function sourceOf(context: Hdf5Context): CubeSource {
  const claims = claimAll(context);
  const cubes = claims.filter(({ claim }) => claim.otherwise === undefined);
  const format = (cubes[0] ?? claims[0])?.format ?? "hdf5";
  return {
    format,
    candidates: cubes.map(({ format, claim: { dataset, shape, quantity, unit, reason } }) => {
      return { dataset, shape, quantity, unit, reason: reason ?? `laid out as ${FORMAT_NAMES[format] ?? format} says` };
    }),
    get images() {
      return hdf5Images(context);
    },
    open: (selection = {}) => openClaim(context, claims, selection),
    close: () => context.file.close(),
  };
}

interface Claimed {
  format: string;
  claim: Hdf5Claim;
}

function claimAll(context: Hdf5Context): Claimed[] {
  const taken = new Set<string>();
  const claimed: Claimed[] = [];
  for (const { format, claims } of DIALECTS) {
    for (const claim of claims(context)) {
      if (taken.has(claim.path)) continue;
      taken.add(claim.path);
      claimed.push({ format, claim });
    }
  }
  const before = new Map(DIALECTS.map(({ format }, i) => [format, i]));
  const keyOf = ({ claim: { dataset, shape, evidence } }: Claimed) => ({ dataset, values: sizeOf(shape), evidence });
  const order = (a: Claimed, b: Claimed) =>
    Number(isStack(a.claim)) - Number(isStack(b.claim)) || before.get(a.format)! - before.get(b.format)! ||
    b.claim.rank - a.claim.rank || compareEvidence(keyOf(a), keyOf(b));
  return claimed.sort(order);
}

/** Images that are a cube only where they are named. */
function isStack({ evidence }: Hdf5Claim): boolean {
  return evidence !== undefined && evidence.level < 0;
}

function openClaim(context: Hdf5Context, claims: Claimed[], { dataset, channel, complex }: CubeSelection): CubeView {
  const part = dataset === undefined ? partOf(claims, channel) : undefined;
  const claim = part?.claim ?? (dataset === undefined ? claims.find(isTaken)?.claim : named(context, claims, dataset));
  if (dataset === undefined && context.tree.damaged.length > 0) throw damagedFile(context, claims);
  if (!claim) throw noCube(context, claims);
  const stored = context.datasets.get(claim.path);
  if (stored) checkExpansion(sizeOf(stored.shape) * stored.element.bytes, context.file.sizeBytes);
  const view = claim.open(part ? part.rest : channel, complex);
  return { ...view, notes: [...view.notes, ...fileNotes(context, claims)] };
}

function isTaken({ claim }: Claimed): boolean {
  return !claim.otherwise && !isStack(claim);
}

/** The measurement or channel that a word names, a part of its path such as `Measurement_001/Channel_000`. */
function partOf(claims: Claimed[], channel: string | undefined): { claim: Hdf5Claim; rest: string } | undefined {
  const { word } = parseChannel(channel);
  if (!word) return undefined;
  const wanted = `/${word.toLowerCase().replace(/^\/|\/$/g, "")}/`;
  const found = claims.find((each) => isTaken(each) && `${each.claim.path.toLowerCase()}/`.includes(wanted));
  const rest = channel!.split(",").filter((piece) => piece.trim() !== word).join(",");
  return found && { claim: found.claim, rest };
}

/** What was seen beside the cube and not taken. */
function fileNotes({ tree }: Hdf5Context, claims: Claimed[]): string[] {
  const complex = claims.filter(({ claim }) => claim.otherwise?.includes("complex")).map(({ claim }) => claim.dataset);
  const notes: string[] = [];
  if (complex.length > 0) notes.push(`Not taken, since values are complex: ${displayList(complex)}`);
  if (tree.external.length > 0) notes.push(`Links to other files were not followed: ${displayList(tree.external)}`);
  if (tree.damaged.length > 0) notes.push(`Damaged and not read: ${displayList(tree.damaged.map(({ path }) => path))}`);
  return notes;
}

function named(context: Hdf5Context, claims: Claimed[], dataset: string): Hdf5Claim {
  const known = claims.filter(({ claim }) => !claim.otherwise).map(({ claim }) => claim.dataset);
  const shown = claims.find(({ claim }) => claim.dataset === dataset);
  if (shown) return shown.claim;
  let path: string;
  try {
    path = context.file.resolve(dataset);
  } catch (error) {
    if ((error as LoopscopeError).code !== "dataset_missing") throw error;
    const all = claims.map(({ claim }) => claim.dataset);
    const list = known.length > 0 ? known : all;
    const there = list.length > 0 ? displayList(list) : "no dataset at all";
    throw unprocessable("dataset_missing", `The file has no dataset ${displayName(dataset)}, it has ${there}`);
  }
  const found = claims.find(({ claim }) => claim.path === path);
  if (found) return found.claim;
  const kind = context.tree.groups.includes(path) ? "a group" : "no measurement";
  const there = displayList(known.length > 0 ? known : claims.map(({ claim }) => claim.dataset));
  throw unprocessable("dataset_missing", `${displayName(dataset)} is ${kind}; expected a dataset: ${there}`);
}

/** With a part of the file unreadable, the best of what is left may not be what its owner means. */
function damagedFile({ tree }: Hdf5Context, claims: Claimed[]): LoopscopeError {
  const { path, error } = tree.damaged[0];
  const whole = claims.filter(({ claim }) => !claim.otherwise).map(({ claim }) => claim.dataset);
  const advice = whole.length > 0 ? `; to read it all the same, name the dataset: ${displayList(whole)}` : "";
  return unprocessable("hdf5_damaged", `${displayName(path)} is damaged. ${error.message}${advice}`);
}

function noCube({ tree }: Hdf5Context, claims: Claimed[]): LoopscopeError {
  const linked = tree.external.length > 0
    ? `. ${displayList(tree.external)} lead to other files, which are never followed: copy the data into one file`
    : "";
  const format = FORMAT_NAMES[claims[0]?.format] ?? "HDF5";
  const own = claims.filter(({ format }) => format === claims[0].format);
  const holds = own.filter(({ claim }) => !/single number|strings/.test(claim.otherwise ?? ""))
    .slice(0, 6).map(({ claim }) => {
      const quantity = claim.quantity ? ` (${claim.quantity})` : "";
      return `${claim.dataset}${quantity}, ${claim.otherwise ?? `a stack of images, ${formatShape(claim.shape)}`}`;
    });
  const met = holds.length > 0 ? `it holds ${holds.join("; ")}` : "it holds no numbers";
  const wanted = "expected rows, columns and a spectral axis: at least 2 x 2 pixels with 4 points";
  const stacks = own.filter(({ claim }) => isStack(claim)).map(({ claim }) => claim.dataset);
  const advice = stacks.length > 0 ? ` (dataset=${displayName(stacks[0])} reads the stack all the same)` : "";
  return unprocessable("no_cube", `This ${format} file holds no cube: ${met}; ${wanted}${advice}${linked}`);
}
