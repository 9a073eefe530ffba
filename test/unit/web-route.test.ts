import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { complaintsAboutWebFile } from "../../scripts/web-layout.ts";
import { addressOf, FILTER_NAMES, parseAddress, queryOf, type Route } from "../../web/route.ts";
import { anyCharacter } from "../support/any-character.ts";
import { propertyRuns } from "../support/property-runs.ts";

const text = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 40 });
const maybeText = fc.option(text, { nil: undefined });
const filter = fc.record(Object.fromEntries(FILTER_NAMES.map((name) => [name, maybeText])));
const routes: fc.Arbitrary<Route> = fc
  .oneof(
    fc.record({ page: fc.constantFrom("overview", "rejected", "sources", "keys", "parts") }),
    fc.record({ page: fc.constant("overview"), chart: fc.constantFrom("two-days", "ninety-days") }),
    fc.record({ page: fc.constant("inbox"), filter }),
    fc.record({
      page: fc.constant("inbox"),
      filter,
      open: fc.record({ source: text, id: text }),
    }),
    fc.record({ page: fc.constant("conversation"), number: text }),
    fc.record({
      page: fc.constant("senders"),
      tab: fc.constantFrom("busiest", "all"),
      prefix: fc.string(),
    }),
    fc.record({ page: fc.constant("exports"), filter }),
    fc.record({ page: fc.constant("audit"), before: maybeText }),
    fc.record({ page: fc.constant("health"), search: fc.string() }),
    fc.record({
      page: fc.constant("sign-in"),
      key: maybeText,
      next: fc.option(fc.constant("docs"), { nil: undefined }),
    }),
  )
  // Plain objects without undefined fields.
  .map((route) => JSON.parse(JSON.stringify(route)) as Route);

test("the address of a route leads to the same route", () => {
  fc.assert(
    fc.property(routes, (route) => deepEqual(parseAddress(addressOf(route)), route)),
    {
      numRuns: propertyRuns(1_000),
    },
  );
});

test("an address is a fragment, and no text of a filter can end it", () => {
  fc.assert(fc.property(routes, (route) => match(addressOf(route), /^#\/[!-~]*$/)));
  equal(
    addressOf({ page: "inbox", filter: { from: "+9190", q: "a&b=c #?/" } }),
    "#/inbox?from=%2B9190&q=a%26b%3Dc+%23%3F%2F",
  );
});

test("an address of no page, and one with a broken escape, are kept as they are", () => {
  for (const address of [
    "/banana",
    "/inbox/native",
    "/inbox/a/b/c",
    "/from/",
    "/from/%E0%A4%A",
    "/keys/1",
  ])
    deepEqual(parseAddress(`#${address}`), { page: "unknown", address });
  for (const start of ["", "#", "#/", "#//"]) deepEqual(parseAddress(start), { page: "overview" });
});

test("half of a surrogate pair in an id does not break the address", () => {
  const route: Route = { page: "inbox", filter: {}, open: { source: "native", id: "a\ud800" } };
  equal(addressOf(route), "#/inbox/native/a%EF%BF%BD");
});

test("nonsense in a filter stays, for the page to say what is wrong with it", () => {
  deepEqual(parseAddress("#/inbox?since=banana&colour=red"), {
    page: "inbox",
    filter: { since: "banana" },
  });
});

test("a list has one address, whatever the order in which its filter was made", () => {
  equal(
    addressOf({ page: "inbox", filter: { q: "x", until: "2026-01-01T00:00:00Z", from: "+1" } }),
    "#/inbox?from=%2B1&until=2026-01-01T00%3A00%3A00Z&q=x",
  );
});

test("empty values are not in a query", () => {
  equal(queryOf({ a: "", b: undefined, c: 0 }), "?c=0");
  equal(queryOf({}), "");
});

test("the borders of web/ are checked", () => {
  const found = (name: string, line: string) => complaintsAboutWebFile(name, line).join("\n");
  match(found("parts/a.tsx", "x.innerHTML = y;"), /writes HTML/);
  match(found("parts/a.tsx", '<p style="color:red">'), /style=""/);
  match(found("parts/a.tsx", "localStorage.a"), /storage/);
  match(found("parts/a.tsx", '<p title="Hello">'), /attribute/);
  match(found("api/a.ts", 'import { a } from "../parts/a.tsx";'), /may not import parts/);
  match(found("live/a.ts", 'import { a } from "../state/a.ts";'), /may not import state/);
  match(found("pages/a/page.tsx", 'import { a } from "../b/page.tsx";'), /may not import pages/);
  match(found("parts/a.tsx", 'import R from "react";'), /may not import react/);
  match(found("parts/a.tsx", 'import { a } from "../../src/a.ts";'), /outside web/);
  equal(found("pages/a/page.tsx", 'import { a } from "./b.tsx"; import "./a.css";'), "");
  equal(found("prefs.ts", "localStorage.a"), "");
});
