-- The webhook secrets that each running process accepts. A process that does not renew its row in
-- time has ended.
CREATE TABLE accepted_secrets (
  process     TEXT PRIMARY KEY NOT NULL,
  secrets     TEXT NOT NULL, -- JSON: names, fingerprints and ends
  expires_at  TEXT NOT NULL
) WITHOUT ROWID;
