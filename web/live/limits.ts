// Limits of the service that its API does not tell. test/unit/web-overview.test.ts compares them
// with the service.

/** Rows that wait for their commit in one process. */
export const QUEUE_ROWS_MAX = 10_000;
/** An alert fires when the oldest of them has waited this long. */
export const QUEUE_AGE_ALERT_MS = 2_000;
