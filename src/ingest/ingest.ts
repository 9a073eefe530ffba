import type { Issue } from "../domain/issue.ts";
import type { MessageId } from "../domain/message.ts";
import type { RequestTrace } from "../observe/trace.ts";
import type { Provider, RawWebhook } from "../providers/provider.ts";
import type { SignatureRefusal } from "../providers/signature-refusal.ts";
import type { RateLimitDecision, RateLimiter } from "../ratelimit/rate-limiter.ts";
import type { Runtime } from "../runtime.ts";
import type { GroupCommit } from "./group-commit.ts";

/** The outcome of a webhook. Failures of the store are thrown. */
export type IngestOutcome =
  | {
      readonly kind: "created" | "duplicate" | "conflict";
      readonly messageId: MessageId;
      /** The decision of the sender's rate limit, if there is one. */
      readonly decision: RateLimitDecision | undefined;
    }
  | {
      readonly kind: "rate_limited";
      readonly messageId: MessageId;
      readonly decision: RateLimitDecision;
    }
  | { readonly kind: "invalid_signature"; readonly refusal: SignatureRefusal }
  | {
      readonly kind: "invalid";
      readonly issues: readonly Issue[];
      readonly messageId: MessageId | undefined;
    };

export interface IngestOptions extends Pick<Runtime, "clock"> {
  readonly provider: Provider;
  readonly committer: Pick<GroupCommit, "insert">;
  /** Limits the messages of one sender. */
  readonly senders: RateLimiter | undefined;
  /** Called with the name of the secret for each webhook with a valid signature. */
  readonly verified: (secret: string, nowMs: number) => void;
  /** Called with the source of each message that is on disk. */
  readonly received: (source: string) => void;
}

/**
 * Verifies, then parses, then commits. Nothing is decoded before the signature is verified. A
 * sender past its rate limit stores nothing.
 */
export async function ingest(
  { provider, committer, clock, senders, verified, received }: IngestOptions,
  webhook: RawWebhook,
  trace: RequestTrace | undefined,
): Promise<IngestOutcome> {
  const nowMs = clock.now();
  const endVerify = trace?.begin("verify");
  const check = provider.verify(webhook, nowMs);
  endVerify?.({ "lyftr.signature_valid": check.ok });
  if (!check.ok) return { kind: "invalid_signature", refusal: check.refusal };
  verified(check.secret, nowMs);
  const parsed = provider.parse(webhook.body);
  if (!parsed.ok) return { kind: "invalid", issues: parsed.issues, messageId: parsed.messageId };
  const { message } = parsed;
  const { messageId } = message;
  const judged = senders?.take(message.from);
  const decision = judged instanceof Promise ? await judged : judged;
  if (decision?.allowed === false) return { kind: "rate_limited", messageId, decision };
  const createdAt = new Date(nowMs).toISOString();
  const kind = await committer.insert(
    { ...message, source: provider.source, createdAt },
    webhook.body.length,
    trace,
  );
  received(provider.source);
  return { kind, messageId, decision };
}
