import { equal } from "node:assert/strict";
import { test } from "node:test";
import { array, assert, boolean, integer, property } from "fast-check";
import { networkOf } from "../../src/http/client-address.ts";

test("an IPv4 address is itself, also when it is written as IPv6", () => {
  for (const address of ["203.0.113.7", "::ffff:203.0.113.7", "::FFFF:203.0.113.7", "::ffff:cb00:7107"])
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
  ])
    equal(networkOf(address), "2001:db8:1:2::/64", address);
  equal(networkOf("::1"), "0:0:0:0::/64");
  equal(networkOf("::"), "0:0:0:0::/64");
  equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
  equal(networkOf("2001:db8::"), "2001:db8:0:0::/64");
  // Its last part is an IPv4 address, but it is none.
  equal(networkOf("64:ff9b::203.0.113.7"), "64:ff9b:0:0::/64");
});

test("all ways to write an IPv6 address are the same network", () => {
  const groups = array(integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
  const choices = array(boolean(), { minLength: 8, maxLength: 8 });
  assert(
    property(groups, choices, integer({ min: 0, max: 7 }), (numbers, padded, zeros) => {
      // With a run of zeros for `::` to stand for.
      const all = numbers.map((number, at) => (at >= zeros && at < zeros + 2 ? 0 : number));
      const full = all.map((number, at) => number.toString(16).padStart(padded[at] === true ? 4 : 1, "0")).join(":");
      const short = new URL(`http://[${full}]`).hostname.slice(1, -1);
      equal(networkOf(full), networkOf(short));
      equal(networkOf(full), networkOf(full.toUpperCase()));
    }),
  );
});
