import type { Clock } from "../domain/clock.ts";
import type { Issue } from "../domain/issue.ts";
import type { MessageId } from "../domain/message.ts";
import type { RequestTrace } from "../observe/trace.ts";
import type { Provider, RawWebhook } from "../providers/provider.ts";
import type { SignatureRefusal } from "../providers/signature-refusal.ts";
import type { RateLimitDecision, RateLimiter } from "../ratelimit/rate-limiter.ts";
import type { GroupCommit } from "./group-commit.ts";

/** What became of a webhook. Failures of the store are thrown. */
export type IngestOutcome =
  | {
      readonly kind: "created" | "duplicate" | "conflict";
      readonly messageId: MessageId;
      /** What the limit of the sender said, when there is one. */
      readonly decision: RateLimitDecision | undefined;
    }
  | { readonly kind: "rate_limited"; readonly messageId: MessageId; readonly decision: RateLimitDecision }
  | { readonly kind: "invalid_signature"; readonly refusal: SignatureRefusal }
  | { readonly kind: "invalid"; readonly issues: readonly Issue[]; readonly messageId: MessageId | undefined };

export interface IngestOptions {
  readonly provider: Provider;
  readonly committer: Pick<GroupCommit, "insert">;
  readonly clock: Clock;
  /** Limits the messages of one sender. */
  readonly senders: RateLimiter | undefined;
  /** Told of each webhook whose signature is good, which secret it was. */
  readonly verified: (secret: string, nowMs: number) => void;
  /** Told of each message that is on disk, which source it came from. */
  readonly received: (source: string) => void;
}

/** Verify, then parse, then commit: nothing of a body is decoded before its signature is good. Past its sender's limit nothing of it is stored. */
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
  const kind = await committer.insert({ ...message, source: provider.source, createdAt }, webhook.body.length, trace);
  received(provider.source);
  return { kind, messageId, decision };
}
