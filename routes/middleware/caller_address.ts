import { isIPv4, isIPv6 } from "node:net";

/**
 * The key of an address in limits and quotas: an IPv4 address itself, of an IPv6 address the first 64 bits, since every
 * household has a whole /64. A port, brackets and a zone are dropped; anything but an address is `unknown`.
 */
export function callerAddress(text: string): string {
  const bare = text.trim()
    .replace(/^\[(.*)\](?::\d+)?$/, "$1")
    .replace(/^([\d.]+):\d+$/, "$1")
    .replace(/%.*$/, "")
    .replace(/^::ffff:(?=[\d.]+$)/i, "");
  if (isIPv4(bare)) return bare;
  return isIPv6(bare) ? `${groups(bare).slice(0, 4).join(":")}::/64` : "unknown";
}

/** The eight groups of a valid address, without leading zeros. */
function groups(address: string): string[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before, after] = canonical.split("::").map((part) => part === "" ? [] : part.split(":"));
  if (after === undefined) return before;
  return [...before, ...new Array(8 - before.length - after.length).fill("0"), ...after];
}
