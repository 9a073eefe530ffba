import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { array, assert, constantFrom, oneof, property, string, tuple } from "fast-check";
import type { Request } from "../../src/http/route.ts";
import {
  cookiesIn,
  SessionCookies,
  type SessionReading,
  type SessionSecret,
} from "../../src/http/session-cookies.ts";
import { NONCE_BYTES, SecretBox } from "../../src/secrets/sealing.ts";
import { HandClock } from "../support/hand-clock.ts";
import { propertyRuns } from "../support/property-runs.ts";

const HOUR_MS = 3_600_000;
const KEY = "lyftr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM";
const SECRET: SessionSecret = { secret: "a secret of the tests" };

/** A request with these headers; `scheme` is what a trusted proxy says. */
function request(headers: Readonly<Record<string, string>> = {}, scheme = "http"): Request {
  return { headers, scheme } as unknown as Request;
}

function cookies(clock = new HandClock(), ...secrets: [SessionSecret, ...SessionSecret[]] | []) {
  const [first = SECRET, ...others] = secrets;
  return new SessionCookies({ secrets: [first, ...others], clock, randomBytes });
}

/** `name=value` of a `Set-Cookie`, as a browser sends it back. */
const pair = (set: string) => set.slice(0, set.indexOf(";"));
const read = (sessions: SessionCookies, cookie: string, scheme?: string): SessionReading =>
  sessions.read(request({ cookie }, scheme));

test("a sealed key opens to itself and its moments, and is not in the cookie", () => {
  const clock = new HandClock();
  const sessions = cookies(clock);
  for (const key of [KEY, "a key.with=every;sign, and\nmore", "x".repeat(2_048)]) {
    const session = sessions.begin(key);
    deepEqual(session, {
      key,
      signedInMs: clock.now(),
      endsMs: clock.now() + 12 * HOUR_MS,
    });
    const set = sessions.cookieOf(session, request());
    deepEqual(read(sessions, pair(set)), { kind: "signed_in", session });
    for (const part of [key.slice(0, 8), Buffer.from(key).toString("base64url").slice(2, 10)])
      ok(!set.includes(part), set);
    ok(set.length < 4_096, `${set.length}`);
    notEqual(sessions.cookieOf(session, request()), set, "another nonce each time");
  }
});

test("the cookie is for this host alone and for no script, and over HTTPS it says so in its name", () => {
  const sessions = cookies();
  const set = (headers: Record<string, string>, scheme?: string) =>
    sessions.cookieOf(sessions.begin(KEY), request(headers, scheme)).replace(/=v1[^;]+/, "=…");
  match(set({}), /^lyftr_[0-9a-f]{8}=…; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
  const name = set({}).slice(0, 14);
  const plain = `${name}=…; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict`;
  equal(set({ origin: "http://127.0.0.1:8000" }), plain);
  equal(set({ origin: "https://inbox.example.com" }), `__Host-${plain}; Secure`);
  equal(set({}, "https"), `__Host-${plain}; Secure`);
});

test("services with other secrets use other names, so that they do not overwrite each other's cookies", () => {
  const nameUnder = (secret: string) => {
    const sessions = cookies(new HandClock(), { secret });
    return pair(sessions.cookieOf(sessions.begin(KEY), request())).split("=")[0];
  };
  equal(nameUnder("one"), nameUnder("one"));
  notEqual(nameUnder("one"), nameUnder("two"));
});

test("every changed, missing or added character makes a cookie unreadable", () => {
  const sessions = cookies();
  const [name = "", value = ""] = pair(sessions.cookieOf(sessions.begin(KEY), request())).split(
    "=",
  );
  const refused = (changed: string) =>
    deepEqual(
      read(sessions, `${name}=${changed}`),
      { kind: "refused", reason: "session_unreadable" },
      changed,
    );
  for (let at = 0; at < value.length; at++) {
    for (const other of ["A", "B", "-", "_", ".", "=", "!", "\u00e9"])
      if (value[at] !== other) refused(value.slice(0, at) + other + value.slice(at + 1));
    refused(value.slice(0, at) + value.slice(at + 1));
    refused(value.slice(0, at));
  }
  for (const added of ["A", "=", ".", "!", " A", "\t.", ".x"]) refused(value + added);
  refused(`A${value}`);
  refused("v1.");
  refused("v1");
  refused("");
  refused(value.replace("v1.", "v2."));
  const bytes = Buffer.from(value.slice(3), "base64url");
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    refused(`v1.${flipped.toString("base64url")}`);
  }
});

