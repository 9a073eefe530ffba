import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { Auth, actorIn } from "../../src/http/auth.ts";
import { RateLimiting, rateLimits } from "../../src/http/rate-limit.ts";
import { Request } from "../../src/http/route.ts";
import type { Session, SessionReading } from "../../src/http/session-cookies.ts";
import type { KeyHolder } from "../../src/keys/api-keys.ts";
import { HandClock } from "../support/hand-clock.ts";

const READER: KeyHolder = { id: "1", name: "a reader", scope: "read" };
const ADMIN: KeyHolder = { id: "2", name: "an admin", scope: "admin" };
const HOLDERS: Readonly<Record<string, KeyHolder>> = { reader: READER, admin: ADMIN };
const SESSION: Session = { key: "reader", signedInMs: 1, endsMs: 2 };
const SIGNED_IN: SessionReading = { kind: "signed_in", session: SESSION };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Each line of the Authorization header, if it is not the one in `headers`. */
  readonly authorization?: readonly string[];
}

/** A request from a fixed address. */
function request({ method = "GET", headers = {}, authorization }: Sent = {}): Request {
  const lines = authorization ?? (headers.authorization && [headers.authorization]);
  const raw = {
    method,
    headers,
    headersDistinct: lines ? { authorization: lines } : {},
    socket: { remoteAddress: "192.0.2.1" },
  };
  return new Request({ raw, context: { isProxy: () => false } } as never);
}

interface World {
  readonly open?: boolean;
  readonly metricsGuarded?: boolean;
  readonly reading?: SessionReading;
  /** Failures of an address that are not limited. */
  readonly failures?: number;
}

/** The access to a service with the keys of {@link HOLDERS}, and what it counts. */
function bench({ open = false, metricsGuarded = false, reading, failures = 100 }: World = {}) {
  const counted: string[] = [];
  const failed_key = { count: failures, perMs: 3_600_000, burst: failures };
  const options = { clock: new HandClock(), redis: undefined, keySecret: "" };
  const auth = new Auth({
    keys: {
      authenticate: (text) => {
        equal(typeof text, "string");
        return HOLDERS[text];
      },
      refusalOf: (text) => (text === "revoked" ? "revoked" : "unknown"),
      accepts: ({ id }) => id === ADMIN.id,
    },
    isReadingOpen: () => open,
    metricsGuarded,
    sessions: { read: () => reading ?? { kind: "none" } },
    limiting: new RateLimiting(rateLimits({ failed_key }, options), {
      rateLimited: { inc: () => undefined },
    } as never),
    metrics: { apiKeyChecks: { inc: ({ result }) => void counted.push(result) } },
  });
  return { auth, counted };
}

/** The 401 that every problem with a key gets, with its reason for the log. */
const unauthorized = (reason: string) => ({
  status: 401,
  headers: { "www-authenticate": "Bearer" },
  problem: { detail: "unauthorized" },
  log: { reason },
});

test("routes to read and to administer can require a key, those of metrics when they are guarded", () => {
  for (const metricsGuarded of [true, false]) {
    const { auth } = bench({ metricsGuarded });
    deepEqual(
      (["open", "read", "admin", "metrics"] as const).map((access) => auth.requiresKey(access)),
      [false, true, true, metricsGuarded],
    );
  }
});

test("a key opens the routes of its scope; the check is counted, and the request knows the key", () => {
  for (const [key, access, result] of [
    ["reader", "read", "ok"],
    ["reader", "metrics", "ok"],
    ["reader", "admin", "forbidden"],
    ["admin", "read", "ok"],
    ["admin", "metrics", "ok"],
    ["admin", "admin", "ok"],
  ] as const) {
    const { auth, counted } = bench();
    const sent = request({ headers: bearer(key) });
    const refusal = auth.refuse(sent, access);
    const forbidden = { status: 403, log: { reason: "scope" }, problem: { detail: "forbidden" } };
    deepEqual(refusal, result === "ok" ? undefined : forbidden, `${key} ${access}`);
    deepEqual([sent.apiKey, sent.answerHeaders, counted], [HOLDERS[key], {}, [result]]);
  }
});

