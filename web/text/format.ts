import { clock, zoneChoice } from "../prefs.ts";
import { type FormatChoice, MomentFormat } from "./moments.ts";
import { browserZone } from "./zones.ts";

// Moments, in the zone and the clock that the reader chose: one zone and one clock for the whole
// page. A component that calls these is drawn again when the choice changes.

export { fromNow } from "./ago.ts";
export { bytes, change, compact, duration, percent } from "./quantities.ts";
export { counted, fill, number } from "./words.ts";

let made: { readonly key: string; readonly format: MomentFormat } | undefined;

/** The zone of the page. */
export function zone(): string {
  return zoneChoice.value.value === "local" ? browserZone() : zoneChoice.value.value;
}

/** Formats moments as the reader chose. */
export function moments(): MomentFormat {
  const choice: FormatChoice = { zone: zone(), clock: clock.value.value, language: language() };
  const key = `${choice.zone} ${choice.clock} ${choice.language}`;
  if (made?.key !== key) made = { key, format: new MomentFormat(choice) };
  return made.format;
}

function language(): string {
  return globalThis.navigator?.language ?? "en";
}

/** `Sunday`, in the zone of the page. */
export function weekday(at: number): string {
  return new Intl.DateTimeFormat("en", { weekday: "long", timeZone: zone() }).format(at);
}
