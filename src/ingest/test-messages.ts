import { type MessageId, parseMessage } from "../domain/message.ts";
import type { TestMessageRequest } from "../domain/test-message-request.ts";
import type { RequestTrace } from "../observe/trace.ts";
import type { ComposedWebhook } from "../providers/provider.ts";
import type { Runtime } from "../runtime.ts";
import type { AuditLog } from "../store/credentials.ts";
import { type IngestOptions, type IngestOutcome, ingest } from "./ingest.ts";

const ID_PREFIX = "lyftr-test-";
/** No country has the code 999, so the numbers belong to no person. */
const FROM = "+999000000001";
const TO = "+999000000002";

export interface TestMessagesOptions {
  readonly ingest: IngestOptions;
  readonly audit: AuditLog;
}

/** A message and the webhook that brings it. */
export interface TestMessage {
  readonly messageId: MessageId;
  readonly webhook: ComposedWebhook;
}

/**
 * Makes signed messages with which an administrator tries the service, and takes them in like a
 * webhook. They are stored, listed and counted as all messages. They are not uses of a secret and
 * not signs of a sender: otherwise a test would hide that no sender uses a new secret, or that the
 * senders are silent.
 */
export class TestMessages {
  readonly #runtime: Pick<Runtime, "clock" | "newId">;
  readonly #options: TestMessagesOptions;

  constructor(runtime: Pick<Runtime, "clock" | "newId">, options: TestMessagesOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** The sources for which there are test messages. */
  get sources(): readonly string[] {
    return [this.#options.ingest.provider.source];
  }

  /** Signs a new message with the first accepted secret; undefined without one. */
  compose(text: TestMessageRequest["text"]): TestMessage | undefined {
    const { clock, newId } = this.#runtime;
    const nowMs = clock.now();
    const parsed = parseMessage({
      message_id: `${ID_PREFIX}${newId()}`,
      from: FROM,
      to: TO,
      ts: new Date(nowMs).toISOString(),
      text,
    });
    if (!parsed.ok) throw new Error("a test message is invalid");
    const webhook = this.#options.ingest.provider.compose(parsed.message, nowMs);
    return webhook && { messageId: parsed.message.messageId, webhook };
  }

  /** Takes the message in. The audit has it first, so that none is stored without an entry. */
  async send(
    test: TestMessage,
    actor: string,
    trace: RequestTrace | undefined,
  ): Promise<IngestOutcome> {
    await this.#audit("test_message.sent", test, actor);
    const uncounted = { verified: () => undefined, received: () => undefined };
    return ingest({ ...this.#options.ingest, ...uncounted }, test.webhook, trace);
  }

  /** Records that an administrator got a signed message that was not taken in. */
  async noteSigned(test: TestMessage, actor: string): Promise<void> {
    await this.#audit("test_message.signed", test, actor);
  }

  async #audit(action: string, { messageId }: TestMessage, actor: string): Promise<void> {
    const { clock, newId } = this.#runtime;
    const at = new Date(clock.now()).toISOString();
    const details = { source: this.#options.ingest.provider.source };
    await this.#options.audit.add({
      at,
      id: newId(),
      actor,
      action,
      subject: messageId,
      details,
    });
  }
}
