import { isIPv4, isIPv6 } from "node:net";

/**
 * Whom an address stands for in limits and quotas: one of IPv4 for itself, one of IPv6 for its first 64 bits, since every
 * household has so many of its own. A port, brackets and a zone are left out; what is no address is `unknown`.
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
