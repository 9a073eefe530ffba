import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { array, assert, asyncProperty, constantFrom } from "fast-check";
import { keptResponses } from "../../src/cache/kept-responses.ts";
import { ResponseCache, type SharedResponses } from "../../src/cache/response-cache.ts";
import { SingleFlight } from "../../src/cache/single-flight.ts";
import { WriteTracker } from "../../src/cache/write-tracker.ts";
import { Overloaded, ReadCancelled, StoreUnavailable } from "../../src/domain/errors.ts";
import type { CacheResult } from "../../src/runtime.ts";
import { propertyRuns } from "../support/property-runs.ts";

const TTL_MS = 1_000;
const stays = () => new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A cache over a number that is read and written, with a clock of the test. */
function cacheOver({ ttlMs = TTL_MS, shared }: { ttlMs?: number; shared?: SharedResponses } = {}) {
  let nowMs = 5_000;
  let stored = 0;
  let reads = 0;
  const clock = { monotonic: () => nowMs };
  const writes = new WriteTracker(clock);
  const sources: CacheResult[] = [];
  const cache = new ResponseCache(clock, {
    ttlMs,
    writes,
    count: (source) => sources.push(source),
    shared,
  });
  const read = async () => {
    reads++;
    return String(stored);
  };
  return {
    cache,
    writes,
    sources,
    reads: () => reads,
    pass: (ms: number) => {
      nowMs += ms;
    },
    set: (value: number) => {
      stored = value;
    },
    /** Writes and is acknowledged. */
    write: (value: number) =>
      writes.during(
        async () => {
          stored = value;
        },
        () => true,
      ),
    ask: async (parts: readonly unknown[] = ["q"], reading = read, maxAgeMs = 0) =>
      (await cache.getOrRead(parts, reading, stays, maxAgeMs)).text,
    read,
  };
}

test("a response is served until its time to live is over, and not a moment longer", async () => {
  const { ask, set, pass, sources } = cacheOver();
  equal(await ask(), "0");
  set(1);
  pass(TTL_MS - 1);
  equal(await ask(), "0");
  pass(1);
  equal(await ask(), "1");
  deepEqual(sources, ["miss", "hit", "miss"]);
});

test("the time to live counts from the start of a read, not from its end", async () => {
  const { ask, pass, sources } = cacheOver();
  await ask(["q"], async () => {
    pass(TTL_MS);
    return "slow";
  });
  equal(await ask(), "0");
  deepEqual(sources, ["miss", "miss"]);
});

test("after a write of this process no earlier response is served", async () => {
  const { ask, write } = cacheOver();
  equal(await ask(), "0");
  await write(1);
  equal(await ask(), "1");
});

test("a request that accepts an age gets an earlier response, until it or the time to live is over", async () => {
  const { ask, read, write, pass, sources } = cacheOver();
  const aged = (maxAgeMs: number) => ask(["q"], read, maxAgeMs);
  equal(await ask(), "0");
  await write(1);
  pass(499);
  equal(await aged(500), "0");
  pass(1);
  equal(await aged(500), "1");
  await write(2);
  pass(TTL_MS - 1);
  equal(await aged(60_000), "1");
  pass(1);
  equal(await aged(60_000), "2");
  await write(3);
  equal(await ask(), "3");
  deepEqual(sources, ["miss", "hit", "miss", "hit", "miss", "miss"]);
});

test("a read during which this process wrote serves only requests that accept its age", async () => {
  const { ask, read, write, pass, reads } = cacheOver();
  const during = async () => {
    await write(1);
    return "0";
  };
  equal(await ask(["q"], during), "0");
  equal(await ask(["q"], read, 1_000), "0");
  equal(reads(), 0);
  equal(await ask(), "1");

  // And while it runs.
  let finish = (_text: string) => {};
  const slow = () => new Promise<string>((resolve) => (finish = resolve));
  pass(TTL_MS);
  const first = ask(["r"], slow);
  await turn();
  await write(2);
  pass(10);
  const joined = ask(["r"], read, 1_000);
  const later = ask(["r"], read);
  await turn();
  finish("of the first");
  deepEqual(await Promise.all([first, joined, later]), ["of the first", "of the first", "2"]);
});

test("a write that stored nothing new does not invalidate responses", async () => {
  const { ask, writes, sources } = cacheOver();
  await ask();
  await writes.during(
    async () => "duplicate",
    () => false,
  );
  await ask();
  deepEqual(sources, ["miss", "hit"]);
});

test("a failed write may have stored something", async () => {
  const { ask, writes, set } = cacheOver();
  equal(await ask(), "0");
  const fails = async () => {
    set(1);
    throw new StoreUnavailable("gone");
  };
  await rejects(
    writes.during(fails, () => false),
    StoreUnavailable,
  );
  equal(await ask(), "1");
});