test("a cookie is opened under the secrets that are accepted now, and under no other", async () => {
  const clock = new HandClock();
  const untilMs = clock.now() + HOUR_MS;
  const old = cookies(clock, { secret: "old" });
  const cookie = pair(old.cookieOf(old.begin(KEY), request()));
  equal(read(cookies(clock, { secret: "new" }), cookie).kind, "none", "it has another name");
  const renamed = cookie.replace(
    /^[^=]+/,
    pair(cookies(clock).cookieOf(old.begin(KEY), request())).slice(0, 14),
  );
  equal(read(cookies(clock), renamed).kind, "refused", "nor with that name");
  const rotated = cookies(clock, { secret: "new" }, { secret: "old", untilMs });
  equal(read(rotated, cookie).kind, "signed_in");
  await clock.advance(HOUR_MS);
  equal(read(rotated, cookie).kind, "none");
});

test("a session ends 12 hours after the last renewal, and 7 days after the sign-in", async () => {
  const clock = new HandClock();
  const sessions = cookies(clock);
  let session = sessions.begin(KEY);
  const cookie = () => pair(sessions.cookieOf(session, request()));
  const first = cookie();
  await clock.advance(6 * HOUR_MS - 1);
  equal(sessions.renewed(session), undefined);
  await clock.advance(1);
  const renewed = sessions.renewed(session);
  deepEqual(renewed, { ...session, endsMs: clock.now() + 12 * HOUR_MS });
  await clock.advance(6 * HOUR_MS - 1);
  equal(read(sessions, first).kind, "signed_in");
  await clock.advance(1);
  deepEqual(read(sessions, first), { kind: "refused", reason: "session_expired" });
  const beganMs = session.signedInMs;
  session = renewed ?? session;
  let renewals = 1;
  for (let last = -1; last !== session.endsMs; renewals++) {
    last = session.endsMs;
    await clock.advance(last - clock.now() - 1);
    session = sessions.renewed(session) ?? session;
    const seconds = Number(/Max-Age=([0-9]+)/.exec(sessions.cookieOf(session, request()))?.[1]);
    equal(seconds, Math.ceil((session.endsMs - clock.now()) / 1_000));
  }
  equal(session.endsMs, beganMs + 7 * 24 * HOUR_MS);
  ok(renewals > 13, `${renewals}`);
  await clock.advance(1);
  deepEqual(read(sessions, cookie()), { kind: "refused", reason: "session_expired" });
});

test("of several cookies the readable one counts, and over HTTPS only one that was set over HTTPS", () => {
  const sessions = cookies();
  const make = (key: string, scheme: string) =>
    pair(sessions.cookieOf(sessions.begin(key), request({}, scheme)));
  const [plain, secure] = [make("plain", "http"), make("secure", "https")];
  const name = plain.slice(0, 14);
  const keyOf = (cookie: string, scheme?: string) => {
    const reading = read(sessions, cookie, scheme);
    return reading.kind === "signed_in" ? reading.session.key : reading.kind;
  };
  equal(keyOf(`a=b; ${name}=x; ${plain}; c=d`), "plain");
  equal(keyOf(`${plain};${secure}`), "secure");
  equal(keyOf(`${secure}; ${plain}`, "https"), "secure");
  equal(keyOf(plain, "https"), "none");
  equal(keyOf(`__Host-${name}=x; ${plain}`), "plain");
  // Each costs an attempt, so there is an end to it.
  equal(keyOf(`${`${name}=x; `.repeat(7)}${plain}`), "plain");
  equal(keyOf(`${`${name}=x; `.repeat(8)}${plain}`), "refused");
  equal(keyOf(`${name}=${"x".repeat(3_001)}; ${plain}`), "plain");
});

