import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { MODULES, simulationOf } from "../../campaign/simulation/modules.ts";
import { runHistories } from "../../campaign/simulation/run-histories.ts";
import { propertyRuns } from "../support/property-runs.ts";

const HISTORIES = 300;
/** A history of the alerts takes ten minutes of simulated time. */
const HISTORIES_OF_ALERTS = 50;
/** Seeds of histories that once broke a promise. */
const ONCE_BROKEN: Readonly<Record<string, readonly number[]>> = {
  "rate-limit": [22, 150, 283],
  retention: [23, 45, 106],
};

for (const module of Object.keys(MODULES)) {
  test(`in simulated histories, ${module} keeps its promises`, async () => {
    const simulate = await simulationOf(module);
    const histories = propertyRuns(module === "alerts" ? HISTORIES_OF_ALERTS : HISTORIES);
    deepEqual((await runHistories(simulate, 1, histories)).broken, []);
    for (const seed of ONCE_BROKEN[module] ?? [])
      deepEqual((await runHistories(simulate, seed, 1)).broken, []);
  });
}
