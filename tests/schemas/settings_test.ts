import { nameDataFolder } from "../../lib/schemas/name_data_folder.ts";
import { idleSettings, parseSettings } from "../../lib/schemas/settings.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("without settings, and with empty ones, the defaults hold", () => {
  assertEquals(parseSettings({ LOOPSCOPE_PORT: "" }), parseSettings({}));
  assertEquals(parseSettings({}).LOOPSCOPE_PORT, 8080);
});

const REFUSED: [name: string, values: string[], wanted: RegExp][] = [
  [
    "LOOPSCOPE_PORT",
    [" ", "-1", "1e3", "0x50", "80.5", "NaN", "65536", "80 ", "99999999999999999999"],
    /^LOOPSCOPE_PORT is ".*"; expected a whole number from 0 to 65535$/,
  ],
  ["LOOPSCOPE_THREADS", ["0", "257", "two"], /expected a whole number from 1 to 256$/],
  ["LOOPSCOPE_MAX_UPLOAD_BYTES", ["8 GiB", "1e99", "Infinity"], /expected a whole number from 1 to 9007199254740991$/],
  ["LOOPSCOPE_TRUST_PROXY", ["yes", "1", "TRUE", " "], /expected true or false$/],
  ["LOOPSCOPE_ENGINE", ["cuda", "WASM"], /expected auto, wasm, webgpu, tensorflow or reference$/],
  ["LOOPSCOPE_HOST", [" ", "a b", "http://x/"], /expected a host name or address$/],
  ["LOOPSCOPE_CORS_ORIGIN", ["*", "example.org", "https://x.org/", "https://x.org/path", "null"], /expected an origin/],
];

for (const [name, values, wanted] of REFUSED) {
  Deno.test(`${name}: what does not fit is refused in one line with the value and what is expected`, () => {
    for (const value of values) {
      assert.throws(() => parseSettings({ [name]: value }), { name: "RangeError", message: wanted });
    }
  });
}

Deno.test("a secret that is too short is not repeated", () => {
  const message = "LOOPSCOPE_WEBHOOK_SECRET is 6 characters; expected 16 characters at least";
  assert.throws(() => parseSettings({ LOOPSCOPE_WEBHOOK_SECRET: "hushhh" }), { message });
});

Deno.test("an address of IPv6 may stand in brackets", () => {
  assertEquals(parseSettings({ LOOPSCOPE_HOST: "[::1]" }).LOOPSCOPE_HOST, "::1");
});

Deno.test("settings that change nothing, and names that are none, are told", () => {
  const settings = parseSettings({ LOOPSCOPE_PUBLIC_UPLOADS: "true", LOOPSCOPE_WEBHOOK_HOSTS: "a.example" });
  assertEquals(idleSettings(settings), [
    "LOOPSCOPE_PUBLIC_UPLOADS without LOOPSCOPE_PUBLIC_READ",
    "LOOPSCOPE_WEBHOOK_HOSTS without LOOPSCOPE_WEBHOOK_SECRET: signed with an empty key",
  ]);
  assertEquals(idleSettings(parseSettings({})), []);
  const { folder, warnings } = nameDataFolder({
    LOOPSCOPE_PRT: "1",
    LOOPSCOPE_KEY: "x",
    LOOPSCOPE_DATA: "/a b",
    PATH: "",
  });
  assertEquals([folder, warnings], ["/a b", [
    "loopscope: there is no setting LOOPSCOPE_PRT; did you mean LOOPSCOPE_PORT?",
  ]]);
});
