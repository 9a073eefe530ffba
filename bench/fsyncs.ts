import { join } from "node:path";
import { checkAckOrder } from "./support/ack-order.ts";
import { expectAccepted, expectWithin, settledTotals } from "./support/checks.ts";
import { rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { writeSignedMessages } from "./support/messages.ts";
import { scrape } from "./support/metrics.ts";
import { runOpenLoop } from "./support/open-loop-run.ts";
import { readTrace, strace, type TraceLine } from "./support/strace.ts";
import { startLyftr } from "./support/target.ts";
import { requireTool, runWrk } from "./support/wrk.ts";

// Counts the fsyncs of the service: one of the write-ahead log for each batch, and a few more at
// each checkpoint. Checks that no answer is sent before the fsync of its batch has returned.

const flags = readFlags({
  seconds: 5,
  connections: 64,
  messagesPerSecondMax: 50_000,
  orderedSeconds: 3,
  orderedRate: 100,
  orderedConnections: 4,
});

/**
 * A checkpoint syncs the log before it copies pages, then the file, and then the log's new header.
 */
const LOG_SYNCS_PER_CHECKPOINT = 2;

requireTool("wrk", "-v");
requireTool("strace", "-V");
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const counted = await countSyncs();
const order = await traceOrder();
process.stdout.write(
  `${[
    `${machine}; ${flags.connections} connections, ${flags.seconds} s under strace`,
    "",
    table([
      [
        "messages",
        "batches",
        "fsyncs of the log",
        "a batch",
        "fsyncs of the file (checkpoints)",
        "answers traced",
        "answered before their fsync returned",
      ],
      [
        rounded(counted.messages),
        rounded(counted.batches),
        rounded(counted.log),
        rounded(counted.log / counted.batches, 3),
        rounded(counted.file),
        rounded(order.answers),
        rounded(order.tooEarly),
      ],
    ]),
    "",
    `- fsyncs a batch without those of the checkpoints: ${rounded((counted.log - LOG_SYNCS_PER_CHECKPOINT * counted.file) / counted.batches, 3)} to ${rounded(counted.log / counted.batches, 3)} (goal 1)`,
  ].join("\n")}\n`,
);

async function countSyncs() {
  const path = join(folder.path, "count.db");
  const trace = join(folder.path, "count.trace");
  const messages = join(folder.path, "count.txt");
  const { connections, seconds } = flags;
  writeSignedMessages(messages, "count", Math.ceil(seconds * flags.messagesPerSecondMax));
  let [pid, batches, stored, startMs, endMs] = [0, 0, 0, 0, 0];
  {
    await using target = await startLyftr(sqliteUrl(path), {
      before: strace(trace, "fsync,fdatasync"),
    });
    pid = target.pid;
    const { url } = target;
    const before = await settledTotals(url);
    startMs = Date.now();
    const load = await runWrk({ url, connections, messages, seconds });
    const after = await settledTotals(url);
    endMs = Date.now();
    expectAccepted("under strace", before, after, load.accepted, connections);
    batches = (await scrape(url))("commit_batch_rows_count");
    stored = after.stored - before.stored;
  }
  const during = (await readTrace(trace, pid)).filter(
    ({ atMs }) => atMs >= startMs && atMs <= endMs,
  );
  const log = syncsOf(during, `${path}-wal`);
  const file = syncsOf(during, path);
  expectWithin("fsyncs of the log", log, batches, batches + LOG_SYNCS_PER_CHECKPOINT * (file + 1));
  return { messages: stored, batches, log, file };
}

function syncsOf(trace: readonly TraceLine[], path: string): number {
  return trace.filter(({ text }) => /^f(data)?sync\(/.test(text) && text.includes(`<${path}>`))
    .length;
}

async function traceOrder() {
  const trace = join(folder.path, "order.trace");
  const messages = join(folder.path, "order.txt");
  const { orderedSeconds: seconds, orderedRate: rate, orderedConnections: connections } = flags;
  writeSignedMessages(messages, "order", Math.ceil(seconds * rate));
  let pid = 0;
  {
    // A complete page with the frame header before it: the message is looked up in it.
    await using target = await startLyftr(sqliteUrl(join(folder.path, "order.db")), {
      before: strace(trace, "read,write,writev,pwrite64,fsync,fdatasync", ["-s", "4200"]),
    });
    pid = target.pid;
    await runOpenLoop({ url: target.url, path: "/webhook", messages, rate, seconds, connections });
  }
  const lines = await readTrace(trace, pid);
  const order = checkAckOrder(lines);
  expectWithin("answers in the trace", order.answers, rate * seconds, rate * seconds);
  expectWithin("answers before their fsync returned", order.tooEarly, 0, 0);
  // The check itself is checked: in a trace without fsyncs every answer must come too early.
  const control = checkAckOrder(lines.filter(({ text }) => !/f(data)?sync/.test(text)));
  expectWithin(
    "early answers in the trace without its fsyncs",
    control.tooEarly,
    order.answers,
    order.answers,
  );
  return order;
}
