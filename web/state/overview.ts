import { signal } from "@preact/signals";
import { type Overview, readOverview } from "../api/overview.ts";
import { tellFigures } from "../live/quiet.ts";
import { type Resource, useResource } from "./resource.ts";
import { quiet } from "./surroundings.ts";

// `GET /overview`, which the frame asks for and several pages show.

const EVERY_MS = 5_000;
/** The service makes it once a second for all, so a slow answer says nothing about its cost. */
const REST_PER_ANSWER = 0;

export const overview = signal<Resource<Overview> | undefined>(undefined);
/** The version that this page was loaded from. Another one means that the service was upgraded. */
let loadedVersion: string | undefined;
export const isUpgraded = signal(false);

/** Asks while the frame is shown. */
export function useOverview(): void {
  const resource = useResource("overview", read, EVERY_MS, REST_PER_ANSWER);
  overview.value = resource;
  const version = resource.value?.version;
  loadedVersion ??= version;
  isUpgraded.value = version !== undefined && version !== loadedVersion;
}

async function read(signal: AbortSignal, etag: string | undefined) {
  const outcome = await readOverview(signal, etag);
  if (outcome.kind === "ok") tellFigures(quiet, outcome.value);
  return outcome;
}
