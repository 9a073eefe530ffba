-- The last look for old messages that was carried out. A look that a wrong clock would make is told
-- from the others by it (retention/guard.ts).
CREATE TABLE retention_look (
  one              INTEGER PRIMARY KEY CHECK (one = 1),
  looked_at        TEXT NOT NULL, -- by the wall clock; before the first look the newest created_at
  received_before  TEXT,          -- messages received before this were deleted; null: kept for ever
  everywhere_at    TEXT           -- when every message was looked at last
);
