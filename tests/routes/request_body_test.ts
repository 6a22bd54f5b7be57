import { deflateSync, gzipSync } from "node:zlib";
import { assertEquals } from "../support/assert.ts";
import { postJson, testApp } from "./support/test_app.ts";

const PREDICT = "/v1/models/mean/versions/1/predict";
const BODY = new TextEncoder().encode(JSON.stringify({ inputs: [[1, 2], [3, 6]] }));

function sent(coding: string, body: Uint8Array, more: Record<string, string> = {}): RequestInit {
  const headers = { "Content-Type": "application/json", "Content-Encoding": coding, ...more };
  return { method: "POST", headers, body: new Uint8Array(body) };
}

Deno.test("a body may be compressed with gzip or deflate", async () => {
  const app = testApp();
  const wanted = await (await app.request(PREDICT, postJson({ inputs: [[1, 2], [3, 6]] }))).json();
  const bodies: [coding: string, body: Uint8Array][] = [
    ["gzip", gzipSync(BODY)],
    ["X-GZIP", gzipSync(BODY)],
    ["deflate", deflateSync(BODY)],
    ["Identity", BODY],
  ];
  for (const [coding, body] of bodies) {
    const answer = await app.request(PREDICT, sent(coding, body));
    assertEquals([answer.status, await answer.json()], [200, wanted], coding);
  }
});

Deno.test("what unpacks to more than a body may have is refused", async () => {
  const app = testApp({ settings: { maxBodyBytes: 10_000, maxBufferedBytes: 20_000 } });
  const padded = (length: number) => new TextEncoder().encode(new TextDecoder().decode(BODY).padEnd(length));
  for (const [coding, pack] of [["gzip", gzipSync], ["deflate", deflateSync]] as const) {
    assertEquals((await app.request(PREDICT, sent(coding, pack(padded(10_000))))).status, 200, coding);
    assertEquals((await app.problem(413, PREDICT, sent(coding, pack(padded(10_001))))).code, "body_too_large", coding);
    const bomb = pack(new Uint8Array(5_000_000));
    assertEquals((await app.problem(413, PREDICT, sent(coding, bomb))).code, "body_too_large", coding);
  }
});

Deno.test("what unpacks to far more than was sent is refused while it is small", async () => {
  const app = testApp();
  const padded = (length: number) => gzipSync(new TextDecoder().decode(BODY).padEnd(length));
  assertEquals((await app.request(PREDICT, sent("gzip", padded(2 ** 20)))).status, 200);
  assertEquals((await app.problem(413, PREDICT, sent("gzip", padded(2 ** 22)))).code, "body_too_compressed");
  const values = Array.from({ length: 200_000 }, (_, i) => 3 * Math.sin(i)); // 3.7 MB, what numbers really are
  const many = new TextEncoder().encode(JSON.stringify({ inputs: { shape: [50_000, 2, 2], data: values } }));
  assertEquals((await app.request(PREDICT, sent("gzip", gzipSync(many)))).status, 200);
});

Deno.test("damaged data and other codings are refused", async () => {
  const app = testApp();
  const whole = gzipSync(BODY);
  const faults: [status: number, code: string, coding: string, body: Uint8Array][] = [
    [400, "invalid_encoding", "gzip", BODY],
    [400, "invalid_encoding", "deflate", whole],
    [400, "invalid_encoding", "gzip", whole.subarray(0, -5)],
    [400, "invalid_encoding", "gzip", Uint8Array.of(...whole, 1, 2, 3)],
    [400, "empty_body", "gzip", gzipSync(new Uint8Array(0))],
    [415, "unsupported_encoding", "br", BODY],
    [415, "unsupported_encoding", "gzip, gzip", gzipSync(whole)],
  ];
  for (const [status, code, coding, body] of faults) {
    assertEquals((await app.problem(status, PREDICT, sent(coding, body))).code, code);
  }
});

Deno.test("a compressed request with an idempotency key is answered again", async () => {
  const app = testApp();
  const init = () => sent("gzip", gzipSync(BODY), { "Idempotency-Key": "k" });
  const first = await (await app.request(PREDICT, init())).text();
  const again = await app.request(PREDICT, init());
  assertEquals([again.headers.get("idempotency-replayed"), await again.text()], ["true", first]);
});
