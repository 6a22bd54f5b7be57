import { z } from "zod";

/** Values of a query string: text that must read as the wanted type in full (no `0x10`, no blanks, no empty text). */
const INTEGER = /^-?[0-9]{1,15}$/;
const NUMBER = /^[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?$/;

/** A whole number from `least` to `most`. */
export function integerText(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  const wanted = `expected a whole number from ${least} to ${most}`;
  return z.string().regex(INTEGER, wanted).transform(Number).pipe(z.int().min(least, wanted).max(most, wanted));
}

/** A finite decimal number. */
export function numberText(least: number = -Number.MAX_VALUE, most: number = Number.MAX_VALUE) {
  const range = least === -Number.MAX_VALUE ? "a finite number" : `a number from ${least} to ${most}`;
  return z.string().regex(NUMBER, `expected ${range}`).transform(Number).pipe(
    z.number(`expected ${range}`).min(least, `expected ${range}`).max(most, `expected ${range}`),
  );
}

/** A finite decimal number above 0. */
export function aboveZeroText() {
  return numberText().pipe(z.number().positive("expected a number above 0"));
}

export function booleanText() {
  return z.enum(["true", "false"], "expected true or false").transform((text) => text === "true").pipe(z.boolean());
}

/** Two different whole numbers such as `0,1`. */
export function pairText() {
  const wanted = "expected two different whole numbers such as 0,1";
  return z.string().regex(/^[0-9]{1,3},[0-9]{1,3}$/, wanted)
    .transform((text) => text.split(",").map(Number) as [number, number])
    .pipe(
      z.tuple([z.int().min(0).max(999), z.int().min(0).max(999)]).refine(([first, second]) => first !== second, wanted),
    );
}

/** JSON in a query's value, read by another schema: `[{"step":"crop",…}]`. */
export function jsonText<T extends z.ZodType>(schema: T, wanted: string, most = 8192) {
  return z.string().min(1).max(most).transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: `expected ${wanted} as JSON` });
      return z.NEVER;
    }
  }).pipe(schema);
}
