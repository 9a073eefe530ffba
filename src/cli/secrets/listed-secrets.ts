import type { Config } from "../../config.ts";
import { systemClock } from "../../domain/clock.ts";
import type { Ending, KnownSecret } from "../../domain/retirement.ts";
import { endOf, environmentSecrets, isLive, openKept } from "../../ingest/live-secrets.ts";
import { fingerprintOf } from "../../providers/fingerprint.ts";
import { SecretBox } from "../../providers/sealed-secret.ts";
import type { SigningSecret } from "../../providers/signature.ts";
import type { KeptSecret, SecretStore } from "../../store/access.ts";

export type SecretSettings = Pick<Config, "webhookSecret" | "webhookSecretsPrevious" | "masterKey">;

/** One line of the list. */
export interface ListedSecret {
  readonly name: string;
  readonly from: string;
  readonly since: number | undefined;
  readonly ends: number | undefined;
  readonly known: KnownSecret | "ended" | "unreadable";
}

/** The secrets of this environment and of the database, with what is remembered of their use. */
export async function allSecrets(settings: SecretSettings, store: SecretStore): Promise<readonly ListedSecret[]> {
  const nowMs = systemClock.now();
  const kept = await store.list();
  const box = settings.masterKey === undefined ? undefined : new SecretBox(settings.masterKey);
  const { opened } = openKept(kept, { box, nowMs });
  const known = await knownOf([...fromEnvironment(settings), ...opened], kept, store);
  const ofEnvironment = fromEnvironment(settings).map(({ name }) => {
    const one = known.get(name) as KnownSecret;
    const from =
      settings.webhookSecret !== undefined && name === "current" ? "WEBHOOK_SECRET" : "WEBHOOK_SECRET_PREVIOUS";
    return { name, from, since: one.sinceMs, ends: one.endMs, known: one };
  });
  const ofDatabase = kept.map((one) => {
    const ends = endOf(one);
    const otherwise = isLive({ untilMs: ends }, nowMs) ? ("unreadable" as const) : ("ended" as const);
    const since = Date.parse(one.createdAt);
    return { name: one.name, from: "database", since, ends, known: known.get(one.name) ?? otherwise };
  });
  return [...ofEnvironment, ...ofDatabase];
}

/** When each secret ends, whether it can be opened or not. */
export function endsOf(settings: SecretSettings, kept: readonly KeptSecret[]): readonly Ending[] {
  const ofEnvironment = fromEnvironment(settings).map(({ name, untilMs }) => ({ name, endMs: untilMs }));
  return [...ofEnvironment, ...kept.map((one) => ({ name: one.name, endMs: endOf(one) }))];
}

function fromEnvironment(settings: SecretSettings): readonly SigningSecret[] {
  return environmentSecrets(settings.webhookSecret, settings.webhookSecretsPrevious);
}

async function knownOf(
  secrets: readonly SigningSecret[],
  kept: readonly KeptSecret[],
  store: SecretStore,
): Promise<ReadonlyMap<string, KnownSecret>> {
  const databaseId = await store.databaseId();
  const fingerprints: string[] = [];
  // One after the other: each takes 32 MiB for a moment.
  for (const { secret } of secrets) fingerprints.push(await fingerprintOf(secret, databaseId));
  const uses = new Map((await store.uses(fingerprints)).map((use) => [use.fingerprint, use]));
  return new Map(
    secrets.map(({ name, untilMs }, at) => {
      const fingerprint = fingerprints[at] ?? "";
      const use = uses.get(fingerprint);
      const since = kept.find((one) => one.name === name)?.createdAt ?? use?.seenAt;
      const known = {
        name,
        fingerprint,
        endMs: untilMs,
        sinceMs: msOf(since),
        lastVerifiedMs: msOf(use?.lastVerifiedAt),
      };
      return [name, known];
    }),
  );
}

function msOf(timestamp: string | null | undefined): number | undefined {
  return timestamp === null || timestamp === undefined ? undefined : Date.parse(timestamp);
}
