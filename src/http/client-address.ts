import { BlockList, isIP } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * The network that the rate limits of addresses count. Only the part of X-Forwarded-For that
 * trusted proxies wrote is used. If it contains no valid address, the address of the peer is used.
 */
export function clientNetwork(request: {
  readonly ip: string;
  readonly socket: { readonly remoteAddress?: string | undefined };
}): string {
  const { remoteAddress = "" } = request.socket;
  const { ip } = request;
  // Without a trusted proxy it is the peer's own address, which needs no parsing.
  return networkOf(ip === remoteAddress ? ip : (addressOf(ip) ?? remoteAddress));
}

const PORT = "(?::[0-9]{1,5})?";
/** `203.0.113.7:1234`, `[2001:db8::1]:1234` and both without a port, in quotes or not. */
const FORWARDED = new RegExp(`^"?(?:\\[([^\\]]+)\\]${PORT}|([^\\]]+?))"?$`);

/**
 * The address in an entry of X-Forwarded-For, or undefined when there is none. Some proxies append
 * the port, which differs for each connection of a client.
 */
export function addressOf(entry: string): string | undefined {
  const [, bracketed, plain = ""] = FORWARDED.exec(entry.trim()) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : undefined;
  return [plain, plain.replace(/:[0-9]{1,5}$/, "")].find((address) => isIP(address) !== 0);
}

/** The names of networks in TRUST_PROXY, as proxy-addr defines them. */
const NAMED_NETWORKS: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.1/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  uniquelocal: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/**
 * Returns a function that tests whether an address, or an entry of X-Forwarded-For, is in one of
 * the networks of `TRUST_PROXY`.
 */
export function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks.flatMap((name) => NAMED_NETWORKS[name] ?? [name])) {
    const [address = "", bits] = network.split("/");
    const version = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, version);
    else list.addSubnet(address, Number(bits), version);
  }
  return (entry) => {
    const address = addressOf(entry);
    return address !== undefined && list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  };
}

/**
 * An IPv4 address in canonical form, or the /64 of an IPv6 address, because one client has all of
 * it.
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  // Node accepts zones, and ipaddr.js does not. And ipaddr.js treats `::203.0.113.7` as an
  // IPv4-mapped address, which it is not. The same address in hexadecimal would then be another
  // network.
  const parsed = ipaddr.IPv6.parse(address.replace(/%.*/, "").replace(/^::(?=[0-9]+\.)/, "0::"));
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  return `${parsed.parts
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}
