import { Random } from "../support/random.ts";
import { type Check, PROGRESS } from "./in-process.ts";

// The process of a check, see in-process.ts. It writes the result as JSON.

/** Loaded only here, so that a control can replace the code that they import. */
const CHECKS: Readonly<Record<string, () => Promise<Check>>> = {
  "forged-signatures": async () => (await import("./signatures/check.ts")).checkForgeries,
  "parser-fuzz": async () => (await import("./parsers/check.ts")).fuzzParsers,
};

const [name = "", seed = "", executions = "", folder = ""] = process.argv.slice(2);
const load = CHECKS[name];
if (load === undefined) throw new Error(`there is no check "${name}"`);
const check = await load();
const random = new Random(Number(seed));
const progress = () => process.stderr.write(PROGRESS);
const result = await check({ random, executions: Number(executions), folder, progress });
process.stdout.write(JSON.stringify(result));
