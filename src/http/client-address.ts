import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";

/**
 * What stands for a client where addresses are limited. X-Forwarded-For counts as far as trusted proxies wrote it; what it has there that
 * is no address leaves the peer's.
 */
export function clientNetwork(request: FastifyRequest): string {
  const { ip, socket } = request;
  const { remoteAddress = "" } = socket;
  return networkOf(ip === remoteAddress || isIP(ip) !== 0 ? ip : remoteAddress);
}

/** An IPv4 address, however it is written, or the /64 of an IPv6 address: one client has all of that. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const groups = groupsOf(address.toLowerCase().replace(/%.*/, ""));
  const isIpv4 = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isIpv4) return [...octetsOf(groups[6]), ...octetsOf(groups[7])].join(".");
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(":")}::/64`;
}

/** The eight numbers of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const plain = address.replace(
    /([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/,
    (_, a: string, b: string, c: string, d: string) => `${hexOf(a, b)}:${hexOf(c, d)}`,
  );
  const [head = "", tail] = plain.split("::");
  const numbers = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  if (tail === undefined) return numbers(head);
  const [before, after] = [numbers(head), numbers(tail)];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function hexOf(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}

function octetsOf(group = 0): readonly number[] {
  return [group >> 8, group & 0xff];
}
