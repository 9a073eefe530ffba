import type { SigningSecret } from "../providers/signature.ts";
import type { AcceptingProcess, KeptSecret, SecretStore } from "../store/credentials.ts";
import {
  CURRENT,
  endOf,
  environmentSecrets,
  isAccepted,
  isOfEnvironment,
  openKept,
} from "./accepted-secrets.ts";
import type { Fingerprints } from "./fingerprints.ts";
import {
  type Ending,
  type KnownSecret,
  mayRetire,
  mayRetireEverywhere,
  type ProcessView,
  type Retirement,
  type RetirementDecision,
} from "./retirement.ts";
import { SecretBox } from "./sealing.ts";

/** The secrets of an environment, and the key of those in the database. */
export interface SecretSettings {
  readonly webhookSecret: string | undefined;
  readonly webhookSecretsPrevious: readonly {
    readonly secret: string;
    readonly untilMs: number | undefined;
  }[];
  readonly masterKey: string | undefined;
}

/** One line of the list. */
export interface ListedSecret {
  readonly name: string;
  readonly from: string;
  readonly since: number | undefined;
  readonly ends: number | undefined;
  /** Undefined when the secret behind the name is unknown. */
  readonly known: KnownSecret | undefined;
  /** How many of the running processes accept it. */
  readonly processes: number;
  readonly retirement: Retirement;
}

export interface SecretList {
  readonly secrets: readonly ListedSecret[];
  /**
   * The running processes that the database knows of. Without any, the decisions are about the
   * environment.
   */
  readonly processes: number;
}

export interface ListContext {
  readonly store: SecretStore;
  readonly fingerprints: Fingerprints;
  readonly nowMs: number;
}

/**
 * The secrets of the running processes, of this environment and of the database, with their
 * recorded use.
 */
export async function allSecrets(
  settings: SecretSettings,
  { store, fingerprints, nowMs }: ListContext,
): Promise<SecretList> {
  const kept = await store.list();
  const running = (await store.accepting(nowMs)).map((one) => withoutEnded(one, { kept, nowMs }));
  const box = settings.masterKey === undefined ? undefined : new SecretBox(settings.masterKey);
  const { opened } = openKept(kept, { box, nowMs });
  const own = await fingerprinted(fromEnvironment(settings), fingerprints);
  const inDatabase = await fingerprinted(opened, fingerprints);
  const foreign = notIn(own, running);
  const catalogue = new Catalogue(
    kept,
    await usesOf([...own, ...inDatabase, ...entriesOf(running)], store),
  );
  const listing = new Listing({ catalogue, running, nowMs, here: [...own, ...inDatabase] });
  const secrets = [
    ...own.map((one) => listing.ofEnvironment(one, sourceOf(one.name))),
    ...foreign.map((one) => listing.ofEnvironment(one, `${sourceOf(one.name)} of the service`)),
    ...kept.map((one) => listing.ofDatabase(one)),
  ];
  return { secrets, processes: running.length };
}

/**
 * When each secret of this environment and of the database ends, whether it can be opened or not.
 */
export function endsOf(settings: SecretSettings, kept: readonly KeptSecret[]): readonly Ending[] {
  const ofEnvironment = fromEnvironment(settings).map(({ name, untilMs }) => ({
    name,
    endMs: untilMs,
  }));
  return [...ofEnvironment, ...kept.map((one) => ({ name: one.name, endMs: endOf(one) }))];
}

/** A secret, identified by its fingerprint. */
interface FingerprintedSecret {
  readonly name: string;
  readonly fingerprint: string;
  readonly endMs: number | undefined;
}

interface RunningProcess {
  readonly process: string;
  readonly secrets: readonly FingerprintedSecret[];
}

/** What is recorded about secrets, by fingerprint. */
class Catalogue {
  readonly #kept: readonly KeptSecret[];
  readonly #uses: Awaited<ReturnType<typeof usesOf>>;

  constructor(kept: readonly KeptSecret[], uses: Awaited<ReturnType<typeof usesOf>>) {
    this.#kept = kept;
    this.#uses = uses;
  }

  knownOf({ name, fingerprint, endMs }: FingerprintedSecret): KnownSecret {
    const use = this.#uses.get(fingerprint);
    const since = this.#kept.find((one) => one.name === name)?.createdAt ?? use?.seenAt;
    return {
      name,
      fingerprint,
      endMs,
      sinceMs: msOf(since),
      lastVerifiedMs: msOf(use?.lastVerifiedAt),
    };
  }
}

interface ListingOptions {
  readonly catalogue: Catalogue;
  readonly running: readonly RunningProcess[];
  readonly nowMs: number;
  /** What a service with this command's environment would accept. */
  readonly here: readonly FingerprintedSecret[];
}

/** Processes report what they accept at least this often. */
const REPORTED_MS_MAX = 60_000;

/** Makes the lines of the list. */
class Listing {
  readonly #options: ListingOptions;

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  ofEnvironment(print: FingerprintedSecret, from: string): ListedSecret {
    const known = this.#options.catalogue.knownOf(print);
    const views = this.#viewsOf(
      (one) => isOfEnvironment(one.name) && one.fingerprint === print.fingerprint,
    );
    const line = { name: print.name, from, since: known.sinceMs, ends: known.endMs, known };
    return { ...line, processes: views.length, retirement: this.#retirementOf(known, views) };
  }

