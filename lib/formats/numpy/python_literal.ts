/** What a Python literal can be; tuples and lists are both arrays. */
export type PythonLiteral = string | number | boolean | null | PythonLiteral[] | { [key: string]: PythonLiteral };

const SPACE = /\s*/y;
const NUMBER = /[+-]?\d+L?/y;
const STRING = /[bu]?(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/y;
const WORD = /True|False|None/y;
const WORDS: Record<string, PythonLiteral> = { True: true, False: false, None: null };
const MAX_DEPTH = 32;

/**
 * Parses the subset of Python literals that an NPY header may hold: dicts with string keys, tuples, lists, strings,
 * integers, True, False and None. Throws SyntaxError.
 */
export function parsePythonLiteral(text: string): PythonLiteral {
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    SPACE.lastIndex = at;
    at += SPACE.exec(text)?.[0].length ?? 0;
    pattern.lastIndex = at;
    const found = pattern.exec(text) ?? undefined;
    if (found) at += found[0].length;
    return found;
  };
  const expect = (pattern: RegExp, wanted: string) => {
    if (!match(pattern)) {
      throw new SyntaxError(`Found ${JSON.stringify(text.slice(at, at + 12))} at ${at}; expected ${wanted}`);
    }
  };
  const items = (close: RegExp, depth: number): PythonLiteral[] => {
    const list: PythonLiteral[] = [];
    while (!match(close)) {
      list.push(value(depth + 1));
      if (match(/,/y)) continue;
      expect(close, "a comma or a closing bracket");
      break;
    }
    return list;
  };
  const dict = (depth: number) => {
    const entries: [string, PythonLiteral][] = [];
    while (!match(/\}/y)) {
      const key = value(depth + 1);
      if (typeof key !== "string") throw new SyntaxError("Found a key that is no string");
      expect(/:/y, "a colon");
      entries.push([key, value(depth + 1)]);
      if (match(/,/y)) continue;
      expect(/\}/y, "a comma or a closing brace");
      break;
    }
    return Object.fromEntries(entries);
  };
  const value = (depth: number): PythonLiteral => {
    if (depth > MAX_DEPTH) throw new SyntaxError(`Found more than ${MAX_DEPTH} nested brackets`);
    if (match(/\{/y)) return dict(depth);
    if (match(/\[/y)) return items(/\]/y, depth);
    if (match(/\(/y)) return items(/\)/y, depth);
    const string = match(STRING);
    if (string) return (string[1] ?? string[2]).replace(/\\(.)/g, "$1");
    const number = match(NUMBER);
    if (number) return parseInt(number[0], 10);
    const word = match(WORD);
    if (word) return WORDS[word[0]];
    throw new SyntaxError(`Found ${JSON.stringify(text.slice(at, at + 12))} at ${at}; expected a value`);
  };
  const result = value(0);
  match(/$/y);
  if (at !== text.length) throw new SyntaxError(`Found ${JSON.stringify(text.slice(at, at + 12))} after the end`);
  return result;
}
