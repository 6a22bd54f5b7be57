const ENOUGH_CHARACTERS = 65_536;

type Bytes = Uint8Array<ArrayBuffer>;

/** A text in pieces as a body: the bytes of a small text, or a stream that is produced as the client reads it. */
export function streamText(pieces: Iterator<string>): Bytes | ReadableStream<Bytes> {
  const encoder = new TextEncoder();
  const first = gather(pieces);
  if (first.last) return encoder.encode(first.text);
  let started = false;
  return new ReadableStream({
    pull(controller) {
      const { text, last } = started ? gather(pieces) : first;
      started = true;
      if (text) controller.enqueue(encoder.encode(text));
      if (last) controller.close();
    },
  });
}

function gather(pieces: Iterator<string>): { text: string; last: boolean } {
  let text = "";
  while (text.length < ENOUGH_CHARACTERS) {
    const { done, value } = pieces.next();
    if (done) return { text, last: true };
    text += value;
  }
  return { text, last: false };
}
