import { problemResponse } from "../../routes/errors.ts";
import { assertEquals } from "../support/assert.ts";

const request = { path: "/v1/cubes", requestId: "req_1" };

Deno.test("a full disk is never an internal error, wherever it was met", async () => {
  const raw = Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  for (const error of [raw, new Error("Writing failed", { cause: raw }), new Error("database or disk is full")]) {
    const answer = problemResponse(error, request);
    const { code, detail } = await answer.json();
    assertEquals([answer.status, code, answer.headers.get("retry-after")], [503, "disk_full", "60"]);
    assertEquals(detail, "The disk is full, nothing was kept");
  }
});

Deno.test("an unexpected error shows nothing but the request it belongs to", async () => {
  const answer = problemResponse(new Error("secret"), request);
  const { detail } = await answer.json();
  assertEquals([answer.status, detail], [500, "Internal error; the log has the reason under request req_1"]);
});
