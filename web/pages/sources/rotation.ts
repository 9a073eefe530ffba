import type { WebhookSecret } from "../../api/secrets.ts";

// Where a rotation of webhook secrets is, from what the service knows of each of them.

const NAME = /^(?!current|previous)[a-z0-9][a-z0-9_-]{0,31}$/;
const UTC_MINUTE = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z/g;
const NAMES_MAX = 100;

export type Rotation =
  /** There is one secret: nothing is being exchanged. */
  | { readonly step: "add" }
  /** The newest one has verified nothing yet. */
  | { readonly step: "give"; readonly newest: string }
  /** The newest one is used, and the older ones may still be needed. */
  | { readonly step: "watch"; readonly newest: string; readonly old: readonly string[] }
  /** This one is not needed any more. */
  | { readonly step: "retire"; readonly old: string; readonly isInDatabase: boolean };

export const STEPS = ["add", "give", "watch", "retire"] as const;

export function isAccepted({ may_be_retired: answer }: WebhookSecret): boolean {
  return answer !== "ended";
}

export function isInDatabase({ from }: WebhookSecret): boolean {
  return from === "database";
}

/** The step of a rotation that is next. */
export function rotationOf(secrets: readonly WebhookSecret[]): Rotation {
  const accepted = secrets.filter(isAccepted);
  if (accepted.length < 2) return { step: "add" };
  const unneeded = accepted.find(({ may_be_retired: answer }) => answer === "yes");
  if (unneeded !== undefined)
    return { step: "retire", old: unneeded.name, isInDatabase: isInDatabase(unneeded) };
  // Instants in one form: the order of their texts is their order.
  const [newest, ...old] = accepted.toSorted((a, b) =>
    (b.since ?? "").localeCompare(a.since ?? ""),
  );
  if (newest === undefined) return { step: "add" };
  if (newest.last_verified_at === null) return { step: "give", newest: newest.name };
  return { step: "watch", newest: newest.name, old: old.map(({ name }) => name) };
}

/** The reason of `may_retire`, without the answer before it, and with moments as the page has. */
export function reasonOf(
  { may_be_retired: answer, may_retire: sentence }: WebhookSecret,
  moment: (at: number) => string,
): string {
  const lead = `${answer}: `;
  const reason = sentence.startsWith(lead) ? sentence.slice(lead.length) : sentence;
  return reason.replace(UTC_MINUTE, (text) => moment(Date.parse(text)));
}

export function isSecretName(text: string): boolean {
  return NAME.test(text);
}

/** `2026-11`, or `2026-11-2` if there is one of that name. */
export function suggestedName(secrets: readonly WebhookSecret[], now: number): string {
  const month = new Date(now).toISOString().slice(0, "2026-11".length);
  const names = new Set(secrets.map(({ name }) => name));
  for (let number = 1; number < NAMES_MAX; number++) {
    const name = number === 1 ? month : `${month}-${number}`;
    if (!names.has(name)) return name;
  }
  return "";
}
