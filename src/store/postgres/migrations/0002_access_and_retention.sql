-- API keys. A revoked key stays, so that reading never becomes open again by itself.
CREATE TABLE api_keys (
  id            text COLLATE "C" PRIMARY KEY,
  name          text COLLATE "C" NOT NULL,
  scope         text COLLATE "C" NOT NULL,
  hash          text COLLATE "C" NOT NULL, -- SHA-256 of the key, in hex; the key itself is not stored
  hint          text COLLATE "C" NOT NULL, -- the part of the key that may be shown
  created_at    text COLLATE "C" NOT NULL,
  expires_at    text COLLATE "C",
  retires_at    text COLLATE "C",          -- the end of a key that has a successor
  revoked_at    text COLLATE "C",
  last_used_at  text COLLATE "C"           -- to about a minute
);

-- Webhook secrets in addition to those of the environment.
CREATE TABLE webhook_secrets (
  name        text COLLATE "C" PRIMARY KEY,
  sealed      text COLLATE "C" NOT NULL, -- encrypted under MASTER_KEY
  created_at  text COLLATE "C" NOT NULL,
  retires_at  text COLLATE "C"           -- refused from then on
);

-- When each secret last verified a message, including those of the environment. A secret is stored
-- only as a slow hash.
CREATE TABLE secret_uses (
  fingerprint       text COLLATE "C" PRIMARY KEY,
  seen_at           text COLLATE "C" NOT NULL, -- when a service first accepted it
  last_verified_at  text COLLATE "C"           -- null: never
);

-- The audit: actions on keys, secrets and people's data, with their actor. Entries are never
-- changed.
CREATE TABLE audit (
  at       text COLLATE "C" NOT NULL,
  id       text COLLATE "C" NOT NULL,
  actor    text COLLATE "C" NOT NULL,
  action   text COLLATE "C" NOT NULL,
  subject  text COLLATE "C" NOT NULL,
  details  text COLLATE "C" NOT NULL, -- a JSON object
  PRIMARY KEY (at, id)
);

-- Tombstones of deleted messages, so that a late retry of one is still a duplicate.
CREATE TABLE tombstones (
  hash        text COLLATE "C" PRIMARY KEY, -- of source and id, in hex: store/retention.ts
  expires_at  text COLLATE "C" NOT NULL
);
CREATE INDEX tombstones_by_end ON tombstones (expires_at ASC);

-- Has a row from the first deletion on, for ever. From then on every insert checks for tombstones.
-- The first deletion adds the row under a lock that waits for all running inserts.
CREATE TABLE deletions (
  one       integer PRIMARY KEY CHECK (one = 1),
  began_at  timestamptz NOT NULL
);

-- The lease for deleting old messages: only its holder does it.
INSERT INTO leases VALUES ('retention', '', 'epoch');
-- Locked by every change of the API keys, so that two changes never happen at once.
INSERT INTO leases VALUES ('api_keys', '', 'epoch');
-- The same for webhook secrets.
INSERT INTO leases VALUES ('webhook_secrets', '', 'epoch');
-- No process holds this lease. Until it expires, sweeps scan only where old messages usually are.
INSERT INTO leases VALUES ('retention everywhere', '', 'epoch');
