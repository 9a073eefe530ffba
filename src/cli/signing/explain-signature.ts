import { createHmac } from "node:crypto";
import { refusalOf } from "../../providers/signature-refusal.ts";
import { bodyVariants } from "./body-variants.ts";

/** A secret that signatures are compared with. */
export interface CheckedSecret {
  /** The name that is shown instead of the secret. */
  readonly name: string;
  readonly secret: string;
  /** The service refuses the secret from then on. */
  readonly untilMs?: number | undefined;
}

export type SignatureReason =
  | "verified"
  | "no_secret"
  | "malformed"
  | "secret_ended"
  | "body_changed"
  | "secret_changed"
  | "mismatch";

/** The result of comparing a signature with all secrets and common mistakes. */
export interface SignatureReport {
  readonly verified: boolean;
  readonly reason: SignatureReason;
  /** For a person: what was found and what to do. */
  readonly detail: string;
  /** The name of the secret that fits. */
  readonly secret?: string;
  /** For programs: the change of the body. */
  readonly change?: string;
}

export interface SignatureCheckOptions {
  readonly body: Buffer;
  readonly signature: string;
  readonly secrets: readonly CheckedSecret[];
  readonly nowMs: number;
}

/** Verifies a signature as the service does. If it is wrong, tries likely mistakes to say why. */
export function explainSignature({
  body,
  signature,
  secrets,
  nowMs,
}: SignatureCheckOptions): SignatureReport {
  if (secrets.length === 0)
    return refused("no_secret", "No webhook secret is set here, so nothing can be verified.");
  const form = formProblem(signature, secrets.length > 0);
  const mac = macIn(signature);
  if (mac === undefined) return refused("malformed", form ?? "");
  const found =
    match(mac, body, secrets) ??
    matchVariants(mac, body, secrets) ??
    matchSecretVariants(mac, body, secrets);
  if (found === undefined) return withForm(form, noMatch(secrets, nowMs));
  const { secret, reason, detail, change } = found;
  if (reason === "verified" && secret.untilMs !== undefined && nowMs >= secret.untilMs) {
    const end = new Date(secret.untilMs).toISOString();
    const ended = `The signature fits the secret ${secret.name}, which has been refused since ${end}. Let the sender use a current secret.`;
    return withForm(form, { ...refused("secret_ended", ended), secret: secret.name });
  }
  if (reason === "verified" && form === undefined)
    return { verified: true, reason, detail, secret: secret.name };
  return withForm(form, {
    ...refused(reason === "verified" ? "malformed" : reason, detail),
    secret: secret.name,
    ...(change !== undefined && { change }),
  });
}

interface Match {
  readonly secret: CheckedSecret;
  readonly reason: SignatureReason;
  readonly detail: string;
  readonly change?: string;
}

function refused(reason: SignatureReason, detail: string): SignatureReport {
  return { verified: false, reason, detail };
}

function withForm(form: string | undefined, report: SignatureReport): SignatureReport {
  return form === undefined
    ? report
    : { ...report, verified: false, detail: `${form} ${report.detail}` };
}

const FORMS: Readonly<Record<string, string>> = {
  empty: "The signature is empty.",
  "repeated header": "The signature has two values: the header X-Signature was sent twice.",
  "sha256= prefix":
    "The service refuses the prefix sha256=. The sender must send the hex digits only.",
  base64:
    "The signature is base64. The service needs 64 hex digits: the sender must encode it as hex.",
  "wrong length":
    "The signature does not have 64 hex digits. It is incomplete, or made with another algorithm.",
  "not hexadecimal": "The signature has characters that are not hex digits.",
};

/** Why the service refuses the text before it computes anything. */
function formProblem(signature: string, hasSecrets: boolean): string | undefined {
  const refusal = refusalOf(signature, hasSecrets);
  if (refusal.reason !== "malformed") return undefined;
  const length = refusal.form === "wrong length" ? ` It has ${signature.length}.` : "";
  return `${FORMS[refusal.form] ?? ""}${length}`;
}

/** The bytes of the MAC as hex, also from forms that the service refuses. */
function macIn(signature: string): string | undefined {
  const bare = signature.trim().replace(/^sha256=/i, "");
  if (/^[0-9a-f]{64}$/i.test(bare)) return bare.toLowerCase();
  const decoded = Buffer.from(bare, "base64");
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(bare) && decoded.length === 32
    ? decoded.toString("hex")
    : undefined;
}

function match(mac: string, body: Buffer, secrets: readonly CheckedSecret[]): Match | undefined {
  const secret = secrets.find((one) => macOf(one.secret, body) === mac);
  if (secret === undefined) return undefined;
  return {
    secret,
    reason: "verified",
    detail: `The signature fits the body and the secret ${secret.name}.`,
  };
}

function matchVariants(
  mac: string,
  body: Buffer,
  secrets: readonly CheckedSecret[],
): Match | undefined {
  for (const { change, words, bytes } of bodyVariants(body)) {
    const secret = secrets.find((one) => macOf(one.secret, bytes) === mac);
    if (secret === undefined) continue;
    const detail =
      `The signature fits the body ${words}, with the secret ${secret.name}. So the body was changed after it was ` +
      "signed. Sign exactly the bytes that are sent, and send exactly the bytes that were signed.";
    return { secret, reason: "body_changed", detail, change };
  }
  return undefined;
}

/** Mistakes with the key: a line end of an editor or of echo, quotes, or a decoded text. */
function matchSecretVariants(
  mac: string,
  body: Buffer,
  secrets: readonly CheckedSecret[],
): Match | undefined {
  for (const secret of secrets) {
    for (const [words, key] of secretVariants(secret.secret)) {
      if (key.length === 0 || macOf(key, body) !== mac) continue;
      const detail = `The signature fits the secret ${secret.name} ${words}. Give the sender the secret exactly as it is.`;
      return { secret, reason: "secret_changed", detail };
    }
  }
  return undefined;
}

function secretVariants(
  secret: string,
): readonly (readonly [words: string, key: string | Buffer])[] {
  return [
    ["with a line end (LF) at its end", `${secret}\n`],
    ["with a line end (CR LF) at its end", `${secret}\r\n`],
    ["without the blanks and line ends around it", secret.trim()],
    ["with double quotes around it", `"${secret}"`],
    ["with single quotes around it", `'${secret}'`],
    [
      "decoded from hex to bytes",
      /^([0-9a-f]{2})+$/i.test(secret) ? Buffer.from(secret, "hex") : "",
    ],
    ["decoded from base64 to bytes", Buffer.from(secret, "base64")],
  ];
}

function noMatch(secrets: readonly CheckedSecret[], nowMs: number): SignatureReport {
  const names = secrets.map(({ name, untilMs }) =>
    untilMs !== undefined && nowMs >= untilMs ? `${name} (ended)` : name,
  );
  return refused(
    "mismatch",
    `The signature fits none of the secrets ${names.join(", ")}, with this body or after a likely change of it. ` +
      "The sender uses another secret, another algorithm, or signed another body. Compare the SHA-256 of the body on both sides.",
  );
}

function macOf(key: string | Buffer, body: Buffer): string {
  return createHmac("sha256", key).update(body).digest("hex");
}