test("a request without an accepted key gets 401, and only the log has the reason", () => {
  for (const [sent, reason] of [
    [{}, "no_header"],
    [{ headers: bearer("other") }, "unknown"],
    [{ headers: bearer("revoked") }, "revoked"],
    [{ headers: { authorization: "" } }, "malformed"],
    [{ headers: { authorization: "reader" } }, "malformed"],
    [{ headers: { authorization: "Basic reader" } }, "malformed"],
    [{ headers: { authorization: "Bearer" } }, "malformed"],
    [{ headers: { authorization: "Bearerreader" } }, "malformed"],
    [{ headers: { authorization: "xBearer reader" } }, "malformed"],
    [{ headers: { authorization: "Bearer reader x" } }, "malformed"],
    [{ headers: bearer("reader"), authorization: ["Bearer reader", "Bearer x"] }, "malformed"],
    [{ headers: bearer("reader"), authorization: ["Bearer x", "Bearer reader"] }, "malformed"],
    [{ headers: bearer("reader"), authorization: [] }, "malformed"],
  ] as const) {
    const { auth, counted } = bench();
    const asked = request(sent);
    deepEqual(auth.refuse(asked, "read"), unauthorized(reason), JSON.stringify(sent));
    deepEqual([asked.apiKey, counted], [undefined, ["unauthorized"]]);
  }
});

test("the scheme of the header may have any case, and several blanks behind it", () => {
  for (const authorization of ["bearer reader", "BEARER   reader"])
    equal(bench().auth.refuse(request({ headers: { authorization } }), "read"), undefined);
});

test("while reading is open every client may read, the answer says so, and a known key is still known", () => {
  const { auth, counted } = bench({ open: true });
  for (const [headers, holder] of [
    [{}, undefined],
    [bearer("other"), undefined],
    [bearer("reader"), READER],
  ] as const) {
    const sent = request({ headers });
    equal(auth.refuse(sent, "read"), undefined);
    deepEqual([sent.apiKey, sent.answerHeaders], [holder, { "x-read-auth": "open" }]);
  }
  deepEqual(counted, []);
  for (const access of ["admin", "metrics"] as const)
    deepEqual(auth.refuse(request(), access), unauthorized("no_header"));
});

test("failures beyond their limit get 429, whose log line keeps the reason", () => {
  const { auth } = bench({ failures: 1 });
  deepEqual(auth.refuse(request(), "read"), unauthorized("no_header"));
  const reply = auth.refuse(request({ headers: bearer("revoked") }), "read");
  deepEqual([reply?.status, reply?.log], [429, { reason: "revoked", limit: "failed_key" }]);
  equal(auth.refuse(request({ headers: bearer("reader") }), "read"), undefined);
});

test("a client that was admitted may read on while its key is accepted, or while reading is open", () => {
  const [reader, admin] = [request({ headers: bearer("reader") }), request()];
  reader.apiKey = READER;
  admin.apiKey = ADMIN;
  const closed = bench().auth;
  deepEqual(
    [reader, admin, request()].map((sent) => closed.mayRead(sent)),
    [false, true, false],
  );
  equal(bench({ open: true }).auth.mayRead(request()), true);
});

test("a cookie reads like its key; to change something the request must come from the dashboard", () => {
  const { auth } = bench({ reading: SIGNED_IN });
  for (const method of ["GET", "HEAD"]) equal(auth.refuse(request({ method }), "read"), undefined);
  for (const value of ["0", ""])
    deepEqual(
      auth.refuse(request({ method: "POST", headers: { "x-lyftr-ui": value } }), "read"),
      unauthorized("no_ui_header"),
    );
  for (const method of ["POST", "DELETE"]) {
    deepEqual(auth.refuse(request({ method }), "read"), unauthorized("no_ui_header"));
    const sent = request({ method, headers: { "x-lyftr-ui": "1" } });
    equal(auth.refuse(sent, "read"), undefined);
    equal(sent.apiKey, READER);
  }
});

