const SECONDS_MAX = 3;

/** When to try again, in whole seconds from 1 to 3, drawn anew for each: those refused together shall not come back together. */
export function retryAfter(random: () => number): Readonly<Record<"retry-after", string>> {
  return { "retry-after": String(1 + Math.floor(SECONDS_MAX * random())) };
}
