import { parseArgs } from "node:util";
import type { DatabaseKind } from "./fault.ts";
import { FAULTS } from "./faults.ts";

const USAGE = `Usage: npm run campaign -- COMMAND
  --list                    the faults, and how the service is built wrong to check them
  --fault NAME [--seed S] [--rounds N] [--database sqlite|postgres|none] [--control NAME]
                            one fault; with a control, the check must fail
  --short                   every fault and every control, at most 15 minutes
  --long [--minutes M]      what is missing until each fault has all its rounds, and a round of each
                            control; can be interrupted; appends to campaign/results.ndjson
  --results FILE            append each round to this file
`;

/** The command line of the campaign. On an error, prints it with the usage and ends the process. */
export function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        list: { type: "boolean", default: false },
        short: { type: "boolean", default: false },
        long: { type: "boolean", default: false },
        fault: { type: "string" },
        control: { type: "string" },
        database: { type: "string" },
        seed: { type: "string" },
        rounds: { type: "string" },
        minutes: { type: "string" },
        results: { type: "string" },
      },
    });
    const fault = FAULTS.find(({ name }) => name === values.fault);
    const commands = [values.list, values.short, values.long, values.fault];
    if (commands.filter((given) => given !== undefined && given !== false).length !== 1)
      throw new Error("Give exactly one of --list, --fault, --short and --long.");
    if (values.fault !== undefined && fault === undefined)
      throw new Error(`There is no fault "${values.fault}". --list shows them.`);
    if (values.control !== undefined && fault?.controls.includes(values.control) !== true)
      throw new Error(`The fault ${values.fault} has no control "${values.control}".`);
    if (values.database !== undefined && fault?.databases.some(isNamed(values.database)) !== true)
      throw new Error(`The fault ${values.fault} is not tried on "${values.database}".`);
    return {
      ...values,
      fault,
      seed: wholeNumber("--seed", values.seed),
      rounds: wholeNumber("--rounds", values.rounds),
      minutes: wholeNumber("--minutes", values.minutes),
    };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function isNamed(name: string): (kind: DatabaseKind) => boolean {
  return (kind) => kind === name;
}

function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${flag} must be a whole number.`);
  return value;
}