test("while a write is under way no earlier response is served: another read may already have seen it", async () => {
  const { ask, writes, set } = cacheOver();
  equal(await ask(), "0");
  const acknowledged = Promise.withResolvers<void>();
  const write = writes.during(
    () => {
      set(1);
      return acknowledged.promise;
    },
    () => true,
  );
  equal(await ask(["another"]), "1");
  equal(await ask(), "1");
  acknowledged.resolve();
  await write;
});

test("equal requests at once share one read, different ones do not", async () => {
  const { ask, reads, sources } = cacheOver();
  deepEqual(await Promise.all([ask(["a"]), ask(["a"]), ask(["b"]), ask(["a"])]), [
    "0",
    "0",
    "0",
    "0",
  ]);
  equal(reads(), 2);
  deepEqual(sources.toSorted(), ["joined", "joined", "miss", "miss"]);
});

test("a request after a write does not join a read from before it; all such share the next one", async () => {
  const { ask, write, reads } = cacheOver();
  const gate = Promise.withResolvers<string>();
  const early = ask(["q"], () => gate.promise);
  await write(1);
  const late = [ask(), ask(), ask()];
  await turn();
  equal(reads(), 0, "the next reading begins when the first is over");
  gate.resolve("0");
  equal(await early, "0");
  deepEqual(await Promise.all(late), ["1", "1", "1"]);
  equal(reads(), 1);
});

test("a request does not join a read that began longer ago than the time to live", async () => {
  const { ask, set, pass } = cacheOver();
  const gate = Promise.withResolvers<string>();
  const early = ask(["q"], () => gate.promise);
  pass(TTL_MS);
  set(1);
  const late = ask();
  gate.resolve("0");
  deepEqual([await early, await late], ["0", "1"]);
});

test("a failure goes to all waiting requests and is not cached", async () => {
  const { ask } = cacheOver();
  const gate = Promise.withResolvers<string>();
  const waiting = [ask(["q"], () => gate.promise), ask(), ask()];
  gate.reject(new StoreUnavailable("locked"));
  for (const answer of waiting) await rejects(answer, StoreUnavailable);
  equal(await ask(), "0");
});

test("a failure of one read does not reach requests that wait for the next", async () => {
  const { ask, write } = cacheOver();
  const gate = Promise.withResolvers<string>();
  const early = ask(["q"], () => gate.promise);
  await write(1);
  const late = ask();
  gate.reject(new StoreUnavailable("locked"));
  await rejects(early, StoreUnavailable);
  equal(await late, "1");
});

test("with a time to live of 0 each request is read by itself and nothing is counted", async () => {
  const { ask, reads, sources } = cacheOver({ ttlMs: 0 });
  await Promise.all([ask(), ask(), ask()]);
  deepEqual([reads(), sources], [3, []]);
});

test("the same text has the same tag, another text another", async () => {
  const { cache } = cacheOver();
  const tagOf = async (question: string, text: string) =>
    (await cache.getOrRead([question], async () => text, stays)).tag;
  equal(await tagOf("1", "a"), await tagOf("2", "a"));
  notEqual(await tagOf("3", "a"), await tagOf("4", "b"));
});

test("a request that leaves keeps the read for the others; when all have left it is stopped", async () => {
  const { cache } = cacheOver();
  const first = new AbortController();
  const second = new AbortController();
  let stopped = false;
  const read = (signal: AbortSignal) =>
    new Promise<string>((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        stopped = true;
        reject(new ReadCancelled("stopped"));
      });
    });
  const answers = [first, second].map(({ signal }) => cache.getOrRead(["q"], read, () => signal));
  first.abort();
  await rejects(answers[0] as Promise<unknown>, ReadCancelled);
  equal(stopped, false);
  second.abort();
  await rejects(answers[1] as Promise<unknown>, ReadCancelled);
  equal(stopped, true);
});

test("a request after all have left gets its own read, even if the first could not be stopped", async () => {
  const { cache, ask, set } = cacheOver();
  const gone = new AbortController();
  const gate = Promise.withResolvers<string>();
  const abandoned = cache.getOrRead(
    ["q"],
    () => gate.promise,
    () => gone.signal,
  );
  gone.abort();
  await rejects(abandoned, ReadCancelled);
  set(1);
  const late = ask();
  gate.reject(new ReadCancelled("stopped"));
  equal(await late, "1");
});

test("a client that is gone before it asks starts nothing that continues", async () => {
  const { cache } = cacheOver();
  let signalled: AbortSignal | undefined;
  const read = (signal: AbortSignal) => {
    signalled = signal;
    return new Promise<string>(() => undefined);
  };
  await rejects(
    cache.getOrRead(["q"], read, () => AbortSignal.abort()),
    ReadCancelled,
  );
  equal(signalled?.aborted, true);
});

