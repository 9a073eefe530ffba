import { sign } from "../../../src/providers/signature.ts";
import type { Random } from "../../support/random.ts";
import { mutated } from "../parsers/mutations.ts";

const SECRET = "testsecret";
const CRLF = "\r\n";

/** A request that is sound, if unusual. It has exactly one answer, which repeats its id. */
export interface SoundRequest {
  readonly id: string;
  readonly bytes: Buffer;
  readonly isHead: boolean;
  /** The id of the message that it stores when it gets 200. */
  readonly messageId: string | undefined;
  /** Whether its answer closes the connection, because it asks for another protocol. */
  readonly isLast: boolean;
}

const EXPORT = "/messages/export";
/**
 * Nothing was sent to this number. An export of everything takes longer than this fault waits, with
 * fifteen others beside it.
 */
const EXPORTED = "to=%2B0";
/** The targets of requests without a body. */
const TARGETS = [
  ...["/health/live", "/health/ready", "/nowhere", "/", "/docs", "/openapi.json", "/favicon.ico"],
  ...["/stats", "/senders", "/messages", EXPORT, "/stats/timeline", "/settings"],
  ...["/messages/m1", "/messages/%00", "/messages/%zz", "/ui/", "/ui/assets/../x", "/%2e%2e/"],
  ...["//messages", "/messages//", "http://x/stats", "http://x", "*", "/%", "/%ff", "/session"],
];
const PARAMETERS = [
  ...["limit=1", "limit=1e309", "limit=-1", "limit=x", "offset=9007199254740993", "order=desc"],
  ...[
    "count=none",
    "q=%00",
    "q=%F0%9F%98%80",
    "q=%ff",
    "q=%22%27%5C",
    "q=%25_",
    "q=a*",
    "from=%2B1",
  ],
  ...["since=2025-01-15", "until=0000-01-01T00:00:00%2B23:59", "since=x", "cursor=x", "format=csv"],
  ...["bucket=minute", "zone=Asia/Kolkata", "zone=UTC%00", "__proto__=1", "=", "&&", "a[b]=c"],
];
const HEADERS = [
  ...[
    "Accept: application/problem+json",
    "Accept: */*;q=",
    "Accept-Encoding: gzip;q=x,,",
    "Accept:",
  ],
  ...["Cookie: lyftr_00000000=x; =; a", "Cookie: =", "Authorization: Bearer x", "Authorization: x"],
  ...["If-None-Match: *", 'If-None-Match: W/"x", "', "Range: bytes=-1", "Origin: null"],
  ...["X-Forwarded-For: ::1%x, 1.2.3.4:99999", "X-Forwarded-Proto: HTTPS, x", "Forwarded: for=_x"],
  ...["traceparent: 00-0-0-0", "tracestate: =", "Expect: nonsense", "TE: trailers", "Via: x"],
  ...["Upgrade: h2c", "Connection: keep-alive, x", "Connection: x, upgrade", "Keep-Alive: x"],
  ...[
    "X-Latin1: \x80\xff",
    "X-Long: ".padEnd(3_000, "x"),
    "Content-Type: x/y; charset=z",
    "__proto__: 1",
  ],
  ...["X-Signature: 0", "Sec-Fetch-Site: x", "Access-Control-Request-Method: x", "Pragma:"],
];
/** A request in a body. Its id in an answer shows that the service took a body for a request. */
const SMUGGLED_ID = "smuggled";
const SMUGGLED = `GET /health/live HTTP/1.1${CRLF}Host: x${CRLF}X-Request-ID: ${SMUGGLED_ID}${CRLF}${CRLF}`;

/** A random sound request. */
export function soundRequest(random: Random, id: string): SoundRequest {
  const kind = random.next();
  if (kind < 0.2) return webhook(random, id, true);
  if (kind < 0.5) return webhook(random, id, false);
  const method = random.of(["GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"]);
  const path = random.of(TARGETS);
  const parameters = random.chance(0.6) ? someParameters(random) : [];
  if (path === EXPORT) parameters.push(EXPORTED);
  const query = parameters.length === 0 ? "" : `?${parameters.join("&")}`;
  const head = headOf(random, `${method} ${path}${query} HTTP/1.1`, id);
  const bytes = Buffer.from(head + CRLF, "latin1");
  const isLast = asksForUpgrade(head);
  return { id, bytes, isHead: method === "HEAD", messageId: undefined, isLast };
}

function someParameters(random: Random): string[] {
  return Array.from({ length: random.between(1, 4) }, () => random.of(PARAMETERS));
}

