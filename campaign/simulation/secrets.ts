import type { Clock } from "../../src/domain/clock.ts";
import { NO_LOG } from "../../src/observe/log.ts";
import { sign } from "../../src/providers/signature.ts";
import { Fingerprints } from "../../src/secrets/fingerprints.ts";
import type { SecretBox } from "../../src/secrets/sealing.ts";
import { WebhookSecrets } from "../../src/secrets/webhook-secrets.ts";
import type { SecretStore } from "../../src/store/credentials.ts";
import type { Random } from "../support/random.ts";
import { type History, Promises } from "./history.ts";
import { SimulatedClock, settled, skewed } from "./simulated-clock.ts";
import { QUICK_MS_MAX, ReplicaStore, SecretDatabase } from "./simulated-secret-store.ts";

const REPLICAS = 2;
const STEPS_MAX = 40;
/** Clocks differ from the true time by at most this. */
const SKEW_MS_MAX = 3_000;
/** A change applies within this time, if the database answers. */
const APPLIES_MS_MAX = 2_000;
/** Uses are written every ten seconds, and a record of the accepted secrets twice a minute. */
const WRITTEN_MS_MAX = 15_000;
const RECORDED_MS_MAX = 40_000;
/** Longer than the last exchange at a stop, and three slow answers. */
const STOP_MS_MAX = 70_000;
const BODY = Buffer.from("body");
const SECRETS = ["one", "two", "three", "environment", "previous"];
const SIGNATURES = new Map(SECRETS.map((secret) => [secret, sign(secret, BODY)]));
const NAMES = ["a", "b", "c", "d"];
/** Opens what the operator below has sealed. */
const BOX = {
  open: (name: string, sealed: string) =>
    sealed.startsWith(`${name}:`) ? sealed.slice(name.length + 1) : undefined,
} as unknown as SecretBox;

/** A stored secret with the true times of its changes. */
interface Entry {
  readonly sealed: string;
  readonly secret: string;
  readonly addedMs: number;
  /** When the operator retired it, and its end by the operator's clock. */
  retiredMs: number;
  endMs: number;
}

interface Replica {
  readonly secrets: WebhookSecrets;
  readonly clock: Clock;
  readonly store: ReplicaStore;
  readonly process: string;
  verified: number;
  /** When each secret last verified a webhook, by its clock, and the true time. */
  readonly uses: Map<string, { readonly lastMs: number; readonly atMs: number }>;
  readonly startedMs: number;
}