  ofDatabase(kept: KeptSecret): ListedSecret {
    const { running, here, catalogue, nowMs } = this.#options;
    const { name } = kept;
    const views = this.#viewsOf((one) => one.name === name);
    // A process that accepts it knows its fingerprint, even if this command has another master key
    // or none.
    const accepted = running.flatMap(({ secrets }) => secrets).find((one) => one.name === name);
    const print = here.find((one) => one.name === name) ?? accepted;
    const ends = endOf(kept);
    const known = print === undefined ? undefined : catalogue.knownOf({ ...print, endMs: ends });
    const isNew =
      running.length > 0 &&
      views.length === 0 &&
      nowMs - Date.parse(kept.createdAt) < REPORTED_MS_MAX;
    const line = {
      name,
      from: "database",
      since: Date.parse(kept.createdAt),
      ends,
      known,
      processes: views.length,
    };
    if (!isAccepted({ untilMs: ends }, nowMs))
      return { ...line, retirement: onlyOf({ kind: "ended" }) };
    if (isNew) return { ...line, retirement: onlyOf({ kind: "not_accepted_yet" }) };
    return { ...line, retirement: this.#retirementOf(known, views) };
  }

  #retirementOf(known: KnownSecret | undefined, views: readonly ProcessView[]): Retirement {
    const { running, here, catalogue, nowMs } = this.#options;
    if (running.length > 0) return mayRetireEverywhere(views, nowMs);
    if (known === undefined) return onlyOf({ kind: "unreadable" });
    const all = here.map((print) => catalogue.knownOf(print));
    return onlyOf(mayRetire(known, all, nowMs));
  }

  /** The processes that accept a secret, and what else each of them accepts. */
  #viewsOf(isIt: (print: FingerprintedSecret) => boolean): readonly ProcessView[] {
    const { running, catalogue } = this.#options;
    return running.flatMap(({ process, secrets }) => {
      const found = secrets.find(isIt);
      if (found === undefined) return [];
      const others = secrets.filter((one) => !isIt(one)).map((one) => catalogue.knownOf(one));
      return [{ process, secret: catalogue.knownOf(found), others }];
    });
  }
}

/** A decision that is not about one process of several. */
function onlyOf(decision: RetirementDecision): Retirement {
  return { decision, process: undefined };
}

function fromEnvironment(settings: SecretSettings): readonly SigningSecret[] {
  return environmentSecrets(settings.webhookSecret, settings.webhookSecretsPrevious);
}

function sourceOf(name: string): string {
  return name === CURRENT ? "WEBHOOK_SECRET" : "WEBHOOK_SECRET_PREVIOUS";
}

function entriesOf(running: readonly RunningProcess[]): readonly FingerprintedSecret[] {
  return running.flatMap(({ secrets }) => secrets);
}

/** The secrets that processes have from another environment, each once. */
function notIn(
  own: readonly FingerprintedSecret[],
  running: readonly RunningProcess[],
): readonly FingerprintedSecret[] {
  const ownPrints = own.map(({ fingerprint }) => fingerprint);
  const others = entriesOf(running).filter(
    ({ name, fingerprint }) => isOfEnvironment(name) && !ownPrints.includes(fingerprint),
  );
  return [...new Map(others.map((print) => [print.fingerprint, print])).values()];
}

/**
 * What a process accepts now. Its record is some seconds old. The database knows which secrets were
 * retired since then.
 */
function withoutEnded(
  { process, secrets }: AcceptingProcess,
  { kept, nowMs }: { readonly kept: readonly KeptSecret[]; readonly nowMs: number },
): RunningProcess {
  const prints = secrets.flatMap(({ name, fingerprint, endsAt }) => {
    if (isOfEnvironment(name)) return [{ name, fingerprint, endMs: msOf(endsAt) }];
    const stillKept = kept.find((one) => one.name === name);
    return stillKept === undefined ? [] : [{ name, fingerprint, endMs: endOf(stillKept) }];
  });
  return {
    process: processName(process),
    secrets: prints.filter(({ endMs }) => isAccepted({ untilMs: endMs }, nowMs)),
  };
}

/** Shows host and process id, which operators look for, instead of `HOST:PID:…`. */
function processName(process: string): string {
  const [, host, pid] = /^(.*):([0-9]+):[^:]*$/.exec(process) ?? [];
  return host === undefined ? process : `${pid} on ${host}`;
}

async function fingerprinted(
  secrets: readonly SigningSecret[],
  fingerprints: Fingerprints,
): Promise<readonly FingerprintedSecret[]> {
  const prints: FingerprintedSecret[] = [];
  for (const { name, secret, untilMs } of secrets)
    prints.push({ name, fingerprint: await fingerprints.of(secret), endMs: untilMs });
  return prints;
}

async function usesOf(prints: readonly FingerprintedSecret[], store: SecretStore) {
  const uses = await store.uses([...new Set(prints.map(({ fingerprint }) => fingerprint))]);
  return new Map(uses.map((use) => [use.fingerprint, use]));
}

function msOf(timestamp: string | null | undefined): number | undefined {
  return timestamp === null || timestamp === undefined ? undefined : Date.parse(timestamp);
}
