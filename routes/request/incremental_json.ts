/** Characters parsed between two yields. */
const STEP_CHARACTERS = 8192;

const BLANKS = /[ \t\n\r]*/y;
const SCALAR = /[-+.\w]*/y;
/** Numbers and words of a list, with their separators. */
const SCALARS = new RegExp(`[^"[\\]{}]{0,${STEP_CHARACTERS}}`, "y");

/**
 * `JSON.parse` in steps of well under a millisecond, so that a large text does not block other work: yields between
 * steps and returns the value. Throws SyntaxError for exactly the texts for which `JSON.parse` throws it.
 */
export function* parseJsonSteps(text: string): Generator<void, unknown> {
  let at = 0;
  let pauseAt = STEP_CHARACTERS;

  function match(pattern: RegExp): string {
    pattern.lastIndex = at;
    return pattern.exec(text)![0];
  }

  function skipBlanks(): void {
    at += match(BLANKS).length;
  }

  function take(end: number): unknown {
    const value = JSON.parse(text.slice(at, end));
    at = end;
    return value;
  }

  /** Whether the list or object continues; consumes the comma or the closing bracket. */
  function goesOn(close: string): boolean {
    skipBlanks();
    const found = text[at++];
    if (found !== "," && found !== close) throw new SyntaxError(`Unexpected character ${at}`);
    skipBlanks();
    return found === ",";
  }

  function closesAtOnce(close: string): boolean {
    at++;
    skipBlanks();
    if (text[at] !== close) return false;
    at++;
    return true;
  }

  function* value(): Generator<void, unknown> {
    if (at >= pauseAt) {
      pauseAt = at + STEP_CHARACTERS;
      yield;
    }
    if (text[at] === "[") return yield* list();
    if (text[at] === "{") return yield* object();
    return take(text[at] === '"' ? endOfString(text, at) : at + match(SCALAR).length);
  }

  function* list(): Generator<void, unknown[]> {
    const values: unknown[] = [];
    if (closesAtOnce("]")) return values;
    do {
      const run = match(SCALARS);
      // Unless the list ends here, the text after the last comma may be incomplete.
      const end = at + (text[at + run.length] === "]" ? run.length : run.lastIndexOf(","));
      if (end <= at) values.push(yield* value());
      else {
        for (const scalar of JSON.parse(`[${text.slice(at, end)}]`)) values.push(scalar);
        at = end;
        if (run.length === STEP_CHARACTERS) yield;
      }
    } while (goesOn("]"));
    return values;
  }

  function* object(): Generator<void, Record<string, unknown>> {
    const members: Record<string, unknown> = {};
    if (closesAtOnce("}")) return members;
    do {
      if (text[at] !== '"') throw new SyntaxError(`Unexpected character ${at + 1}`);
      const key = take(endOfString(text, at)) as string;
      skipBlanks();
      if (text[at++] !== ":") throw new SyntaxError(`Unexpected character ${at}`);
      skipBlanks();
      const options = { value: yield* value(), configurable: true, enumerable: true, writable: true };
      Object.defineProperty(members, key, options); // also for __proto__
    } while (goesOn("}"));
    return members;
  }

  skipBlanks();
  const whole = yield* value();
  skipBlanks();
  if (at < text.length) throw new SyntaxError(`Unexpected character ${at + 1}`);
  return whole;
}

/** Index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}
