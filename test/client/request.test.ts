import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { LyftrError } from "../../client/errors.ts";
import {
  type Fetch,
  type FetchAnswer,
  type FetchInit,
  type HttpRequest,
  request,
} from "../../client/request.ts";

const URL = "https://inbox.example.com/prefix/webhook?key=private";
/** No test waits for it, unless something is broken. */
const LIMITS = { msMax: 5_000 };
const WANTED: HttpRequest = { url: URL, method: "GET", headers: { accept: "*" }, bytesMax: 10 };

interface Body {
  readonly headers?: Readonly<Record<string, string>>;
  readonly chunks?: readonly Uint8Array[] | null;
  /** What `text()` gives. It is refused without. */
  readonly whole?: string;
  readonly closed?: () => void;
}

/** An answer of the platform, with these chunks. */
function answer({ headers = {}, chunks = [], whole, closed = () => undefined }: Body): FetchAnswer {
  async function* body() {
    try {
      yield* chunks ?? [];
    } finally {
      closed();
    }
  }
  return {
    status: 203,
    headers: { get: (name) => headers[name] ?? null },
    body: chunks === null ? null : body(),
    text: () =>
      whole === undefined ? Promise.reject(new Error("unasked")) : Promise.resolve(whole),
  };
}

const answering =
  (body: Body): Fetch =>
  () =>
    Promise.resolve(answer(body));
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = async (body: Body) => {
  const { text, truncated } = await request(answering(body), WANTED, LIMITS);
  return [text, truncated];
};

test("the request is passed on, follows no redirect, and has a body only if one is given", async () => {
  const asked: (readonly [url: string, init: FetchInit])[] = [];
  const fetch: Fetch = (url, init) => {
    asked.push([url, init]);
    return answering({ headers: { "retry-after": "7" }, chunks: [bytes("ok")] })(url, init);
  };
  const answered = { status: 203, retryAfter: "7", text: "ok", truncated: false };
  deepEqual(await request(fetch, WANTED, LIMITS), answered);
  const body = new Uint8Array([1, 2]);
  await request(fetch, { ...WANTED, method: "POST", body }, LIMITS);
  const [[url, init] = [], [, posted] = []] = asked;
  equal(url, URL);
  const { signal, ...fields } = init ?? ({} as never);
  deepEqual(fields, { method: "GET", headers: { accept: "*" }, redirect: "manual" });
  equal(signal.aborted, false);
  deepEqual([posted?.method, posted?.body, posted?.redirect], ["POST", body, "manual"]);
});

test("an answer of at most the allowed size is read as a whole, and a longer one up to that size", async () => {
  deepEqual(await textOf({ chunks: null }), ["", false]);
  deepEqual(await textOf({ chunks: [bytes("01234"), bytes("56789")] }), ["0123456789", false]);
  let closed = 0;
  const long = [bytes("01234"), bytes("567890"), bytes("unread")];
  deepEqual(await textOf({ chunks: long, closed: () => closed++ }), ["01234", true]);
  equal(closed, 1);
});

test("a declared length within the limit is believed, unless the body has another coding", async () => {
  const chunks = [bytes("chunk")];
  for (const [length, text] of [
    ["9", "whole"],
    ["10", "whole"],
    ["11", "chunk"],
  ] as const)
    deepEqual(
      await textOf({ headers: { "content-length": length }, chunks, whole: "whole" }),
      [text, false],
      length,
    );
  for (const coding of ["content-encoding", "transfer-encoding"]) {
    const headers = { "content-length": "1", [coding]: "gzip" };
    deepEqual(await textOf({ headers, chunks, whole: "whole" }), ["chunk", false], coding);
  }
});

test("a character may be split between chunks, and an incomplete one at the end is shown as such", async () => {
  const [first, ...rest] = bytes("ß");
  const [one, two] = [Uint8Array.of(first ?? 0), Uint8Array.from(rest)];
  deepEqual(await textOf({ chunks: [one, two, bytes("!")] }), ["ß!", false]);
  deepEqual(await textOf({ chunks: [bytes("a"), one] }), ["a\ufffd", false]);
});

test("with an aborted signal nothing is sent", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  let sent = 0;
  const fetch = () => {
    sent += 1;
    return Promise.reject(new Error("sent"));
  };
  await rejects(request(fetch, WANTED, { ...LIMITS, signal }), {
    kind: "aborted",
    cause: new Error("enough"),
  });
  equal(sent, 0);
});

const timers = () =>
  process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

test("neither an answer nor a failure leaves a timer", async () => {
  const before = timers();
  await request(answering({}), WANTED, LIMITS);
  await rejects(request(() => Promise.reject(new Error("failed")), WANTED, LIMITS));
  equal(timers(), before);
});

