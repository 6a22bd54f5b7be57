import { callerAddress } from "../../routes/middleware/caller_address.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("an address of IPv4 stands for itself, one of IPv6 for its site", () => {
  const wanted: Record<string, string> = {
    "203.0.113.7": "203.0.113.7",
    " 203.0.113.7:5123": "203.0.113.7",
    "::ffff:203.0.113.7": "203.0.113.7",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
    "2001:DB8:1:2::9": "2001:db8:1:2::/64",
    "[2001:db8::1]:443": "2001:db8:0:0::/64",
    "fe80::1%eth0": "fe80:0:0:0::/64",
    "::1": "0:0:0:0::/64",
    "": "unknown",
    "nobody": "unknown",
    "203.0.113.777": "unknown",
    "<script>": "unknown",
  };
  for (const [address, caller] of Object.entries(wanted)) assertEquals(callerAddress(address), caller, address);
});
