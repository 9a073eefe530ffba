import { isBlank, type SigningSecret } from "../providers/signature.ts";
import type { KeptSecret } from "../store/credentials.ts";
import type { SecretBox } from "./sealing.ts";

/** Names of secrets of the environment. No name in the database may begin like one. */
export const CURRENT = "current";
export const PREVIOUS = "previous";

/** The secrets of the environment, named `current`, `previous_1`, `previous_2` … */
export function environmentSecrets(
  current: string | undefined,
  previous: readonly { readonly secret: string; readonly untilMs: number | undefined }[],
): readonly SigningSecret[] {
  const first = current === undefined ? [] : [{ name: CURRENT, secret: current }];
  return [...first, ...previous.map((one, at) => ({ ...one, name: `${PREVIOUS}_${at + 1}` }))];
}

/** Whether a name is that of a secret of the environment. */
export function isOfEnvironment(name: string): boolean {
  return name === CURRENT || name.startsWith(PREVIOUS);
}

/** Whether a secret with that end is accepted now. */
export function isAccepted(
  { untilMs = Number.POSITIVE_INFINITY }: Pick<SigningSecret, "untilMs">,
  nowMs: number,
): boolean {
  return nowMs < untilMs;
}

export function endOf({ retiresAt }: KeptSecret): number | undefined {
  return retiresAt === null ? undefined : Date.parse(retiresAt);
}

/**
 * The secrets of the database that have not ended, and those that the box cannot open. Without a
 * box none can be opened.
 */
export function openKept(
  kept: readonly KeptSecret[],
  { box, nowMs }: { readonly box: SecretBox | undefined; readonly nowMs: number },
): { readonly opened: readonly SigningSecret[]; readonly unreadable: readonly KeptSecret[] } {
  const opened: SigningSecret[] = [];
  const unreadable: KeptSecret[] = [];
  for (const one of kept) {
    const untilMs = endOf(one);
    if (!isAccepted({ untilMs }, nowMs)) continue;
    const secret = box?.open(one.name, one.sealed);
    if (secret === undefined) unreadable.push(one);
    else opened.push({ name: one.name, secret, untilMs });
  }
  return { opened, unreadable };
}

/** Omits blank secrets and merges equal ones: the first name and the last end count. */
export function withoutRepeats(secrets: readonly SigningSecret[]): readonly SigningSecret[] {
  const bySecret = new Map<string, SigningSecret>();
  for (const one of secrets) {
    if (isBlank(one.secret)) continue;
    const { name, secret, untilMs } = bySecret.get(one.secret) ?? one;
    const endless = untilMs === undefined || one.untilMs === undefined;
    bySecret.set(secret, {
      name,
      secret,
      untilMs: endless ? undefined : Math.max(untilMs, one.untilMs),
    });
  }
  return [...bySecret.values()];
}

/** Says what is wrong with a master key that does not open these secrets, and what to do. */
export function masterKeyProblem(unreadable: readonly KeptSecret[], isSet: boolean): string {
  const names = unreadable.map(({ name }) => name).join(", ");
  const remedy = "Set that one; if it is lost, remove them: lyftr secrets retire NAME";
  if (isSet)
    return `MASTER_KEY is not the one with which webhook secrets of the database are encrypted: ${names}. ${remedy}`;
  return `MASTER_KEY is not set, and webhook secrets of the database are encrypted with one: ${names}. ${remedy}`;
}
