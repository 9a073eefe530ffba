import { parseJson } from "../domain/json.ts";
import {
  type Message,
  NATIVE_SOURCE,
  type ParsedMessage,
  parseMessage,
} from "../domain/message.ts";
import type { ComposedWebhook, Provider, RawWebhook, SignatureCheck } from "./provider.ts";
import type { SigningSecrets } from "./signature.ts";
import { refusalOf } from "./signature-refusal.ts";

/** Our own format: `X-Signature: hex(HMAC-SHA256(raw body))` over one message as JSON. */
export class NativeProvider implements Provider {
  readonly source = NATIVE_SOURCE;
  readonly #secrets: SigningSecrets;

  constructor(secrets: SigningSecrets) {
    this.#secrets = secrets;
  }

  verify({ headers, body }: RawWebhook, nowMs: number): SignatureCheck {
    // Node joins a repeated header with ", ", which is not a hex digit. So exactly one header is
    // accepted.
    const header = headers["x-signature"];
    const secret = this.#secrets.verify(body, header, nowMs);
    if (secret !== undefined) return { ok: true, secret };
    return { ok: false, refusal: refusalOf(header, this.#secrets.areAny(nowMs)) };
  }

  parse(body: Buffer): ParsedMessage {
    const parsed = parseJson(body);
    return parsed.ok
      ? parseMessage(parsed.value)
      : { ok: false, issues: [parsed.issue], messageId: undefined };
  }

  compose(message: Message, nowMs: number): ComposedWebhook | undefined {
    const { messageId, from, to, ts, text } = message;
    const body = Buffer.from(JSON.stringify({ message_id: messageId, from, to, ts, text }));
    const signature = this.#secrets.sign(body, nowMs);
    if (signature === undefined) return undefined;
    return { headers: { "content-type": "application/json", "x-signature": signature }, body };
  }
}
