import { performance } from "node:perf_hooks";
import { simulationOf } from "./modules.ts";
import { runHistories } from "./run-histories.ts";

// `node campaign/simulation/run.ts MODULE SEED HISTORIES`: runs histories in a process of its own,
// so that a control can replace the source of the module before it is loaded. A single history is
// repeated with its seed and the number 1.

// Modules abort their sleeps, and each abort makes an error. Stacks would take a fifth of the time.
Error.stackTraceLimit = 3;

const [module = "", seed = "0", histories = "1"] = process.argv.slice(2);
const startMs = performance.now();
const result = await runHistories(await simulationOf(module), Number(seed), Number(histories));
const seconds = (performance.now() - startMs) / 1_000;
process.stdout.write(`${JSON.stringify({ ...result, seconds })}\n`);
