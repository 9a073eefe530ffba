import { differential } from "./differential/fault.ts";
import type { Fault } from "./fault.ts";
import { SERVICE_FAULTS } from "./faults/list.ts";
import { BAD_INPUT } from "./fuzz/faults.ts";
import { POWER_CUTS } from "./power-cut/faults.ts";
import { SIMULATIONS } from "./simulation/faults.ts";

/** Every fault of the campaign, in the order in which it runs them. */
export const FAULTS: readonly Fault[] = [
  ...SERVICE_FAULTS,
  ...POWER_CUTS,
  ...SIMULATIONS,
  differential,
  ...BAD_INPUT,
];
