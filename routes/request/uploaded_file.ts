import type { z } from "@hono/zod-openapi";
import { LoopscopeError, unprocessable } from "../../lib/base/errors.ts";
import { check } from "./validate.ts";
import type { AppContext, AppDeps } from "../context.ts";
import type { Part } from "./multipart.ts";
import { readForm } from "./read_form.ts";
import { bodyStream, mediaTypeOf } from "./request_body.ts";

/** An axis of 65536 values as text. */
const MAX_FIELD_CHARACTERS = 2 ** 21;
const RAW_TYPES = /^(application\/(octet-stream|x-hdf5?|hdf5|x-npy|x-npz|zip)|)$/;

/** Calls `use` with the uploaded file's bytes and the options to read it with. */
export type UseFile<Options, T> = (
  body: ReadableStream<Uint8Array>,
  options: Options & { name?: string },
) => Promise<T>;

export interface UploadedFileOptions<S extends z.ZodObject> {
  /** The options: those of the query, already parsed, and fields of the form. */
  schema: S;
  query: z.output<S>;
}

/**
 * Takes an uploaded file from the body itself or from the form's field `file`. In a form, options may also be fields
 * before the file; other fields are ignored. Without a name the file name is used: the form's or, beside a plain body, that
 * of `Content-Disposition`.
 */
export async function withUploadedFile<S extends z.ZodObject, T>(
  c: AppContext,
  { settings }: AppDeps,
  { schema, query }: UploadedFileOptions<S>,
  use: UseFile<z.output<S>, T>,
): Promise<T> {
  const type = mediaTypeOf(c);
  if (RAW_TYPES.test(type)) {
    const options: z.output<S> & { name?: string } = query;
    const named = { ...options, name: options.name ?? plainName(filenameOf(c.req.header("content-disposition"))) };
    return await use(bodyStream(c, settings, settings.maxUploadBytes), named);
  }
  if (type !== "multipart/form-data") {
    const message =
      `Received Content-Type ${type}; expected application/octet-stream or multipart/form-data with the field file`;
    throw new LoopscopeError("unsupportedType", "unsupported_media_type", message);
  }
  let done: { value: T } | undefined;
  const names: string[] = [];
  const fields: Record<string, string> = {};
  for await (const part of readForm(c, settings, settings.maxUploadBytes)) {
    const { name } = part;
    const isOption = Object.hasOwn(schema.shape, name);
    if ((name === "file" || isOption) && done) {
      const message = `Received the field ${name} after the file; expected the file as the last field`;
      throw unprocessable("field_after_file", message);
    }
    names.push(name.slice(0, 100));
    if (name === "file") {
      const options = withFields(c, { schema, query }, fields);
      const named = { ...options, name: options.name ?? plainName(part.filename) };
      done = { value: await use(ReadableStream.from(part.body), named) };
    } else if (isOption) {
      if (Object.hasOwn(fields, name)) {
        throw unprocessable("field_twice", `Received the field ${name} twice; expected it once`);
      }
      fields[name] = await shortText(part);
    }
  }
  if (done) return done.value;
  throw unprocessable(
    "file_missing",
    `Received a form with ${names.join(", ") || "no field"}; expected the field file`,
  );
}

/** Merges the options of the query and of the form; throws `field_twice` for an option in both. */
function withFields<S extends z.ZodObject>(
  c: AppContext,
  { schema, query }: UploadedFileOptions<S>,
  fields: Record<string, string>,
): z.output<S> & { name?: string } {
  if (Object.keys(fields).length === 0) return query;
  const asked = c.req.query();
  const twice = Object.keys(fields).find((name) => Object.hasOwn(asked, name));
  if (twice) throw unprocessable("field_twice", `Received ${twice} in the query and in the form; expected it once`);
  return check(schema, { ...asked, ...fields }, "form");
}

async function shortText({ name, body }: Part): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > MAX_FIELD_CHARACTERS) {
      const message =
        `Received the field ${name} of more than ${MAX_FIELD_CHARACTERS} characters; expected at most that`;
      throw unprocessable("field_too_long", message);
    }
  }
  return text + decoder.decode();
}

/** The file name of a `Content-Disposition` header (RFC 6266): `filename*` in UTF-8 goes before `filename`. */
function filenameOf(disposition: string | undefined): string | undefined {
  const encoded = /;\s*filename\*\s*=\s*UTF-8'[^']*'([^\s;]+)/i.exec(disposition ?? "")?.[1];
  const [, quoted, token] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition ?? "") ?? [];
  try {
    return encoded === undefined ? quoted ?? token : decodeURIComponent(encoded);
  } catch {
    return quoted ?? token;
  }
}

/** The last segment of a path as browsers send it (they escape quotes), without control characters. */
function plainName(filename: string | undefined): string | undefined {
  const piece = filename?.replaceAll(/\\"|%22/g, '"').split(/[\\/]/).at(-1);
  // deno-lint-ignore no-control-regex
  return piece?.replace(/[\x00-\x1f\x7f]/g, "").slice(0, 200).toWellFormed() || undefined;
}
