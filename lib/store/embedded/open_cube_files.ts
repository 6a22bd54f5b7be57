import type { StoredCubeReader } from "../cube_files/cube_file.ts";

/** Keeps the few cube files in use open; the least recently used one is closed for the next. */
export class OpenCubeFiles {
  readonly #readers = new Map<string, StoredCubeReader>();

  constructor(private readonly open: (id: string) => StoredCubeReader, private readonly limit: number) {}

  get(id: string): StoredCubeReader {
    const reader = this.#readers.get(id) ?? this.open(id);
    this.#readers.delete(id);
    this.#readers.set(id, reader);
    const [oldest] = this.#readers.keys();
    if (this.#readers.size > this.limit) this.close(oldest);
    return reader;
  }

  close(id: string): void {
    this.#readers.get(id)?.close();
    this.#readers.delete(id);
  }

  closeAll(): void {
    for (const id of [...this.#readers.keys()]) this.close(id);
  }
}
