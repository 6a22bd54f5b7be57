import { sumsOfZoo } from "../../zoo/write_sums.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("SHA256SUMS tells of every shipped file (after a change: deno run -A zoo/write_sums.ts)", async () => {
  assertEquals(Deno.readTextFileSync(new URL("../../zoo/SHA256SUMS", import.meta.url)), await sumsOfZoo());
});
