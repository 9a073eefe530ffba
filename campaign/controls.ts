import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DIFFERENTIAL_CONTROLS } from "./differential/controls.ts";
import { FAULT_CONTROLS } from "./faults/controls.ts";
import { BAD_INPUT_CONTROLS } from "./fuzz/controls.ts";
import { POWER_CUT_CONTROLS } from "./power-cut/controls.ts";
import { SIMULATION_CONTROLS } from "./simulation/controls.ts";

// Ways to build the service wrong. Each replaces some text of a source file while it is loaded, so
// the files on disk do not change. A fault whose check does not notice them proves nothing.

interface Replacement {
  /** A file of src/. */
  readonly file: string;
  /** Must occur exactly once in the file. */
  readonly from: string;
  readonly to: string;
}

export interface Control {
  readonly what: string;
  readonly replacements: readonly Replacement[];
}

export const CONTROLS: Readonly<Record<string, Control>> = {
  "answer-before-commit": {
    what: "a message is acknowledged before its transaction has ended",
    replacements: [
      {
        file: "ingest/group-commit.ts",
        from: "      const committed = this.#commit(batch);\n",
        to: `      const committed = this.#commit(batch);
      for (const { resolve } of batch) resolve("created");
`,
      },
    ],
  },
  ...BAD_INPUT_CONTROLS,
  ...FAULT_CONTROLS,
  ...POWER_CUT_CONTROLS,
  ...SIMULATION_CONTROLS,
  ...DIFFERENTIAL_CONTROLS,
};

const PRELOAD = fileURLToPath(new URL("./support/break.mjs", import.meta.url));
const SOURCES = new URL("../src/", import.meta.url);

/** The environment of a process of the service that is built wrong in this way. */
export function brokenBuild(name: string): Record<string, string> {
  const control = CONTROLS[name];
  if (control === undefined) throw new Error(`there is no control "${name}"`);
  for (const { file, from } of control.replacements) {
    const times = readFileSync(new URL(file, SOURCES), "utf8").split(from).length - 1;
    if (times !== 1)
      throw new Error(`the control ${name} replaces a text that is ${times} times in src/${file}`);
  }
  return {
    NODE_OPTIONS: `--import=${PRELOAD}`,
    CAMPAIGN_REPLACEMENTS: JSON.stringify(control.replacements),
  };
}
