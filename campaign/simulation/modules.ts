import type { Simulation } from "./history.ts";

/** The simulated modules. Each is loaded by its own process only. */
export const MODULES: Readonly<Record<string, () => Promise<Simulation>>> = {
  "group-commit": async () => (await import("./group-commit.ts")).groupCommit,
  alerts: async () => (await import("./alerts.ts")).alerts,
  admission: async () => (await import("./admission.ts")).admission,
  retention: async () => (await import("./retention.ts")).retention,
  "rate-limit": async () => (await import("./rate-limit.ts")).rateLimit,
  secrets: async () => (await import("./secrets.ts")).secrets,
};

export async function simulationOf(module: string): Promise<Simulation> {
  const load = MODULES[module];
  if (load === undefined) throw new Error(`there is no simulation of "${module}"`);
  return load();
}