/** Answers only when it is aborted, with the platform's error. */
const hanging: Fetch = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });

test("an abort ends the request, and nothing stays at the caller's signal", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const asked = request(hanging, WANTED, { ...LIMITS, signal });
  equal(getEventListeners(signal, "abort").length, 1);
  controller.abort(new Error("enough"));
  await rejects(asked, { kind: "aborted", cause: new Error("enough") });
  equal(getEventListeners(signal, "abort").length, 0);
  const other = new AbortController();
  await request(answering({}), WANTED, { ...LIMITS, signal: other.signal });
  equal(getEventListeners(other.signal, "abort").length, 0);
});

test("an answer that does not come in time is a timeout, with a signal and without", async () => {
  const { signal } = new AbortController();
  for (const limits of [{ msMax: 5.4 }, { msMax: 5.4, signal }])
    await rejects(request(hanging, WANTED, limits), {
      kind: "timeout",
      message: "no complete answer within 5 ms",
    });
});

/** What a failed fetch() becomes. */
async function failure(error: unknown): Promise<LyftrError> {
  const thrown = await request(() => Promise.reject(error), WANTED, LIMITS).catch(
    (caught: unknown) => caught,
  );
  ok(thrown instanceof LyftrError, `${thrown}`);
  return thrown;
}

const coded = (code: unknown, message = "failed") => Object.assign(new Error(message), { code });

test("an error of the client itself is passed on as it is", async () => {
  const error = new LyftrError("protocol", "not HTTP");
  equal(await failure(error), error);
});

test("a failed connection is told apart by its code, its name or its message", async () => {
  const kinds: Readonly<Record<string, readonly unknown[]>> = {
    certificate: [
      coded("CERT_HAS_EXPIRED"),
      coded("DEPTH_ZERO_SELF_SIGNED"),
      coded("UNABLE_TO_GET_ISSUER"),
      coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
      coded("ERR_TLS_HANDSHAKE"),
      new Error("invalid peer certificate: UnknownIssuer"),
    ],
    protocol: [
      Object.assign(new Error("x"), { name: "HTTPParserError" }),
      coded("HPE_INVALID_CONSTANT"),
      coded("UND_ERR_HEADERS_OVERFLOW"),
      coded("ERR_SSL_WRONG_VERSION_NUMBER"),
      coded("EPROTO"),
      coded("Z_DATA_ERROR"),
      coded("ERR__ERROR_FORMAT_PADDING_1"),
      new Error("Invalid HTTP version"),
      coded("Malformed_HTTP_Response"),
    ],
    network: [
      coded("ECONNREFUSED"),
      coded("HPE_INVALID_EOF_STATE"),
      Object.assign(new Error("connection closed"), {
        name: "HTTPParserError",
        code: "CLOSED_CONNECTION",
      }),
      new Error("a message with EPROTO in it"),
      coded("X_HPE_"),
      coded("AN_ERR_SSL"),
      coded("QZ_DATA"),
      coded("AN_ERR__ERROR_"),
    ],
  };
  for (const [kind, errors] of Object.entries(kinds))
    for (const error of errors) {
      const { kind: told, code, cause } = await failure(error);
      deepEqual([told, cause], [kind, error], String(code));
    }
});

test("the error names the origin and the code, or the message without one, and nothing else of the URL", async () => {
  const told = async (error: unknown) => {
    const { message, code } = await failure(error);
    return [message, code];
  };
  const origin = "https://inbox.example.com";
  deepEqual(await told(coded("ECONNRESET")), [
    `the connection to ${origin} failed: ECONNRESET`,
    "ECONNRESET",
  ]);
  deepEqual(await told(coded(7, "odd")), [`the connection to ${origin} failed: odd`, undefined]);
  deepEqual(await told(coded("EPROTO")), [`${origin} does not speak HTTP: EPROTO`, "EPROTO"]);
  deepEqual(await told(coded("CERT_HAS_EXPIRED")), [
    `the certificate of ${origin} is not accepted: CERT_HAS_EXPIRED`,
    "CERT_HAS_EXPIRED",
  ]);
});

test("the real error is found behind those that wrap it, also in a list of one for each address", async () => {
  const real = coded("ECONNREFUSED");
  const list = Object.assign(new Error("all failed"), { errors: [real, coded("EHOSTUNREACH")] });
  const wrapped = new TypeError("fetch failed", { cause: new Error("again", { cause: list }) });
  for (const error of [real, list, wrapped]) equal((await failure(error)).code, "ECONNREFUSED");
  const odd = Object.assign(new Error("odd", { cause: "a text" }), { errors: ["a text"] });
  equal((await failure(odd)).message, "the connection to https://inbox.example.com failed: odd");
});
