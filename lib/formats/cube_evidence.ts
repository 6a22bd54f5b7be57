import type { DescribedAxis } from "./axes.ts";
import { axisKind, isLengthKind } from "./axis_kind.ts";
import { displayName } from "./display_name.ts";
import type { CubeRoles } from "./nd_cube.ts";

/** How sure it is that an array is a cube with this spectral axis. */
export interface CubeEvidence {
  /** 3: names and units say it; 2: the file marks it; 1: a curve or a series; 0: nothing but order; -1: images in a stack. */
  level: -1 | 0 | 1 | 2 | 3;
  /** The same in words, for a person. */
  reason: string;
}

/** What arrays of these names hold is seldom a cube, and never the one to take while there is another. */
const PICTURES =
  /camera|frames?|pictures?|preview|thumbnail|rgb|video|histogram|diffraction|(^|[^a-z])(images?|hist|dark|flat|mask|ccd)([^a-z]|$)/i;

export interface EvidenceInput {
  dataset: string;
  /** As the file describes them. */
  stored: readonly DescribedAxis[];
  /** With the roles that names and units tell. */
  axes: readonly DescribedAxis[];
  roles: CubeRoles;
  spectralName: string;
  /** The file marks it as a stack of images. */
  isImages?: boolean;
}

/** Why an array is read the way it is, by the strongest thing that tells. */
export function cubeEvidence({ dataset, stored, axes, roles, spectralName, isImages }: EvidenceInput): CubeEvidence {
  const { row, col, spectral } = roles;
  const kind = axisKind(axes[spectral]);
  const name = displayName(spectralName) + (axes[spectral].unit ? ` in ${displayName(axes[spectral].unit ?? "")}` : "");
  const isSpectrum = kind === "spectrum" || kind === "parameter";
  const pixels = [row, col].every((axis) => isLengthKind(axisKind(axes[axis])) || axes[axis].role === "position");
  if (isSpectrum && pixels) return { level: 3, reason: `${name} is a spectrum over two positions` };
  if (isImages) return { level: -1, reason: "the file marks it as images, and nothing as a spectrum" };
  if (stored[spectral].role === "spectral") return { level: 2, reason: `the file marks ${name} as the spectrum` };
  if (isSpectrum) return { level: 2, reason: `${name} is a spectrum` };
  if (kind === "repeat") return { level: 0, reason: `${name} is all that is left beside two positions` };
  if (pixels) return { level: kind === "time" ? 1 : 2, reason: `${name} is what is left beside two positions` };
  if (axes[spectral].role === "spectral") {
    return { level: 1, reason: `the one curve of that length, ${name}, is its axis` };
  }
  if (PICTURES.test(dataset.split("/").at(-1) ?? "")) {
    return { level: 0, reason: "its name is that of images, and only its place says which axis is the spectrum" };
  }
  return { level: 0, reason: `only its place says that ${name} is the spectrum` };
}

/** True where the name alone speaks against a cube: it is taken after all others of the same evidence. */
export function isNamedPictures(dataset: string): boolean {
  return PICTURES.test(dataset.split("/").at(-1) ?? "");
}

/** Best first: evidence, then what is not named as images, then size. */
export function compareEvidence(
  a: { dataset: string; values: number; evidence?: CubeEvidence },
  b: { dataset: string; values: number; evidence?: CubeEvidence },
): number {
  const level = ({ evidence }: { evidence?: CubeEvidence }) => evidence?.level ?? 2;
  return level(b) - level(a) || Number(isNamedPictures(a.dataset)) - Number(isNamedPictures(b.dataset)) ||
    b.values - a.values;
}
