-- API keys. A revoked key stays, so that reading never becomes open again by itself.
CREATE TABLE api_keys (
  id            TEXT PRIMARY KEY,
  name          TEXT NOT NULL,
  scope         TEXT NOT NULL,
  hash          TEXT NOT NULL UNIQUE, -- SHA-256 of the key, in hex; the key itself is nowhere
  hint          TEXT NOT NULL,        -- what of the key may be shown
  created_at    TEXT NOT NULL,
  expires_at    TEXT,
  retires_at    TEXT,                 -- the end of a key that has a successor
  revoked_at    TEXT,
  last_used_at  TEXT                  -- to about a minute
) WITHOUT ROWID;

-- Webhook secrets in addition to those of the environment.
CREATE TABLE webhook_secrets (
  name        TEXT PRIMARY KEY,
  sealed      TEXT NOT NULL, -- encrypted under MASTER_KEY
  created_at  TEXT NOT NULL,
  retires_at  TEXT           -- from then on it is refused
) WITHOUT ROWID;

-- When each secret last verified a message, including those of the environment. A secret is stored
-- only as a slow hash.
CREATE TABLE secret_uses (
  fingerprint       TEXT PRIMARY KEY,
  seen_at           TEXT NOT NULL, -- when a service first accepted it
  last_verified_at  TEXT           -- never without
) WITHOUT ROWID;

-- The audit: actions on keys, secrets and people's data, with their actor. Entries are never
-- changed.
CREATE TABLE audit (
  at       TEXT NOT NULL,
  id       TEXT NOT NULL,
  actor    TEXT NOT NULL,
  action   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  details  TEXT NOT NULL, -- a JSON object
  PRIMARY KEY (at, id)
) WITHOUT ROWID;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
-- A REPLACE deletes without the trigger above.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE at = NEW.at AND id = NEW.id)
BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;

-- Tombstones of deleted messages, so that a late retry of one is still a duplicate.
CREATE TABLE tombstones (
  hash        BLOB PRIMARY KEY, -- of source and id, see tombstone.ts
  expires_at  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tombstones_by_end ON tombstones (expires_at);

-- How often messages were deleted, so that the read index can follow; and the largest deleted seq,
-- because none is used twice.
CREATE TABLE deletions (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  generation  INTEGER NOT NULL,
  seq_floor   INTEGER NOT NULL
);
INSERT INTO deletions VALUES (1, 0, 0);