test("a cookie beside an Authorization header is not looked at", () => {
  const { auth } = bench({ reading: SIGNED_IN });
  for (const [headers, reason] of [
    [{ authorization: "" }, "malformed"],
    [bearer("revoked"), "revoked"],
  ] as const)
    deepEqual(auth.refuse(request({ headers }), "read"), unauthorized(reason));
});

test("a cookie that cannot be used is the reason of the refusal", () => {
  for (const reason of ["session_unreadable", "session_expired"] as const) {
    const { auth } = bench({ reading: { kind: "refused", reason } });
    deepEqual(auth.refuse(request(), "read"), unauthorized(reason));
  }
});

test("a cookie that a page of another origin makes the browser send does not count", () => {
  const { auth } = bench({ reading: SIGNED_IN });
  const from = (site: string) => request({ headers: { "sec-fetch-site": site } });
  for (const site of ["same-site", "cross-site", ""]) {
    deepEqual(auth.refuse(from(site), "read"), unauthorized("other_origin"), site);
    equal(auth.signedIn(from(site)), undefined);
  }
  for (const site of ["same-origin", "none"]) equal(auth.refuse(from(site), "read"), undefined);
  const without = bench().auth.refuse(from("cross-site"), "read");
  deepEqual(without, unauthorized("no_header"), "without a cookie it is not the reason");
});

test("the person that a cookie signs in is known with the session and the owner of the key", () => {
  const sent = request();
  deepEqual(bench({ reading: SIGNED_IN }).auth.signedIn(sent), {
    session: SESSION,
    holder: READER,
  });
  equal(sent.apiKey, READER);
  equal(bench().auth.signedIn(request()), undefined);
  const beside = request({ headers: bearer("reader") });
  equal(bench({ reading: SIGNED_IN }).auth.signedIn(beside), undefined);
  const ended = { ...SIGNED_IN, session: { ...SESSION, key: "revoked" } };
  equal(bench({ reading: ended }).auth.signedIn(request()), undefined);
});

test("a sign-in is counted, and refused like any other request without an accepted key", () => {
  const { auth, counted } = bench({ failures: 1 });
  const sent = request();
  equal(auth.refuseSignIn(sent, "reader"), undefined);
  equal(sent.apiKey, READER);
  deepEqual(auth.refuseSignIn(sent, "revoked"), unauthorized("revoked"));
  equal(sent.apiKey, undefined);
  equal(auth.refuseSignIn(request(), "other")?.status, 429);
  deepEqual(counted, ["ok", "unauthorized", "unauthorized"]);
});

test("a cookie whose key is refused counts as a guess, up to the limit of failures", () => {
  const reading = { ...SIGNED_IN, session: { ...SESSION, key: "revoked" } };
  const { auth, counted } = bench({ reading, failures: 1 });
  equal(auth.refuseGuess(request()), undefined);
  const reply = auth.refuseGuess(request());
  deepEqual([reply?.status, reply?.log], [429, { limit: "failed_key" }]);
  deepEqual(counted, ["unauthorized", "unauthorized"]);
  const known = request();
  known.apiKey = READER;
  for (const sent of [known, request({ headers: bearer("revoked") })])
    equal(auth.refuseGuess(sent), undefined);
  equal(counted.length, 2);
  const without = bench({ failures: 1 });
  equal(without.auth.refuseGuess(request()), undefined);
  deepEqual(without.counted, [], "a request without a cookie is no guess");
});

test("only the dashboard may sign in or out", () => {
  const { auth } = bench();
  equal(auth.refuseOtherPage(request({ headers: { "x-lyftr-ui": "1" } })), undefined);
  for (const headers of [{}, { "x-lyftr-ui": "2" }])
    deepEqual(auth.refuseOtherPage(request({ headers })), unauthorized("no_ui_header"));
});

test("the actor of a request is the owner of its key; a route that asks for none has no actor", () => {
  const sent = request();
  sent.apiKey = ADMIN;
  equal(actorIn(sent), "key:an admin");
  sent.apiKey = { ...ADMIN, id: "ADMIN_API_KEY" };
  equal(actorIn(sent), "ADMIN_API_KEY");
  throws(() => actorIn(request()), /asks for no key/);
});
