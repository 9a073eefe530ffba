import { equal } from "node:assert/strict";
import { test } from "node:test";
import { array, assert, boolean, integer, property } from "fast-check";
import { addressOf, inNetworks, networkOf } from "../../src/http/client-address.ts";

test("an IPv4 address is itself, even if it is written as IPv6", () => {
  for (const address of [
    "203.0.113.7",
    "::ffff:203.0.113.7",
    "::FFFF:203.0.113.7",
    "::ffff:cb00:7107",
  ])
    equal(networkOf(address), "203.0.113.7", address);
  equal(networkOf("0:0:0:0:0:ffff:cb00:7107"), "203.0.113.7");
});

test("an IPv6 address is its /64, however it is written", () => {
  for (const address of [
    "2001:db8:1:2::1",
    "2001:DB8:1:2:ffff:ffff:ffff:ffff",
    "2001:0db8:0001:0002:0:0:0:1",
    "2001:db8:1:2::203.0.113.7",
    "2001:db8:1:2::1%eth0",
    "2001:db8:1:2::1%br-0.1",
  ])
    equal(networkOf(address), "2001:db8:1:2::/64", address);
  equal(networkOf("::1"), "0:0:0:0::/64");
  equal(networkOf("::"), "0:0:0:0::/64");
  equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
  equal(networkOf("2001:db8::"), "2001:db8:0:0::/64");
  // Its last part is an IPv4 address, but the whole is not.
  equal(networkOf("64:ff9b::203.0.113.7"), "64:ff9b:0:0::/64");
  for (const address of ["::203.0.113.7", "::cb00:7107", "::203.0.113.7%eth0"])
    equal(networkOf(address), "0:0:0:0::/64", address);
});

test("all ways to write an IPv6 address are the same network", () => {
  const groups = array(integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
  const choices = array(boolean(), { minLength: 8, maxLength: 8 });
  assert(
    property(groups, choices, integer({ min: 0, max: 7 }), (numbers, padded, zeros) => {
      // With a run of zeros for `::`.
      const all = numbers.map((number, at) => (at >= zeros && at < zeros + 2 ? 0 : number));
      const full = all
        .map((number, at) => number.toString(16).padStart(padded[at] === true ? 4 : 1, "0"))
        .join(":");
      const short = new URL(`http://[${full}]`).hostname.slice(1, -1);
      equal(networkOf(full), networkOf(short));
      equal(networkOf(full), networkOf(full.toUpperCase()));
    }),
  );
});

test("an address is in the networks of TRUST_PROXY, by their names, as addresses and as networks", () => {
  const named = inNetworks(["loopback", "linklocal", "uniquelocal"]);
  for (const address of [
    "127.9.9.9",
    "::1",
    "169.254.1.1",
    "fe80::1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "fd00::1",
  ])
    equal(named(address), true, address);
  for (const address of ["128.0.0.1", "172.32.0.1", "2001:db8::1", "", "nonsense"])
    equal(named(address), false, address);
  const listed = inNetworks(["203.0.113.7", "198.51.100.0/24", "2001:db8::/32"]);
  for (const address of ["203.0.113.7", "::ffff:203.0.113.7", "198.51.100.200", "2001:db8:1::1"])
    equal(listed(address), true, address);
  for (const address of ["203.0.113.8", "198.51.101.1", "2001:db9::1"])
    equal(listed(address), false, address);
  equal(inNetworks([])("127.0.0.1"), false);
});

test("an entry of X-Forwarded-For may have a port after its address, and brackets and quotes around it", () => {
  for (const entry of [
    "203.0.113.7",
    "203.0.113.7:1",
    "203.0.113.7:65535",
    '"203.0.113.7:443"',
    " 203.0.113.7:80 ",
  ])
    equal(addressOf(entry), "203.0.113.7", entry);
  for (const entry of ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", '"[2001:db8::1]:443"'])
    equal(addressOf(entry), "2001:db8::1", entry);
  equal(addressOf("2001:db8:0:0:0:0:0:1:443"), "2001:db8:0:0:0:0:0:1");
  equal(addressOf("[::1]:5678"), "::1");
  equal(addressOf("::ffff:203.0.113.7:80"), "::ffff:203.0.113.7");
  for (const entry of [
    "",
    ":80",
    "unknown",
    "_hidden",
    "203.0.113.7:port",
    "203.0.113.7:123456",
    "[203.0.113.7]:80",
    "[::1",
    "1.2.3:4",
  ])
    equal(addressOf(entry), undefined, entry);
  const trusted = inNetworks(["10.0.0.0/8", "fd00::/8"]);
  for (const entry of ["10.1.2.3:4711", "[fd00::1]:4711"]) equal(trusted(entry), true, entry);
  equal(trusted("203.0.113.7:4711"), false);
});
