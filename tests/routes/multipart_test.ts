import fc from "fast-check";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { boundaryOf, readMultipart } from "../../routes/request/multipart.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** The bytes in pieces of the given lengths, cycled. */
async function* inPieces(bytes: Uint8Array, lengths: number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    await Promise.resolve();
    const length = lengths[i % lengths.length];
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk.slice());
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

Deno.test("parts come back as a form encoder wrote them, however the bytes are cut", async () => {
  const part = fc.record({
    name: fc.stringMatching(/^[a-z]{1,8}$/),
    content: fc.uint8Array({ maxLength: 300 }),
    dashes: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
      async (parts, lengths) => {
        const form = new FormData();
        // Content that looks like a boundary must not end a part.
        const contents = parts.map(({ content, dashes }) =>
          dashes ? [encode("\r\n--"), content, encode("\r\n-")] : [content]
        );
        parts.forEach(({ name }, i) => form.append(name, new Blob(contents[i] as BlobPart[]), "file.bin"));
        const request = new Response(form);
        const boundary = boundaryOf(request.headers.get("content-type")!);
        const bytes = new Uint8Array(await request.arrayBuffer());
        const met: [string, string | undefined, Uint8Array][] = [];
        for await (const { name, filename, body } of readMultipart(inPieces(bytes, lengths), boundary)) {
          met.push([name, filename, await collect(body)]);
        }
        const wanted = await Promise.all(parts.map(async ({ name }, i) => {
          return [name, "file.bin", new Uint8Array(await new Blob(contents[i] as BlobPart[]).arrayBuffer())];
        }));
        assertEquals(met, wanted);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("a part that is not read is skipped", async () => {
  const form = new FormData();
  form.append("first", new Blob(["a".repeat(1000)]), "a");
  form.append("second", "b");
  const response = new Response(form);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const names: string[] = [];
  for await (const { name } of readMultipart(inPieces(bytes, [7]), boundaryOf(response.headers.get("content-type")!))) {
    names.push(name);
  }
  assertEquals(names, ["first", "second"]);
});

Deno.test("what identifies a form does not depend on its boundary", async () => {
  const seen = async (boundary: string) => {
    const text =
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n12\r\n--${boundary}--\r\n`;
    const bytes: Uint8Array[] = [];
    const parts = readMultipart(inPieces(encode(text), [5]), boundary, {
      observe: (chunk) => void bytes.push(chunk.slice()),
    });
    for await (const _part of parts);
    return await new Blob(bytes as BlobPart[]).text();
  };
  assertEquals(await seen("one"), await seen("another-boundary"));
  assert.match(await seen("one"), /file\0a\0.*12/);
});

Deno.test("a broken form is refused", async () => {
  const head = 'Content-Disposition: form-data; name="file"\r\n';
  const broken = {
    "ends inside a part": `--b\r\n${head}\r\nabc`,
    "ends in the header": `--b\r\n${head}`,
    "has no boundary": "hello",
    "has no name": "--b\r\nContent-Type: text/plain\r\n\r\nabc\r\n--b--\r\n",
    "has something odd after a boundary": `--b!!\r\n${head}\r\nabc\r\n--b--`,
    "has endless headers": `--b\r\n${"X-A: b\r\n".repeat(4000)}\r\nabc\r\n--b--`,
    "has too many parts": `${`--b\r\n${head}\r\nabc\r\n`.repeat(40)}--b--\r\n`,
  };
  for (const text of Object.values(broken)) {
    await assertFailsWith("invalid_multipart", async () => {
      for await (const { body } of readMultipart(inPieces(encode(text), [1000]), "b")) await collect(body);
    });
  }
  for (
    const type of [
      "multipart/form-data",
      "multipart/form-data; boundary=",
      `multipart/form-data; boundary=${"x".repeat(80)}`,
    ]
  ) {
    await assertFailsWith("invalid_multipart", () => boundaryOf(type));
  }
});