test("cookies that another page has added, however many, do not displace one that was set over HTTPS", () => {
  const sessions = cookies();
  const good = pair(
    sessions.cookieOf(sessions.begin(KEY), request({ origin: "https://a.example" })),
  );
  const added = `${pair(sessions.cookieOf(sessions.begin("x"), request())).split("=")[0]}=v1.x; `;
  for (const count of [1, 8, 100])
    for (const header of [added.repeat(count) + good, `${good}; ${added.repeat(count)}`])
      equal(read(sessions, header).kind, "signed_in", `${count}`);
});

test("a renewed cookie stays one of HTTPS, though a GET has no Origin and the proxy is not trusted", () => {
  const sessions = cookies();
  const session = sessions.begin(KEY);
  const setAgain = (headers: Readonly<Record<string, string>>) =>
    sessions.cookieOf(session, request(headers));
  const secure = pair(setAgain({ origin: "https://a.example" }));
  match(setAgain({ cookie: `theme=dark; ${secure}` }), /^__Host-lyftr_.+; Secure$/);
  const plain = pair(setAgain({}));
  for (const headers of [
    { cookie: plain },
    { cookie: `__Host-lyftr_00000000=v1.x; ${plain}` },
    // The page says that it is on plain HTTP, where browsers refuse the prefix.
    { cookie: secure, origin: "http://a.example" },
  ])
    doesNotMatch(setAgain(headers), /__Host-|Secure/);
});

test("signing out ends the cookies that the browser sent, under every secret, and names no other", () => {
  const clock = new HandClock();
  const old = cookies(clock, { secret: "old" });
  const previous = pair(old.cookieOf(old.begin(KEY), request()));
  const rotated = cookies(clock, SECRET, { secret: "old" });
  const secure = pair(rotated.cookieOf(rotated.begin(KEY), request({}, "https")));
  deepEqual(rotated.endingCookies(request()), []);
  deepEqual(rotated.endingCookies(request({ cookie: "a=b; lyftr_00000000=x" })), []);
  const ended = rotated.endingCookies(request({ cookie: `${previous}; a=b; ${secure}` }));
  deepEqual(ended, [
    `${secure.split("=")[0]}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure`,
    `${previous.split("=")[0]}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict`,
  ]);
});

