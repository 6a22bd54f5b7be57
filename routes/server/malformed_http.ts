import type { Socket } from "node:net";
import { newId } from "../../lib/base/ids.ts";
import type { Problem } from "../../lib/schemas/problem.ts";

type Refusal = Pick<Problem, "status" | "title" | "code" | "detail">;

const BY_ERROR: Record<string, Refusal> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    title: "Request Header Fields Too Large",
    code: "head_too_large",
    detail: "Received a head of more than 32 KiB; expected less",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    title: "Request Timeout",
    code: "head_too_slow",
    detail: "The head is incomplete; expected all of it soon after the connection was opened",
  },
};
const OTHERWISE: Refusal = {
  status: 400,
  title: "Bad Request",
  code: "invalid_http",
  detail: "Received bytes that are not one valid HTTP/1.1 request; expected one",
};

/** Responds to bytes that are not a request, then closes: nobody can tell where a next request would start. */
export function refuseMalformedHttp({ code = "" }: { code?: string }, socket: Socket): void {
  const refusal = BY_ERROR[code] ?? OTHERWISE;
  const problem: Problem = { type: `urn:loopscope:problem:${refusal.code}`, instance: "/", ...refusal };
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${refusal.status} ${refusal.title}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${body.length}`,
    "Cache-Control: no-store",
    `X-Request-Id: ${newId<string>("req")}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
