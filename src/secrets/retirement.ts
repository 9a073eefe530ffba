/**
 * The time to wait for retries. Meta retries a webhook for seven days, longer than any other
 * sender, with the original signature.
 */
export const RETRY_DAYS = 7;
const RETRY_MS = RETRY_DAYS * 86_400_000;
/** A secret that verified a webhook this recently is still used by its sender. */
const IN_USE_MS = 3_600_000;

/** What is known about an accepted secret. */
export interface KnownSecret {
  readonly name: string;
  /** Equal for equal secrets. */
  readonly fingerprint: string;
  /** When it was first accepted; undefined when no service has accepted it yet. */
  readonly sinceMs: number | undefined;
  readonly endMs: number | undefined;
  readonly lastVerifiedMs: number | undefined;
}

/** A secret and its end. */
export type Ending = Pick<KnownSecret, "name" | "endMs">;

/** Whether a secret may be retired now, and why. */
export type RetirementDecision =
  /** No running process accepts it. */
  | { readonly kind: "not_accepted" }
  /** Another secret of that name is equal and ends no earlier. */
  | { readonly kind: "same_secret"; readonly name: string }
  /** Another secret has verified messages since, and this one none for `unusedMs`. */
  | { readonly kind: "replaced"; readonly unusedMs: number }
  /** It has verified nothing so far, but is so new that a sender may not have used it yet. */
  | { readonly kind: "new"; readonly untilMs: number }
  /** Some running processes do not accept it yet. */
  | { readonly kind: "not_accepted_yet" }
  /** A sender may still retry a webhook that was signed with it. */
  | { readonly kind: "retries"; readonly unusedMs: number; readonly untilMs: number }
  /** Without it every webhook is refused. */
  | { readonly kind: "only_one" }
  | { readonly kind: "others_end" }
  | { readonly kind: "in_use"; readonly unusedMs: number }
  /**
   * No other secret has verified a message since its last use; undefined when it was never used.
   */
  | { readonly kind: "not_replaced"; readonly unusedMs: number | undefined }
  /** It has already ended. */
  | { readonly kind: "ended" }
  /** It cannot be opened, and no running process has its fingerprint. */
  | { readonly kind: "unreadable" };

/** The short form of the decision. With `no` and `not yet` a secret is retired only by force. */
export function answerOf({
  kind,
}: RetirementDecision): "yes" | "no" | "not yet" | "ended" | "unknown" {
  switch (kind) {
    case "not_accepted":
    case "same_secret":
    case "replaced":
      return "yes";
    case "new":
    case "not_accepted_yet":
    case "retries":
      return "not yet";
    case "only_one":
    case "others_end":
    case "in_use":
    case "not_replaced":
      return "no";
    case "ended":
      return "ended";
    case "unreadable":
      return "unknown";
  }
}

/**
 * Whether a secret may be retired. `all` are the secrets that are accepted together with it; it may
 * be among them.
 */
export function mayRetire(
  secret: KnownSecret,
  all: readonly KnownSecret[],
  nowMs: number,
): RetirementDecision {
  const { lastVerifiedMs: lastMs, sinceMs } = secret;
  if (hasEnded(secret, nowMs)) return { kind: "ended" };
  const others = all.filter((other) => other.name !== secret.name && !hasEnded(other, nowMs));
  const equal = others.find(({ fingerprint }) => fingerprint === secret.fingerprint);
  if (equal !== undefined && endOf(equal) >= endOf(secret))
    return { kind: "same_secret", name: equal.name };
  const different = others.filter(({ fingerprint }) => fingerprint !== secret.fingerprint);
  if (different.length === 0) return { kind: "only_one" };
  if (different.every((other) => other.endMs !== undefined)) return { kind: "others_end" };
  const unusedMs = nowMs - (lastMs ?? sinceMs ?? nowMs);
  if (lastMs !== undefined && unusedMs < IN_USE_MS) return { kind: "in_use", unusedMs };
  const isReplaced = different.some(({ lastVerifiedMs = 0 }) => lastVerifiedMs > (lastMs ?? 0));
  if (!isReplaced)
    return { kind: "not_replaced", unusedMs: lastMs === undefined ? undefined : unusedMs };
  if (unusedMs >= RETRY_MS) return { kind: "replaced", unusedMs };
  const untilMs = nowMs - unusedMs + RETRY_MS;
  return lastMs === undefined ? { kind: "new", untilMs } : { kind: "retries", unusedMs, untilMs };
}

/** A running process that accepts a secret, the name that it uses for it, and its other secrets. */
export interface ProcessView {
  readonly process: string;
  readonly secret: KnownSecret;
  readonly others: readonly KnownSecret[];
}

/** A decision, and the process that caused it when the others have a better one. */
export interface Retirement {
  readonly decision: RetirementDecision;
  readonly process: string | undefined;
}

/**
 * Whether a secret that these processes accept may be retired. The worst of their decisions counts.
 */
export function mayRetireEverywhere(views: readonly ProcessView[], nowMs: number): Retirement {
  const decisions = views.map(({ process, secret, others }) => {
    return { process, decision: mayRetire(secret, others, nowMs) };
  });
  const [worst] = decisions.toSorted((a, b) => rankOf(a.decision) - rankOf(b.decision));
  if (worst === undefined) return { decision: { kind: "not_accepted" }, process: undefined };
  const differ = decisions.some(({ decision }) => rankOf(decision) !== rankOf(worst.decision));
  return { decision: worst.decision, process: differ ? worst.process : undefined };
}

/** The worst comes first: retiring a secret must be right for each process that accepts it. */
function rankOf(decision: RetirementDecision): number {
  if (decision.kind === "only_one") return 0;
  if (decision.kind === "others_end") return 1;
  return 2 + ["no", "not yet", "ended", "yes"].indexOf(answerOf(decision));
}

/** Whether a secret of another name is still accepted at that moment. */
export function leavesAnother(name: string, atMs: number, all: readonly Ending[]): boolean {
  return all.some((other) => other.name !== name && endOf(other) > atMs);
}

function hasEnded(secret: Pick<KnownSecret, "endMs">, nowMs: number): boolean {
  return endOf(secret) <= nowMs;
}

function endOf({ endMs = Number.POSITIVE_INFINITY }: Pick<KnownSecret, "endMs">): number {
  return endMs;
}
