import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { inProcess } from "./in-process.ts";

const EXECUTIONS = { short: 400_000, long: 2_000_000 };

/** Every parser of what clients and operators send, with inputs that coverage guides. */
export const parserFuzz: Fault = {
  name: "parser-fuzz",
  what: "mutated inputs for every parser: headers, paths, timestamps, queries, cursors, bodies, imports, .env and DATABASE_URL; inputs that reach new code are mutated further",
  expected:
    "no unexpected exception, at most 50 ms an input, and the results of plain second implementations",
  databases: ["none"],
  rounds: { short: 1, long: 10 },
  controls: ["rare-offset-throws", "id-of-any-length", "cursor-in-any-spelling", "slow-path"],
  controlRounds: 8,
  run: (context: RoundContext): Promise<RoundResult> =>
    inProcess(context, "parser-fuzz", EXECUTIONS[context.isShort ? "short" : "long"]),
};
