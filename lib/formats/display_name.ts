// Control, format, surrogate, private and line-separator characters: nothing that can move a cursor or hide text.
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]+/gu;
const LONGEST = 200;

/** A name from a file as it may be shown: one line, no control characters, at most 200 characters. */
export function displayName(name: string): string {
  const visible = name.replace(INVISIBLE, " ").trim();
  return visible.length > LONGEST ? `${visible.slice(0, LONGEST - 1)}…` : visible;
}

/** Up to `limit` names for a message: `a, b, c and 4 more`. */
export function displayList(names: readonly string[], limit = 10): string {
  const shown = names.slice(0, limit).map(displayName).join(", ");
  return names.length > limit ? `${shown} and ${names.length - limit} more` : shown;
}
