/** Where a trace goes on from, as `traceparent` says it. */
export interface RemoteParent {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether whoever sends it keeps its part of the trace. */
  readonly sampled: boolean;
}

/** Version 00 ends here. Later ones may have more behind a dash, and their beginning is read as 00. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** W3C asks for 512 to be passed on; a longer one is passed over. */
const TRACESTATE_CHARACTERS_MAX = 512;
const TRACEPARENT_CHARACTERS_MAX = 512;
const SAMPLED = 1;

/** What a field says; undefined when it is not there or not valid, and then a trace begins here. */
export function parseTraceparent(field: unknown): RemoteParent | undefined {
  if (typeof field !== "string" || field.length > TRACEPARENT_CHARACTERS_MAX) return undefined;
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(field) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === "00" && more !== undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

export function parseTracestate(field: unknown): string | undefined {
  return typeof field === "string" && field !== "" && field.length <= TRACESTATE_CHARACTERS_MAX ? field : undefined;
}

export function formatTraceparent({ traceId, spanId, sampled }: RemoteParent): string {
  return `00-${traceId}-${spanId}-0${Number(sampled)}`;
}
