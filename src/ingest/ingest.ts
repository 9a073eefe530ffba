import type { Clock } from "../domain/clock.ts";
import type { Issue } from "../domain/issue.ts";
import type { MessageId } from "../domain/message.ts";
import type { Provider, RawWebhook } from "../providers/provider.ts";
import type { GroupCommit } from "./group-commit.ts";

/** What became of a webhook. Failures of the store are thrown. */
export type IngestOutcome =
  | { readonly kind: "created" | "duplicate" | "conflict"; readonly messageId: MessageId }
  | { readonly kind: "invalid_signature" }
  | { readonly kind: "invalid"; readonly issues: readonly Issue[]; readonly messageId: MessageId | undefined };

export interface IngestOptions {
  readonly provider: Provider;
  readonly committer: Pick<GroupCommit, "insert">;
  readonly clock: Clock;
}

/** Verify, then parse, then commit: nothing of a body is decoded before its signature is good. */
export async function ingest(
  { provider, committer, clock }: IngestOptions,
  webhook: RawWebhook,
): Promise<IngestOutcome> {
  if (!provider.verify(webhook)) return { kind: "invalid_signature" };
  const parsed = provider.parse(webhook.body);
  if (!parsed.ok) return { kind: "invalid", issues: parsed.issues, messageId: parsed.messageId };
  const { message } = parsed;
  const createdAt = new Date(clock.now()).toISOString();
  const kind = await committer.insert({ ...message, source: provider.source, createdAt }, webhook.body.length);
  return { kind, messageId: message.messageId };
}
