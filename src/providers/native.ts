import { isUtf8 } from "node:buffer";
import type { Issue } from "../domain/issue.ts";
import { type ParsedMessage, parseMessage } from "../domain/message.ts";
import type { Provider, RawWebhook } from "./provider.ts";
import type { SigningSecrets } from "./signature.ts";

/** Our own format: `X-Signature: hex(HMAC-SHA256(raw body))` over one message as JSON. */
export class NativeProvider implements Provider {
  readonly source = "native";
  readonly #secrets: SigningSecrets;

  constructor(secrets: SigningSecrets) {
    this.#secrets = secrets;
  }

  verify({ headers, body }: RawWebhook): boolean {
    // Node joins a repeated header with ", ", which is no hex digit: exactly one is accepted.
    return this.#secrets.verify(body, headers["x-signature"]);
  }

  parse(body: Buffer): ParsedMessage {
    if (body.length === 0) return parseMessage(undefined);
    if (!isUtf8(body)) return { ok: false, issues: [invalidJson(0, "not UTF-8")], messageId: undefined };
    const text = body.toString();
    const json = text.startsWith("\ufeff") ? text.slice(1) : text;
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch (error) {
      return { ok: false, issues: [invalidJson(positionOf(error, json), "not JSON")], messageId: undefined };
    }
    return parseMessage(value);
  }
}

function invalidJson(position: number, error: string): Issue {
  return { type: "json_invalid", loc: ["body", position], msg: "JSON decode error", ctx: { error } };
}

/** Where the parser stopped. Its own message is not passed on: it quotes the text. */
function positionOf(error: unknown, json: string): number {
  const message = error instanceof Error ? error.message : "";
  const position = /at position ([0-9]+)/.exec(message)?.[1];
  if (position !== undefined) return Number(position);
  return message.includes("end of JSON") ? json.length : 0;
}
