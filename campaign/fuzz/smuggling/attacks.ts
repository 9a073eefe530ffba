import { macOf } from "../../../test/support/client.ts";
import type { Random } from "../../support/random.ts";

// Requests with another request hidden in their body, at the place where two parsers could see the
// end of the body differently. The forms are those of the literature on request smuggling: CL.TE,
// TE.CL, TE.TE, CL.CL and CL.0 (J. Kettle, "HTTP Desync Attacks: Request Smuggling Reborn", 2019).

const CRLF = "\r\n";

export interface Attack {
  readonly name: string;
  readonly bytes: Buffer;
  /** The id of the hidden message. Its signature is valid, so it is stored if it is executed. */
  readonly hiddenId: string;
  /** Whether no parser may execute anything of it. Otherwise the length of the body is clear. */
  readonly isAmbiguous: boolean;
}

/** Lines that a parser could take for `Transfer-Encoding: chunked`, or not. */
const CODINGS: readonly string[] = [
  "Transfer-Encoding: chunked",
  "transfer-encoding:chunked",
  "Transfer-Encoding: CHUNKED",
  "Transfer-Encoding:\tchunked",
  "Transfer-Encoding: chunked ",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  " Transfer-Encoding: chunked",
  "X-Folded: x\r\n Transfer-Encoding: chunked",
  "Transfer-Encoding:\r\n chunked",
  "X-Bare: x\nTransfer-Encoding: chunked",
  "X-Bare: x\rTransfer-Encoding: chunked",
  "Transfer-Encoding: \x0bchunked",
  "Transfer-Encoding: chunked\x00",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked, chunked",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: gzip",
  "Transfer-Encoding;: chunked",
];

/** How a length could be spelt so that parsers differ. */
const LENGTHS: readonly ((length: number) => string)[] = [
  (length) => `Content-Length: +${length}`,
  (length) => `Content-Length: ${length}, 0`,
  (length) => `Content-Length: 0, ${length}`,
  (length) => `Content-Length: 0${CRLF}Content-Length: ${length}`,
  (length) => `Content-Length: ${length}${CRLF}Content-Length: 0`,
  (length) => `Content-Length : ${length}${CRLF}Content-Length: 0`,
  (length) => `Content-Length: 0x${length.toString(16)}`,
  (length) => `Content-Length: ${length}_0`,
  (length) => `Content-Length: ${length} 0`,
  (length) => `Content-Length: -${length}`,
  (length) => `X-Bare: x\nContent-Length: ${length}${CRLF}Content-Length: 0`,
];

/** Lines that differ from a header of framing by a character, and mean nothing. */
const OTHERS: readonly string[] = [
  "Transfer_Encoding: chunked",
  "X-Transfer-Encoding: chunked",
  "TransferEncoding: chunked",
  "Content_Length: 0",
];

/** A random attack, with an id that no other has. */
export function attackOf(random: Random, id: string): Attack {
  const hiddenId = `hidden-${id}`;
  const hidden = webhook(hiddenId);
  const kind = random.of(["CL.TE", "TE.CL", "TE.TE", "CL.CL", "CL.0", "other"] as const);
  const chunks = `${hidden.length.toString(16)}${extension(random)}${CRLF}`;
  const whole = `${chunks}${hidden}${CRLF}0${CRLF}${CRLF}`;
  const coding = random.of(CODINGS);
  const attack = (lines: readonly string[], body: string, isAmbiguous = true): Attack => {
    const bytes = Buffer.from(`${outer(id, lines)}${body}`, "latin1");
    return { name: `${kind}: ${JSON.stringify(lines)}`, bytes, hiddenId, isAmbiguous };
  };
  switch (kind) {
    case "CL.TE": {
      const body = `0${CRLF}${CRLF}${hidden}`;
      return attack(shuffled(random, [`Content-Length: ${body.length}`, coding]), body);
    }
    case "TE.CL":
      return attack(shuffled(random, [`Content-Length: ${chunks.length}`, coding]), whole);
    case "TE.TE": {
      const [good, odd] = ["Transfer-Encoding: chunked", random.of(CODINGS.slice(5))];
      return attack(shuffled(random, [good, odd]), `0${CRLF}${CRLF}${hidden}`);
    }
    case "CL.CL":
      return attack([random.of(LENGTHS)(hidden.length)], hidden);
    case "CL.0": {
      // A length is clear, also where a parser might expect no body.
      const method = random.of(["GET /stats", "HEAD /stats", "OPTIONS /webhook", "DELETE /stats"]);
      const head = `${method} HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: ${hidden.length}`;
      const bytes = Buffer.from(`${head}${CRLF}${CRLF}${hidden}`, "latin1");
      return { name: `${kind}: ${method}`, bytes, hiddenId, isAmbiguous: false };
    }
    case "other":
      return attack(
        shuffled(random, [random.of(OTHERS), `Content-Length: ${hidden.length}`]),
        hidden,
        false,
      );
  }
}

/** A valid webhook with that id. */
export function webhook(id: string): string {
  const body = JSON.stringify({
    message_id: id,
    from: "+919876543210",
    to: "+14155550100",
    ts: "2025-01-15T10:00:00Z",
    text: "hidden",
  });
  const lines = [
    "POST /webhook HTTP/1.1",
    "Host: x",
    `X-Signature: ${macOf(body)}`,
    `Content-Length: ${body.length}`,
  ];
  return `${lines.join(CRLF)}${CRLF}${CRLF}${body}`;
}

/** The head of the request around it. Its signature is that of no body. */
function outer(id: string, lines: readonly string[]): string {
  return [
    "POST /webhook HTTP/1.1",
    `Host: ${id}.example`,
    `X-Signature: ${"0".repeat(64)}`,
    ...lines,
    "",
    "",
  ].join(CRLF);
}

function extension(random: Random): string {
  return random.of(["", "", ";a", ";a=b", ';a="b"', ";a=b;c"]);
}

function shuffled(random: Random, lines: readonly string[]): readonly string[] {
  return random.chance(0.5) ? lines : lines.toReversed();
}