test("what the parser finds is what a plain reading of the header finds, whatever is in it", () => {
  const plainly = (header: string) =>
    header
      .split(";")
      .filter((part) => part.includes("="))
      .map((part) => {
        const at = part.indexOf("=");
        return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
      });
  const piece = oneof(
    constantFrom(";", "=", "; ", " ", ",", '"', "lyftr_", "__Host-lyftr_", "\t", "v1.", "é"),
    string({ maxLength: 6 }),
  );
  assert(
    property(array(piece, { maxLength: 40 }), (pieces) => {
      const header = pieces.join("");
      deepEqual([...cookiesIn(header)], plainly(header));
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test("a header without a sealed value is refused, and a good one is found among any others", () => {
  const sessions = cookies();
  const session = sessions.begin(KEY);
  const good = pair(sessions.cookieOf(session, request()));
  const name = good.slice(0, 14);
  const other = tuple(
    oneof(constantFrom(name, `__Host-${name}`, "lyftr_", ""), string({ maxLength: 8 })),
    oneof(
      string({ maxLength: 12 }),
      constantFrom(good.slice(15, 40), "v1.", `"${good.slice(15)}"`),
    ),
  ).map(([left, right]) => `${left}=${right}`);
  assert(
    property(array(other, { maxLength: 6 }), (others) => {
      notEqual(read(sessions, others.join("; ")).kind, "signed_in");
      const places = others.some((text) => text.includes(";")) ? [0] : [0, others.length];
      for (const at of places) {
        const header = [...others.slice(0, at), good, ...others.slice(at)].join("; ");
        deepEqual(read(sessions, header), { kind: "signed_in", session });
      }
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test("a request without a cookie of this service has no session", () => {
  for (const headers of [{}, { cookie: "" }, { cookie: "theme=dark; lyftr=x" }])
    deepEqual(cookies().read(request(headers)), { kind: "none" });
});

test("a cookie keeps its name and its form, so that sessions survive an upgrade", () => {
  const clock = new HandClock();
  const fixed = (size: number) => Buffer.alloc(size, 7);
  const sessions = new SessionCookies({ secrets: [SECRET], clock, randomBytes: fixed });
  const set = sessions.cookieOf(sessions.begin(KEY), request());
  equal(
    pair(set),
    "lyftr_4e6f6449=v1.BwcHBwcHBwcHBwcHZvVnrh-fromWoAII9OBET8LPBeiYXOWWaN9jl8XVIMqGGO" +
      "NWwOO7X9xtLVgHpFAw_0eAqnYxMcoftc5Ke9FfjZPEuDsG5cg-4lLrXHBzwQFEIWv9szsXxO7OflQ598" +
      "W-Bskl",
  );
});

test("a session of a moment that no service can have made is refused, though it is sealed", () => {
  const clock = new HandClock();
  const sessions = cookies(clock);
  const kindOf = (signedInMs: number, endsMs: number) =>
    read(sessions, pair(sessions.cookieOf({ key: KEY, signedInMs, endsMs }, request()))).kind;
  const now = clock.now();
  equal(kindOf(now + HOUR_MS, now + 2 * HOUR_MS), "signed_in", "a replica whose clock is ahead");
  equal(kindOf(now + HOUR_MS + 1, now + 2 * HOUR_MS), "refused");
  equal(kindOf(now, now + 168 * HOUR_MS), "signed_in");
  equal(kindOf(now, now + 168 * HOUR_MS + 1), "refused");
});

test("a session with the last possible end is not renewed", () => {
  const clock = new HandClock();
  const now = clock.now();
  const ending = { key: KEY, signedInMs: now - 167 * HOUR_MS, endsMs: now + HOUR_MS };
  equal(cookies(clock).renewed(ending), undefined);
  const before = { ...ending, endsMs: now + HOUR_MS - 1 };
  deepEqual(cookies(clock).renewed(before), ending);
});

test("a sealed content of another form is unreadable", () => {
  const clock = new HandClock();
  const sessions = cookies(clock);
  const name = pair(sessions.cookieOf(sessions.begin(KEY), request())).slice(0, 14);
  const box = new SecretBox(SECRET.secret, "sessions");
  const readingOf = (content: string) =>
    read(sessions, `${name}=${box.seal(name, content, randomBytes(NONCE_BYTES))}`);
  const moments = `${clock.now()}.${clock.now() + HOUR_MS}`;
  equal(readingOf(`${moments}.key`).kind, "signed_in", "so the seal here is right");
  for (const content of ["", "key", moments, `${moments}.`, `x${moments}.key`, `.${moments}.key`])
    deepEqual(readingOf(content), { kind: "refused", reason: "session_unreadable" }, content);
});

test("a value of 3,000 characters is tried, a longer one is not, even if it is sealed", () => {
  const sessions = cookies();
  const name = pair(sessions.cookieOf(sessions.begin(KEY), request())).slice(0, 14);
  equal(read(sessions, `${name}=${"x".repeat(3_000)}`).kind, "refused");
  equal(read(sessions, `${name}=${"x".repeat(3_001)}`).kind, "none");
  const long = pair(sessions.cookieOf(sessions.begin("x".repeat(2_300)), request()));
  ok(long.length > 3_015, `${long.length}`);
  equal(read(sessions, long).kind, "none");
});

test("a header of the greatest length is no session", () => {
  equal(read(cookies(), "lyftr_=;".repeat(2_048)).kind, "none");
});