test("a read that no request wants any more when its turn comes is not started", async () => {
  const { ask, cache, write, reads } = cacheOver();
  const gate = Promise.withResolvers<string>();
  const early = ask(["q"], () => gate.promise);
  await write(1);
  const gone = new AbortController();
  let begun = false;
  const read = async () => {
    begun = true;
    return "";
  };
  const left = cache.getOrRead(["q"], read, () => gone.signal);
  gone.abort();
  await rejects(left, ReadCancelled);
  const stayed = ask();
  gate.resolve("0");
  await early;
  equal(await stayed, "1");
  deepEqual([begun, reads()], [false, 1]);
});

test("no more than 10,000 requests wait for one read", async () => {
  const flight = new SingleFlight(() => new Promise<string>(() => undefined));
  for (let count = 0; count < 10_000; count++) flight.join(stays()).catch(() => undefined);
  await rejects(flight.join(stays()), Overloaded);
});

test("beyond 1,000 different requests under way each is read by itself", async () => {
  const { ask, reads } = cacheOver();
  const gate = Promise.withResolvers<string>();
  const many = Array.from({ length: 1_000 }, (_, index) => ask([index], () => gate.promise));
  deepEqual(await Promise.all([ask(), ask()]), ["0", "0"]);
  equal(reads(), 2);
  gate.resolve("");
  await Promise.all(many);
});

/** Shared responses that other processes left: `left` milliseconds of `text`, or none. */
function sharedWith(
  found: { text: string; leftMs: number } | undefined,
  onFind: () => unknown = () => undefined,
) {
  const given: string[] = [];
  let asked = 0;
  const shared: SharedResponses = {
    find: async () => {
      asked++;
      await onFind();
      if (found !== undefined) return { kind: "found", ...found };
      return { kind: "missing", share: (text) => given.push(text) };
    },
  };
  return { shared, given, asked: () => asked };
}

test("a response of another process is served, and kept for the rest of its time", async () => {
  const { shared } = sharedWith({ text: "theirs", leftMs: 300 });
  const { ask, pass, sources } = cacheOver({ shared });
  pass(TTL_MS);
  deepEqual([await ask(), await ask()], ["theirs", "theirs"]);
  pass(299);
  await ask();
  pass(1);
  await ask();
  deepEqual(sources, ["shared_hit", "hit", "hit", "shared_hit"]);
});

test("after a write of this process, and after its start, shared responses are neither read nor written until the time to live is over", async () => {
  const { shared, asked, given } = sharedWith({ text: "theirs", leftMs: TTL_MS });
  const { ask, pass, write } = cacheOver({ shared });
  pass(TTL_MS - 1);
  equal(await ask(["start"]), "0");
  pass(1);
  equal(await ask(["quiet"]), "theirs");
  await write(1);
  pass(TTL_MS - 1);
  equal(await ask(["written"]), "1");
  deepEqual([asked(), given], [1, []]);
  pass(1);
  equal(await ask(["quiet again"]), "theirs");
});

test("a shared response that is too old when it arrives is not served, because a request may have joined since", async () => {
  let passes = () => {};
  const { shared } = sharedWith({ text: "theirs", leftMs: 40 }, () => passes());
  const { ask, pass } = cacheOver({ shared });
  passes = () => pass(40);
  pass(TTL_MS);
  equal(await ask(), "0");
});

test("a read is shared, unless this process wrote during it or it took too long", async () => {
  const { shared, given } = sharedWith(undefined);
  const { ask, pass, write } = cacheOver({ shared });
  pass(TTL_MS);
  await ask(["a"], async () => "shared");
  await ask(["b"], async () => {
    await write(1);
    return "written in between";
  });
  pass(TTL_MS);
  await ask(["c"], async () => {
    pass(TTL_MS);
    return "slow";
  });
  deepEqual(given, ["shared"]);
});

test("a shared response that arrives after a write of this process is not served later", async () => {
  let write = async () => {};
  const { shared } = sharedWith({ text: "theirs", leftMs: TTL_MS }, () => write());
  const cache = cacheOver({ shared });
  write = () => cache.write(1);
  cache.pass(TTL_MS);
  await cache.ask();
  equal(await cache.ask(), "1");
});

const kept = (text: string) => ({ body: { text, tag: "tag" }, generation: 0, untilMs: 0 });

test("the 1,000 most recently used responses are kept", () => {
  const answers = keptResponses();
  for (let index = 0; index < 1_000; index++) answers.set(String(index), kept("text"));
  ok(answers.get("0"));
  answers.set("one more", kept("text"));
  deepEqual([answers.get("1"), answers.size], [undefined, 1_000]);
  ok(answers.get("0"));
  ok(answers.get("one more"));
});