/** Replicas that reload secrets while an operator adds and retires them. */
class Rotating {
  readonly promises = new Promises();
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #database = new SecretDatabase();
  readonly #entries: Entry[] = [];
  readonly #previousEndMs: number;
  readonly #replicas: Replica[] = [];
  #started = 0;
  #checks = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#previousEndMs = this.#clock.now() + random.between(0, 40_000);
  }

  async run(): Promise<History> {
    for (let at = 0; at < REPLICAS; at++) await this.#start(at);
    const steps = this.#random.between(5, STEPS_MAX);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      await settled();
      this.#check(this.#random.of(this.#replicas), this.#random.of(SECRETS));
      this.#check(this.#random.of(this.#replicas), this.#random.of(SECRETS));
    }
    for (const replica of this.#replicas) await this.#stop(replica);
    return { counts: { events: steps, checks: this.#checks }, broken: this.promises.broken };
  }

  async #start(at: number): Promise<void> {
    const clock = this.#skewed();
    const store = new ReplicaStore(this.#clock, this.#random, this.#database);
    const process = `replica ${++this.#started}`;
    const fingerprints = new Fingerprints(store, async (secret) => secret);
    const environment = [
      { name: "current", secret: "environment" },
      { name: "previous_1", secret: "previous", untilMs: this.#previousEndMs },
    ];
    const starting = WebhookSecrets.start(
      { clock, log: NO_LOG },
      {
        environment,
        box: BOX,
        process,
        store: store as unknown as SecretStore,
        fingerprints,
      },
    ).then((secrets) => {
      this.#replicas[at] = {
        secrets,
        clock,
        store,
        process,
        verified: 0,
        uses: new Map(),
        startedMs: this.#clock.now(),
      };
    });
    await this.#clock.advance(QUICK_MS_MAX);
    await starting;
  }

  #skewed(): Clock {
    const skewMs = this.#random.between(-SKEW_MS_MAX, SKEW_MS_MAX);
    return skewed(this.#clock, () => skewMs);
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const chance = random.next();
    if (chance < 0.15) this.#add();
    else if (chance < 0.3) this.#retire();
    else if (chance < 0.36) {
      const { store } = random.of(this.#replicas);
      if (store.isAway || store.isSlow) store.fail(false, false);
      else store.fail(random.chance(0.5), random.chance(0.5));
    } else if (chance < 0.39) {
      const at = random.between(0, REPLICAS - 1);
      await this.#stop(this.#replicas[at] as Replica);
      await this.#start(at);
    } else {
      const spans = random.chance(0.04) ? [60_000] : [10, 1_100, 3_000, 8_000];
      await this.#clock.advance(random.between(1, random.of(spans)));
    }
  }

  #add(): void {
    const name = this.#random.of(NAMES);
    const nowMs = this.#clock.now();
    // An added secret also removes those that have ended by the operator's clock.
    const left = this.#database.kept.filter(
      ({ retiresAt }) => !(Date.parse(retiresAt ?? "") <= nowMs),
    );
    if (left.some((one) => one.name === name)) return;
    const secret = this.#random.of(SECRETS.slice(0, 3));
    const sealed = `${name}:${secret}`;
    const entry = {
      sealed,
      secret,
      addedMs: nowMs,
      retiredMs: Number.POSITIVE_INFINITY,
      endMs: Number.POSITIVE_INFINITY,
    };
    this.#entries.push(entry);
    const createdAt = new Date(nowMs).toISOString();
    this.#database.kept = [...left, { name, sealed, createdAt, retiresAt: null }];
  }

  #retire(): void {
    if (this.#database.kept.length === 0) return;
    const kept = this.#random.of(this.#database.kept);
    if (kept.retiresAt !== null) return;
    const nowMs = this.#clock.now();
    const entry = this.#entries.findLast((one) => one.sealed === kept.sealed);
    if (entry === undefined) return;
    entry.retiredMs = nowMs;
    entry.endMs = nowMs + this.#random.of([0, 1, 2_000, 15_000]);
    const retiresAt = new Date(entry.endMs).toISOString();
    this.#database.kept = this.#database.kept.map((one) =>
      one === kept ? { ...one, retiresAt } : one,
    );
  }

  /** A webhook that is signed with a secret arrives at a replica. */
  #check(replica: Replica, secret: string): void {
    this.#checks++;
    const { secrets, clock, store } = replica;
    const nowMs = this.#clock.now();
    const name = secrets.signing.verify(BODY, SIGNATURES.get(secret), clock.now());
    if (name !== undefined) {
      replica.verified++;
      secrets.verified(name, clock.now());
      replica.uses.set(secret, { lastMs: clock.now(), atMs: nowMs });
    }
    const { must, may } = this.#expected(secret, nowMs, store.readMs);
    this.promises.expect(name !== undefined || !must, "a valid secret is refused");
    this.promises.expect(name === undefined || may, "a secret that has ended is accepted");
    this.promises.expect(secrets.configured(), "a service with secrets is not configured");
    const counted = secrets.figures().reduce((sum, { verified }) => sum + verified, 0);
    this.promises.expect(counted === replica.verified, "webhooks are not counted by their secret");
    const goodMs = nowMs - Math.max(store.goodSinceMs, replica.startedMs);
    const isFresh = nowMs - store.readMs <= APPLIES_MS_MAX;
    this.promises.expect(isFresh || goodMs <= APPLIES_MS_MAX, "a change does not apply in time");
    if (goodMs > WRITTEN_MS_MAX) this.#checkUses(replica, nowMs - WRITTEN_MS_MAX);
    const recordedMs = this.#database.acceptedMs.get(replica.process) ?? 0;
    const isRecorded = nowMs - recordedMs <= RECORDED_MS_MAX;
    this.promises.expect(isRecorded || goodMs <= RECORDED_MS_MAX, "a replica is not recorded");
  }

  /** The last use of each secret is in the database, except those after a moment. */
  #checkUses({ uses }: Replica, untilMs: number): void {
    for (const [secret, { lastMs, atMs }] of uses) {
      const isWritten = (this.#database.lastMs.get(secret) ?? 0) >= lastMs;
      this.promises.expect(isWritten || atMs > untilMs, "the use of a secret is not written");
    }
  }

  /**
   * Whether a secret must or may be accepted by a replica that knows the database as it was at
   * `readMs`. Its end is exact up to the difference of the clocks.
   */
  #expected(secret: string, nowMs: number, readMs: number) {
    if (secret === "environment") return { must: true, may: true };
    if (secret === "previous") return validity(nowMs, this.#previousEndMs);
    // A change and a read of the same millisecond may have come in either order.
    const known = this.#entries.filter((one) => one.secret === secret && one.addedMs <= readMs);
    const endOf = (one: Entry, isKnown: boolean) =>
      validity(nowMs, isKnown ? one.endMs : Number.POSITIVE_INFINITY);
    return {
      must: known.some((one) => one.addedMs < readMs && endOf(one, one.retiredMs <= readMs).must),
      may: known.some((one) => endOf(one, one.retiredMs < readMs).may),
    };
  }

  async #stop(replica: Replica): Promise<void> {
    const { secrets, store, process } = replica;
    const isGood = this.#clock.now() > Math.max(store.goodSinceMs, replica.startedMs);
    let hasStopped = false;
    void secrets.stop().then(() => {
      hasStopped = true;
    });
    await settled();
    const endMs = this.#clock.monotonic() + STOP_MS_MAX;
    while (!hasStopped && this.#clock.monotonic() < endMs) await this.#clock.advanceToNext(1_000);
    this.promises.expect(hasStopped, "the secrets do not stop");
    if (!isGood) return;
    this.#checkUses(replica, this.#clock.now());
    const isRecorded = this.#database.acceptedMs.has(process);
    this.promises.expect(!isRecorded, "a replica that has stopped is recorded");
  }
}

function validity(nowMs: number, endMs: number) {
  return { must: nowMs < endMs - SKEW_MS_MAX, may: nowMs < endMs + SKEW_MS_MAX };
}

export async function secrets(random: Random): Promise<History> {
  return new Rotating(random).run();
}
