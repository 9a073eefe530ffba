-- The last look for old messages that was carried out. A look that a wrong clock would make is told
-- from the others by it (retention/guard.ts).
CREATE TABLE retention_look (
  one              integer PRIMARY KEY CHECK (one = 1),
  looked_at        text COLLATE "C" NOT NULL, -- by the wall clock; before the first look the newest created_at
  received_before  text COLLATE "C",          -- messages received before this were deleted; null: kept for ever
  everywhere_at    text COLLATE "C"           -- when every message was looked at last
);
