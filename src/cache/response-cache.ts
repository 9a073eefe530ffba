import type { Clock } from "../domain/clock.ts";
import type { CacheResult } from "../runtime.ts";
import { bodyOf, type KeptResponse, keptResponses, type ResponseBody } from "./kept-responses.ts";
import { SingleFlight } from "./single-flight.ts";
import type { WriteTracker } from "./write-tracker.ts";

/**
 * The maximum number of different requests that are read at the same time. Further requests read on
 * their own, which the store limits.
 */
const READS_UNDER_WAY_MAX = 1_000;

/**
 * Reads the text from the database. The signal is aborted when no request waits for it any more.
 */
export type Read = (signal: AbortSignal) => Promise<string>;

/** Responses that several processes share. None was read longer ago than the time to live. */
export interface SharedResponses {
  /** Resolves soon and never rejects. */
  find(question: string): Promise<Found>;
}

/**
 * `leftMs` is how long the response may still be served. `share` takes a text that is read from now
 * on.
 */
export type Found =
  | { readonly kind: "found"; readonly text: string; readonly leftMs: number }
  | { readonly kind: "missing"; readonly share: (text: string) => void };

export interface ResponseCacheOptions {
  /** How long a response may be served, from the start of its read. 0 switches the cache off. */
  readonly ttlMs: number;
  readonly writes: WriteTracker;
  readonly count: (source: CacheResult) => void;
  readonly shared?: SharedResponses | undefined;
  /**
   * Resolves soon with a version of the stored data that changes with every write of any process,
   * or with undefined when it is not known now. Never rejects. Without it, an outdated response is
   * always read again.
   */
  readonly dataVersion?: (() => Promise<string | undefined>) | undefined;
}

/** The writes that a read has seen, and until when its response may be served. */
interface Freshness {
  readonly generation: number;
  readonly untilMs: number;
}

type Versioned = Pick<KeptResponse, "version">;

/**
 * The reads for equal requests. One runs; requests that must see a later write wait for the next.
 */
interface Reads {
  running: SingleFlight<ResponseBody>;
  freshness: Freshness;
  next: SingleFlight<ResponseBody> | undefined;
}

/**
 * Keeps responses, and answers equal requests with one read. A response or a running read is used
 * only if it began after the last write of this process, and within the time to live. So every
 * later response shows a write of this process, and a write of another process is missing no longer
 * than the time to live. After that time a response is used again if no process has written since.
 * A request can accept that it misses the newest writes of this process, too.
 */
export class ResponseCache {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #options: ResponseCacheOptions;
  /** Outdated responses stay until newer ones replace them. */
  readonly #kept = keptResponses();
  readonly #reads = new Map<string, Reads>();
  /** The last version that was asked for, and how long it may be used. */
  #known: (Freshness & Versioned) | undefined;
  #asking: Promise<void> | undefined;

