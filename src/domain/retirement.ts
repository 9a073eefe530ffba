import { durationInWords } from "./duration.ts";

/** Meta, the most patient of senders, sends a webhook again for seven days; with the signature it had. */
const QUIET_DAYS = 7;
const QUIET_MS = QUIET_DAYS * 86_400_000;
/** Whoever signed with it so lately signs with it still. */
const IN_USE_MS = 3_600_000;

/** What is known of a secret that is accepted. */
export interface KnownSecret {
  readonly name: string;
  /** The same for equal secrets. */
  readonly fingerprint: string;
  /** When it was first accepted; undefined when no service has met it yet. */
  readonly sinceMs: number | undefined;
  readonly endMs: number | undefined;
  readonly lastVerifiedMs: number | undefined;
}

/** A secret as far as its end goes. */
export type Ending = Pick<KnownSecret, "name" | "endMs">;

/** Whether a secret may be retired now, as a sentence that begins with `yes`, `no`, `not yet` or `ended`. */
export function mayRetire(secret: KnownSecret, all: readonly KnownSecret[], nowMs: number): string {
  const { lastVerifiedMs: last, sinceMs, endMs } = secret;
  if (hasEnded(secret, nowMs)) return "ended: it is refused";
  const others = all.filter((other) => other.name !== secret.name && !hasEnded(other, nowMs));
  const equal = others.find(({ fingerprint }) => fingerprint === secret.fingerprint);
  if (equal !== undefined && endOf(equal) >= endOf({ endMs })) return `yes: ${equal.name} is the same secret`;
  const different = others.filter(({ fingerprint }) => fingerprint !== secret.fingerprint);
  if (different.length === 0) return "no: there is no other, and without one every webhook is refused";
  if (different.every((other) => other.endMs !== undefined)) return "no: every other secret has an end";
  const quietMs = nowMs - (last ?? sinceMs ?? nowMs);
  const used = last === undefined ? "" : `it verified a message ${durationInWords(nowMs - last)} ago`;
  if (last !== undefined && quietMs < IN_USE_MS) return `no: ${used}`;
  const usedSince = different.some(({ lastVerifiedMs = 0 }) => lastVerifiedMs > (last ?? 0));
  if (!usedSince) return `no: ${used === "" ? "" : `${used}, and `}no other secret has verified a message since`;
  if (quietMs >= QUIET_MS) {
    return `yes: another secret has verified messages since, and this one none for ${durationInWords(quietMs)} (senders try again for up to ${QUIET_DAYS} days)`;
  }
  const end = new Date(nowMs - quietMs + QUIET_MS).toISOString().slice(0, 16);
  if (last === undefined) return `not yet: it is new and has verified nothing so far; see again after ${end}Z`;
  return `not yet: ${used}, and senders try again for up to ${QUIET_DAYS} days, until ${end}Z`;
}

/** A running process that accepts a secret, under its own name for it, and what else it accepts. */
export interface ProcessView {
  readonly process: string;
  readonly secret: KnownSecret;
  readonly others: readonly KnownSecret[];
}

/** The worst answer first: retiring a secret must be right for each process that accepts it. */
const WORST_FIRST = ["no: there is no other", "no: every other", "no:", "not yet:", "ended:", "yes:"];

/** Whether a secret may be retired that these processes accept, as {@link mayRetire} says it. Names a process when they differ. */
export function mayRetireEverywhere(views: readonly ProcessView[], nowMs: number): string {
  if (views.length === 0) return "yes: no running process accepts it";
  const answers = views.map(({ process, secret, others }) => ({ process, text: mayRetire(secret, others, nowMs) }));
  const rank = ({ text }: { readonly text: string }) => WORST_FIRST.findIndex((word) => text.startsWith(word));
  const [worst] = answers.toSorted((a, b) => rank(a) - rank(b));
  if (worst === undefined) return "no";
  const differ = answers.some(({ text }) => rank({ text }) !== rank(worst));
  return differ ? `${worst.text} (in the process ${worst.process})` : worst.text;
}

/** Whether another secret than the one of that name is still accepted at the moment it ends. */
export function leavesAnother(name: string, atMs: number, all: readonly Ending[]): boolean {
  return all.some((other) => other.name !== name && endOf(other) > atMs);
}

function hasEnded(secret: Pick<KnownSecret, "endMs">, nowMs: number): boolean {
  return endOf(secret) <= nowMs;
}

function endOf({ endMs = Number.POSITIVE_INFINITY }: Pick<KnownSecret, "endMs">): number {
  return endMs;
}
