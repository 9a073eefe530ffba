-- The last completed retention sweep. A sweep by a wrong clock is recognised by comparing it with
-- this row (retention/guard.ts).
CREATE TABLE retention_sweep (
  one              INTEGER PRIMARY KEY CHECK (one = 1),
  swept_at        TEXT NOT NULL, -- by the wall clock; before the first sweep the newest created_at
  received_before  TEXT,          -- messages received before this were deleted; null: kept for ever
  full_scan_at    TEXT           -- when every message was last scanned
);
