-- The webhook secrets that each running process accepts. A process that does not renew its row in
-- time has ended.
CREATE TABLE accepted_secrets (
  process     text COLLATE "C" PRIMARY KEY,
  secrets     text COLLATE "C" NOT NULL, -- JSON: names, fingerprints and ends
  expires_at  timestamptz NOT NULL
);
