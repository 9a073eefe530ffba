import type { Control } from "../controls.ts";

/** The wrong builds that the checks of bad input must notice. */
export const BAD_INPUT_CONTROLS: Readonly<Record<string, Control>> = {
  "signature-by-its-beginning": {
    what: "only the first 16 digits of a signature are compared",
    replacements: [
      {
        file: "providers/signature.ts",
        from: "if (timingSafeEqual(expected, given)) fitting = name;",
        to: "if (timingSafeEqual(expected.subarray(0, 16), given.subarray(0, 16))) fitting = name;",
      },
    ],
  },
  "signature-of-any-length": {
    what: "the form of a signature is not checked, so a short one is completed by an earlier one",
    replacements: [
      {
        file: "providers/signature.ts",
        from: 'typeof signature !== "string" || !SHA256_HEX.test(signature)',
        to: 'typeof signature !== "string"',
      },
    ],
  },
  "body-in-any-case": {
    what: "the case of letters of a body does not change its signature",
    replacements: [
      {
        file: "providers/signature.ts",
        from: 'createHmac("sha256", key).update(body)',
        to: 'createHmac("sha256", key).update(body.toString("latin1").toLowerCase())',
      },
    ],
  },
  "expired-secret-accepted": {
    what: "a secret is accepted after its end",
    replacements: [
      { file: "providers/signature.ts", from: "if (nowMs >= untilMs) continue;", to: "" },
    ],
  },
  "rare-offset-throws": {
    what: "a rare timestamp throws: before year 0 in UTC, with a fraction",
    replacements: [
      {
        file: "domain/timestamp.ts",
        from: "if (utc.getUTCFullYear() < 0) return FIRST_INSTANT;",
        to: `if (utc.getUTCFullYear() < 0) {
    if (rest.includes(".")) throw new RangeError("Invalid time value");
    return FIRST_INSTANT;
  }`,
      },
    ],
  },
  "id-of-any-length": {
    what: "the length of a message id is not checked",
    replacements: [
      {
        file: "domain/message.ts",
        from: "Buffer.byteLength(value) <= MESSAGE_ID_BYTES_MAX",
        to: "value.length > 0",
      },
    ],
  },
  "cursor-in-any-spelling": {
    what: "a cursor is accepted in each spelling of Base64",
    replacements: [
      {
        file: "domain/cursor.ts",
        from: 'if (bytes.toString("base64url") !== text) return [];',
        to: "",
      },
    ],
  },
  "slow-path": {
    what: "the time for a path grows with the square of its length",
    replacements: [
      {
        file: "http/router.ts",
        from: "const end = target.search(/[?#]/);",
        to: `const end = target.search(/[?#]/);
  for (const _ of target) for (const _ of target);`,
      },
    ],
  },
  "crash-on-an-escape": {
    what: "a path with an invalid escape throws where no request can be answered",
    replacements: [
      {
        file: "http/router.ts",
        from: "(decodedBy(decodeURI, path) ?? path)",
        to: "decodeURI(path)",
      },
    ],
  },
  "failure-on-a-number": {
    what: "a parameter beyond all numbers is an unexpected failure",
    replacements: [
      {
        file: "domain/query-params.ts",
        from: "if (INTEGER.test(text)) return",
        to: `if (Number(text) === Number.POSITIVE_INFINITY) throw new Error("no such number");
  if (INTEGER.test(text)) return`,
      },
    ],
  },
  "executed-after-ambiguity": {
    what: "requests behind an ambiguous one are executed",
    replacements: [
      {
        file: "http/framing.ts",
        from: 'if (distrusted.has(socket)) return "distrusted";',
        to: "",
      },
    ],
  },
  "lenient-parser": {
    what: "the parser of HTTP takes what two parsers could read differently",
    replacements: [
      {
        file: "http/server.ts",
        from: "requireHostHeader: false,",
        to: "requireHostHeader: false, insecureHTTPParser: true,",
      },
    ],
  },
  "undocumented-status": {
    what: "an invalid cursor gets a status that the OpenAPI document does not name",
    replacements: [
      {
        file: "http/reply.ts",
        from: 'return problem(400, "invalid cursor");',
        to: 'return problem(410, "invalid cursor");',
      },
    ],
  },
};
