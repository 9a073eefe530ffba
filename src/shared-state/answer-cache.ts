import type { Clock } from "../domain/clock.ts";
import { type Answer, answerOf } from "./answer.ts";
import { Flight } from "./flight.ts";
import { KeptAnswers } from "./kept-answers.ts";
import type { OwnWrites } from "./own-writes.ts";

/** Questions that are being read. Past it each is read by itself, which the store bounds. */
const QUESTIONS_UNDER_WAY_MAX = 1_000;

/** Reads the text from the database. Its signal is aborted when the caller no longer waits for it. */
export type Reading = (signal: AbortSignal) => Promise<string>;

/** Where an answer came from. */
export type AnswerSource = "hit" | "shared_hit" | "joined" | "miss";

/** Answers that several processes share. Each was read from the database no longer ago than the time to live. */
export interface SharedAnswers {
  /** Resolves soon and never rejects. */
  find(question: string): Promise<Found>;
}

/** `leftMs` is how long it may still be given. To be shared is what is read from now on. */
export type Found =
  | { readonly kind: "found"; readonly text: string; readonly leftMs: number }
  | { readonly kind: "missing"; readonly share: (text: string) => void };

export interface AnswerCacheOptions {
  /** How long an answer may be given, from the moment its reading began. 0: never, and each question is read by itself. */
  readonly ttlMs: number;
  readonly writes: OwnWrites;
  readonly clock: Pick<Clock, "monotonic">;
  readonly count: (source: AnswerSource) => void;
  readonly shared?: SharedAnswers | undefined;
}

/** When something was read, and until when that will do. */
interface Birth {
  readonly generation: number;
  readonly untilMs: number;
}

/** The readings of one question: one is under way, and those who came too late for it wait for the next. */
interface Line {
  running: Flight<Answer>;
  birth: Birth;
  next: Flight<Answer> | undefined;
}

/**
 * Answers to questions that are asked again and again. Equal questions at once share one reading. No answer is given, and no reading
 * joined, that began before a write of this process ended, or longer ago than the time to live; so what this process writes is in every
 * answer from then on, and what others write is missing no longer than that.
 */
export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  readonly #kept = new KeptAnswers();
  readonly #lines = new Map<string, Line>();
  #keptGeneration = 0;

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
  }

  /** `parts` are all that the answer depends on, but for what is stored. `gone` gives the signal of a client that goes away. */
  async ask(parts: readonly unknown[], read: Reading, gone: () => AbortSignal): Promise<Answer> {
    if (this.#options.ttlMs === 0) return answerOf(await read(gone()));
    const question = JSON.stringify(parts);
    this.#forgetEarlier();
    const kept = this.#kept.get(question);
    if (kept !== undefined && this.#mayBeGiven(kept)) {
      this.#options.count("hit");
      return kept.answer;
    }
    return this.#flightOf(question, read).join(gone());
  }

  #flightOf(question: string, read: Reading): Flight<Answer> {
    const line = this.#lines.get(question);
    if (line === undefined) return this.#depart(question, read);
    const { running, birth, next } = line;
    if (!running.abandoned && this.#mayBeGiven(birth)) {
      this.#options.count("joined");
      return running;
    }
    // It began before something was stored that the answer must have; one that begins from now on will have it.
    if (next !== undefined && !next.abandoned) {
      this.#options.count("joined");
      return next;
    }
    line.next = this.#flight(question, read);
    return line.next;
  }

  #depart(question: string, read: Reading): Flight<Answer> {
    const running = this.#flight(question, read);
    if (this.#lines.size >= QUESTIONS_UNDER_WAY_MAX) {
      void running.fly();
      return running;
    }
    const line = { running, birth: this.#birth(), next: undefined };
    this.#lines.set(question, line);
    void this.#run(question, line);
    return running;
  }

  async #run(question: string, line: Line): Promise<void> {
    await line.running.fly();
    while (line.next !== undefined) {
      line.running = line.next;
      line.birth = this.#birth();
      line.next = undefined;
      await line.running.fly();
    }
    this.#lines.delete(question);
  }

  #flight(question: string, read: Reading): Flight<Answer> {
    return new Flight((signal) => this.#read(question, read, signal));
  }

  async #read(question: string, read: Reading, signal: AbortSignal): Promise<Answer> {
    const found = await this.#findShared(question);
    if (found.kind === "found") {
      this.#options.count("shared_hit");
      return found.answer;
    }
    this.#options.count("miss");
    const birth = this.#birth();
    const answer = answerOf(await read(signal));
    if (this.#mayBeGiven(birth)) found.share(answer.text);
    this.#keep(question, answer, birth);
    return answer;
  }

  /** For the span of the time to live after a write of this process, what others have read may be from before it: they are not asked. */
  async #findShared(question: string): Promise<FoundAnswer> {
    const { shared, writes, ttlMs, clock } = this.#options;
    if (shared === undefined || writes.quietMs() < ttlMs) return ALONE;
    const { generation } = this.#birth();
    const askedMs = clock.monotonic();
    const found = await shared.find(question);
    if (found.kind === "missing") return found;
    const untilMs = askedMs + found.leftMs;
    // Somebody may have joined meanwhile, for whom it would be too old by now.
    if (clock.monotonic() >= untilMs) return ALONE;
    const answer = answerOf(found.text);
    this.#keep(question, answer, { generation, untilMs });
    return { kind: "found", answer };
  }

  #keep(question: string, answer: Answer, birth: Birth): void {
    this.#forgetEarlier();
    if (birth.generation === this.#keptGeneration && this.#options.clock.monotonic() < birth.untilMs) {
      this.#kept.put(question, { answer, ...birth });
    }
  }

  #birth(): Birth {
    const { writes, clock, ttlMs } = this.#options;
    return { generation: writes.generation(), untilMs: clock.monotonic() + ttlMs };
  }

  #mayBeGiven({ generation, untilMs }: Birth): boolean {
    const { writes, clock } = this.#options;
    return !writes.underWay() && generation === writes.generation() && clock.monotonic() < untilMs;
  }

  #forgetEarlier(): void {
    const generation = this.#options.writes.generation();
    if (generation === this.#keptGeneration) return;
    this.#kept.clear();
    this.#keptGeneration = generation;
  }
}

type FoundAnswer =
  | { readonly kind: "found"; readonly answer: Answer }
  | { readonly kind: "missing"; readonly share: (text: string) => void };

/** No shared answer, and nobody to share with. */
const ALONE = { kind: "missing", share: () => undefined } as const;