test("kept responses take at most 16 MiB, whatever comes and in whichever order", () => {
  const answers = keptResponses();
  const text = "x".repeat(100_000);
  for (let index = 0; index < 400; index++) {
    answers.set(String(index % 90), kept(text.slice(0, (index * 7_919) % 100_000)));
    ok(answers.calculatedSize <= 16 * 1024 * 1024);
  }
  for (let index = 0; index < 90; index++) answers.set(`large ${index}`, kept(text));
  ok(answers.calculatedSize <= 16 * 1024 * 1024);
  equal(answers.get("large 0"), undefined);
  ok(answers.size > 70);
  ok(answers.get("large 89"));
  answers.clear();
  deepEqual([answers.calculatedSize, answers.size], [0, 0]);
});

test("a response of more than 2 MiB is not kept, and the kept one of that request is dropped", () => {
  const answers = keptResponses();
  answers.set("q", kept("small"));
  answers.set("q", kept("x".repeat(1024 * 1024)));
  deepEqual([answers.get("q"), answers.calculatedSize], [undefined, 0]);
});

/**
 * The events of the property: time passes, requests come, writes begin, take effect and are
 * acknowledged.
 */
const EVENTS = [
  "ask a",
  "ask b",
  "begin",
  "effect",
  "acknowledge",
  "fail",
  "read",
  "answer",
  "turn",
  "pass",
] as const;

test("a read that begins after a write was acknowledged, or after another read saw it, always sees it", async () => {
  await assert(
    asyncProperty(
      array(constantFrom(...EVENTS), { minLength: 20, maxLength: 120 }),
      async (events) => {
        await interleave(events);
      },
    ),
    { numRuns: propertyRuns(500) },
  );
});

interface Write {
  readonly value: number;
  took: boolean;
  readonly done: PromiseWithResolvers<void>;
  readonly over: Promise<unknown>;
}

/** Reads take the stored value at some moment between their start and their end. */
async function interleave(events: readonly (typeof EVENTS)[number][]): Promise<void> {
  const { cache, writes, pass } = cacheOver({ ttlMs: 3_600_000 });
  let stored = 0;
  let seen = 0;
  const begun: Write[] = [];
  const waitingToRead: (() => void)[] = [];
  const waitingToAnswer: (() => void)[] = [];
  const answers: Promise<void>[] = [];
  const read = async () => {
    await new Promise<void>((resolve) => waitingToRead.push(resolve));
    const snapshot = stored;
    await new Promise<void>((resolve) => waitingToAnswer.push(resolve));
    return String(snapshot);
  };
  const ask = (question: string) => {
    const least = seen;
    const answered = cache.getOrRead([question], read, stays).then(({ text }) => {
      ok(Number(text) >= least, `${text} was answered where ${least} was known`);
      seen = Math.max(seen, Number(text));
    });
    answers.push(answered);
  };
  const begin = () => {
    const done = Promise.withResolvers<void>();
    const write = { value: (begun.at(-1)?.value ?? 0) + 1, took: false, done };
    const over = writes.during(
      () => done.promise,
      () => true,
    );
    const told = over.then(
      () => (seen = Math.max(seen, write.value)),
      () => undefined,
    );
    begun.push({ ...write, over: told });
  };
  const takeEffect = (write: Write | undefined) => {
    if (write === undefined) return;
    write.took = true;
    stored = write.value;
  };
  const next = () => begun.find(({ took }) => !took);
  for (const event of events) {
    if (event === "ask a" || event === "ask b") ask(event);
    // One batch is under way at a time.
    else if (event === "begin" && next() === undefined) begin();
    else if (event === "effect") takeEffect(next());
    else if (event === "acknowledge")
      begun.filter(({ took }) => took).forEach(({ done }) => void done.resolve());
    else if (event === "fail")
      begun.filter(({ took }) => took).forEach(({ done }) => void done.reject(new Error("?")));
    else if (event === "read") waitingToRead.shift()?.();
    else if (event === "answer") waitingToAnswer.shift()?.();
    else if (event === "turn") await turn();
    else if (event === "pass") pass(10);
  }
  takeEffect(next());
  for (const { done } of begun) done.resolve();
  let over = false;
  const all = Promise.all([...answers, ...begun.map((write) => write.over)]).finally(
    () => (over = true),
  );
  for (let turns = 0; turns < 1_000 && !over; turns++) {
    waitingToRead.splice(0).forEach((go) => void go());
    waitingToAnswer.splice(0).forEach((go) => void go());
    await turn();
  }
  await all;
}