function headOf(random: Random, first: string, id: string): string {
  const others = Array.from({ length: random.between(0, 6) }, () => random.of(HEADERS));
  return [first, "Host: x", `X-Request-ID: ${id}`, ...others, ""].join(CRLF);
}

/** A message, or any bytes. It is signed, or nearly. */
export function webhook(random: Random, id: string, isSigned: boolean): SoundRequest {
  const message = JSON.stringify({
    message_id: id,
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    text: random.of([SMUGGLED, "Hello", null, "\u2028\ud83d\ude00"]),
  });
  const arbitrary = [SMUGGLED, "", "{", "[1]", "\0", `0${CRLF}${CRLF}`, "x".repeat(5_000)];
  const isMessage = isSigned || random.chance(0.4);
  const body = Buffer.from(isMessage ? message : random.of(arbitrary));
  const signature = isSigned ? sign(SECRET, body) : sign("another secret", body);
  const head = headOf(
    random,
    `POST ${random.of(["/webhook", "/webhook/", "/webhook?a=b"])} HTTP/1.1`,
    id,
  );
  const signed = random.chance(0.1) && !isSigned ? "" : `X-Signature: ${signature}${CRLF}`;
  const framed = random.chance(0.4)
    ? `Transfer-Encoding: chunked${CRLF}${CRLF}${chunked(random, body)}`
    : `Content-Length: ${body.length}${CRLF}${CRLF}${body.toString("latin1")}`;
  const bytes = Buffer.from(head + signed + framed, "latin1");
  const isLast = asksForUpgrade(head);
  return { id, bytes, isHead: false, messageId: isSigned ? id : undefined, isLast };
}

function asksForUpgrade(head: string): boolean {
  return head.includes("\nUpgrade: ") && head.includes("\nConnection: x, upgrade");
}

function chunked(random: Random, body: Buffer): string {
  let text = "";
  for (let at = 0; at < body.length; ) {
    const size = random.between(1, Math.min(body.length - at, random.of([3, 64, 9_999])));
    const digits = random.of(["", "", "000"]) + size.toString(16);
    const extension = random.of(["", "", "", ";a", ";a=b", ';a="b c"', ";a=b;c=d"]);
    text += `${digits}${extension}${CRLF}${body.toString("latin1", at, at + size)}${CRLF}`;
    at += size;
  }
  return `${text}0${CRLF}${random.of(["", "", `X-Trailer: a${CRLF}`, `X-Signature: 0${CRLF}`])}${CRLF}`;
}

/** Lines that make the framing of a request ambiguous. It must be refused with its connection. */
const AMBIGUOUS_LINES = [
  ["Host: y"],
  ["Content-Length: 5", "Transfer-Encoding: chunked"],
  ["Content-Length: 5", "Content-Length: 6"],
  ["Transfer-Encoding: gzip, chunked"],
  ["Transfer-Encoding: identity"],
  ["Transfer-Encoding : chunked"],
  ["X: a", " folded"],
  ["X: a\nY: b"],
  ["X: a\rY: b"],
  ["X\0: a"],
  ["Content-Length: +5"],
  ["Content-Length: 0x5"],
  ["nonsense"],
];

export function ambiguousRequest(random: Random): Buffer {
  const lines = random.of(AMBIGUOUS_LINES);
  const first = random.of(["GET /health/live HTTP/1.1", "POST /webhook HTTP/1.1"]);
  // The body that most readers would take, so that a whole request follows it.
  const isChunked = lines.some((line) => line.includes("chunked"));
  const body = isChunked ? `0${CRLF}${CRLF}` : lines.includes("Content-Length: 5") ? "hello" : "";
  return Buffer.from([first, "Host: x", ...lines, "", body].join(CRLF), "latin1");
}

const DICTIONARY = [
  ...[CRLF, "\n", "\r", CRLF + CRLF, ":", " ", "\t", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "0", "\0"],
  ...[
    "Content-Length: 5",
    "Content-Length: 0",
    "Transfer-Encoding: chunked",
    "Host: y",
    "Expect: 100-continue",
  ],
  ...[
    "GET / HTTP/1.1",
    "CONNECT x:1 HTTP/1.1",
    "PRI * HTTP/2.0",
    "Connection: close",
    "\x16\x03\x01",
  ],
];

/** A sound request with some changes, which may be sound or not. */
export function brokenRequest(random: Random, id: string): Buffer {
  let sound = soundRequest(random, id);
  // The answer to HEAD cannot be told from others when it is unknown which requests were read.
  while (sound.isHead) sound = soundRequest(random, id);
  const other = () => sound.bytes;
  const bytes = mutated(sound.bytes, { random, dictionary: DICTIONARY, other });
  return bytes.includes("HEAD") ? Buffer.from("nonsense") : bytes;
}
