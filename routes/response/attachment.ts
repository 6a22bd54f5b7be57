/**
 * `Content-Disposition` for a download of this name (RFC 6266): in ASCII for old clients, and in UTF-8 where the name
 * has more. Path separators, quotes and control characters become `_`.
 */
export function attachment(name: string): string {
  // deno-lint-ignore no-control-regex
  const plain = name.toWellFormed().replace(/[\x00-\x1f\x7f"\\/:]/g, "_").slice(0, 200) || "download";
  // deno-lint-ignore no-control-regex
  const ascii = plain.replace(/[^\x00-\x7f]/g, "_").replace(/%/g, "_");
  const utf8 = encodeURIComponent(plain).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"${ascii === plain ? "" : `; filename*=UTF-8''${utf8}`}`;
}

/** A name with this ending, which replaces a known one of another format. */
export function withEnding(name: string, ending: string): string {
  if (name.toLowerCase().endsWith(ending)) return name;
  return name.replace(/\.(h5|hdf5|hspy|nxs|emd|npy|npz|mat|3ds)$/i, "") + ending;
}