  constructor(clock: Pick<Clock, "monotonic">, options: ResponseCacheOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /**
   * `parts` is everything that the response depends on, except the stored data. `gone` makes the
   * signal that is aborted when the client disconnects. A response or a read that began at most
   * `maxAgeMs` ago, and within the time to live, may miss a write of this process.
   */
  async getOrRead(
    parts: readonly unknown[],
    read: Read,
    gone: () => AbortSignal,
    maxAgeMs = 0,
  ): Promise<ResponseBody> {
    if (this.#options.ttlMs === 0) return bodyOf(await read(gone()));
    const question = JSON.stringify(parts);
    const kept = this.#kept.get(question);
    if (kept !== undefined && (this.#isUsable(kept, maxAgeMs) || this.#isOfKnownVersion(kept))) {
      this.#options.count("hit");
      return kept.body;
    }
    return this.#joinOrStart(question, read, maxAgeMs).join(gone());
  }

  #joinOrStart(question: string, read: Read, maxAgeMs: number): SingleFlight<ResponseBody> {
    const reads = this.#reads.get(question);
    if (reads === undefined) return this.#start(question, read);
    const { running, freshness, next } = reads;
    if (!running.cancelled && this.#isUsable(freshness, maxAgeMs)) {
      this.#options.count("joined");
      return running;
    }
    // The running read began before a write that the response must show. The next read will show
    // it.
    if (next !== undefined && !next.cancelled) {
      this.#options.count("joined");
      return next;
    }
    reads.next = this.#flight(question, read);
    return reads.next;
  }

  #start(question: string, read: Read): SingleFlight<ResponseBody> {
    const running = this.#flight(question, read);
    if (this.#reads.size >= READS_UNDER_WAY_MAX) {
      void running.run();
      return running;
    }
    const reads = { running, freshness: this.#freshness(), next: undefined };
    this.#reads.set(question, reads);
    void this.#runAll(question, reads);
    return running;
  }

  async #runAll(question: string, reads: Reads): Promise<void> {
    await reads.running.run();
    while (reads.next !== undefined) {
      reads.running = reads.next;
      reads.freshness = this.#freshness();
      reads.next = undefined;
      await reads.running.run();
    }
    this.#reads.delete(question);
  }

  #flight(question: string, read: Read): SingleFlight<ResponseBody> {
    return new SingleFlight((signal) => this.#read(question, read, signal));
  }

  async #read(question: string, read: Read, signal: AbortSignal): Promise<ResponseBody> {
    const found = await this.#findShared(question);
    if (found.kind === "found") {
      this.#options.count("shared_hit");
      return found.body;
    }
    await this.#askVersion();
    const kept = this.#kept.get(question);
    if (kept !== undefined && this.#isOfKnownVersion(kept)) {
      this.#options.count("hit");
      return kept.body;
    }
    this.#options.count("miss");
    const freshness = this.#freshness();
    const version = this.#knownVersion();
    const body = bodyOf(await read(signal));
    if (this.#isFresh(freshness)) found.share(body.text);
    this.#keep(question, body, { ...freshness, version });
    return body;
  }

  /**
   * Asks for the version of the data, unless it is known. Soon after a write of this process it
   * does not: the process is likely to write again before the next equal request.
   */
  async #askVersion(): Promise<void> {
    const { dataVersion, writes, ttlMs } = this.#options;
    if (dataVersion === undefined || writes.quietMs() < ttlMs) return;
    if (this.#knownVersion() !== undefined) return;
    this.#asking ??= this.#learnVersion(dataVersion).finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #learnVersion(ask: () => Promise<string | undefined>): Promise<void> {
    const freshness = this.#freshness();
    this.#known = { ...freshness, version: await ask() };
  }

  /** The version, like a response that was read when it was asked for. */
  #knownVersion(): string | undefined {
    return this.#known !== undefined && this.#isFresh(this.#known)
      ? this.#known.version
      : undefined;
  }

  /**
   * Whether no process has written between the read of the response and the last question for the
   * version: then the response is as good as one that was read at that moment.
   */
  #isOfKnownVersion({ version }: KeptResponse): boolean {
    return version !== undefined && version === this.#knownVersion();
  }

  /**
   * Looks for a response that another process read. It does not look within the time to live after
   * a write of this process, because the other process may have read before that write.
   */
  async #findShared(question: string): Promise<FoundBody> {
    const { shared, writes, ttlMs } = this.#options;
    if (shared === undefined || writes.quietMs() < ttlMs) return NOT_SHARED;
    const { generation } = this.#freshness();
    const askedMs = this.#clock.monotonic();
    const found = await shared.find(question);
    if (found.kind === "missing") return found;
    const untilMs = askedMs + found.leftMs;
    // A request may have joined in between, and the response would be too old for it.
    if (this.#clock.monotonic() >= untilMs) return NOT_SHARED;
    const body = bodyOf(found.text);
    this.#keep(question, body, { generation, untilMs, version: undefined });
    return { kind: "found", body };
  }

  #keep(question: string, body: ResponseBody, read: Freshness & Versioned): void {
    const isLate = read.version === undefined && this.#clock.monotonic() >= read.untilMs;
    if (!isLate) this.#kept.set(question, { body, ...read });
  }

  #freshness(): Freshness {
    const { writes, ttlMs } = this.#options;
    return { generation: writes.generation(), untilMs: this.#clock.monotonic() + ttlMs };
  }

  /** Also when a write of this process came after the read, if that was at most `maxAgeMs` ago. */
  #isUsable(read: Freshness, maxAgeMs: number): boolean {
    if (this.#isFresh(read)) return true;
    const { ttlMs } = this.#options;
    const ageMs = this.#clock.monotonic() - (read.untilMs - ttlMs);
    return ageMs < Math.min(maxAgeMs, ttlMs);
  }

  #isFresh({ generation, untilMs }: Freshness): boolean {
    const { writes } = this.#options;
    return (
      !writes.underWay() && generation === writes.generation() && this.#clock.monotonic() < untilMs
    );
  }
}

type FoundBody =
  | { readonly kind: "found"; readonly body: ResponseBody }
  | { readonly kind: "missing"; readonly share: (text: string) => void };

/** No shared response exists, and this process shares none. */
const NOT_SHARED = { kind: "missing", share: () => undefined } as const;
