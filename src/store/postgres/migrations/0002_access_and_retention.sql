-- Who may read and administer. A key that was revoked stays: reading never opens again by itself.
CREATE TABLE api_keys (
  id            text COLLATE "C" PRIMARY KEY,
  name          text COLLATE "C" NOT NULL,
  scope         text COLLATE "C" NOT NULL,
  hash          text COLLATE "C" NOT NULL, -- SHA-256 of the key, in hex; the key itself is nowhere
  hint          text COLLATE "C" NOT NULL, -- what of the key may be shown
  created_at    text COLLATE "C" NOT NULL,
  expires_at    text COLLATE "C",
  retires_at    text COLLATE "C",          -- the end of a key that has a successor
  revoked_at    text COLLATE "C",
  last_used_at  text COLLATE "C"           -- to about a minute
);

-- Secrets of senders beside those of the environment.
CREATE TABLE webhook_secrets (
  name        text COLLATE "C" PRIMARY KEY,
  sealed      text COLLATE "C" NOT NULL, -- encrypted under MASTER_KEY
  created_at  text COLLATE "C" NOT NULL,
  retires_at  text COLLATE "C"           -- from then on it is refused
);

-- When each secret last verified a message, those of the environment too: known by a slow hash, never by themselves.
CREATE TABLE secret_uses (
  fingerprint       text COLLATE "C" PRIMARY KEY,
  seen_at           text COLLATE "C" NOT NULL, -- when a service first accepted it
  last_verified_at  text COLLATE "C"           -- never without
);

-- What was done with keys, secrets and people's data, and by whom. Nothing of it is changed or taken back.
CREATE TABLE audit (
  at       text COLLATE "C" NOT NULL,
  id       text COLLATE "C" NOT NULL,
  actor    text COLLATE "C" NOT NULL,
  action   text COLLATE "C" NOT NULL,
  subject  text COLLATE "C" NOT NULL,
  details  text COLLATE "C" NOT NULL, -- a JSON object
  PRIMARY KEY (at, id)
);

-- Messages that were deleted, so that a late retry of one is still a duplicate.
CREATE TABLE tombstones (
  hash        text COLLATE "C" PRIMARY KEY, -- of source and id, in hex, see tombstone.ts
  expires_at  text COLLATE "C" NOT NULL
);
CREATE INDEX tombstones_by_end ON tombstones (expires_at ASC);

-- Has its row once anything may have been deleted, for ever: from then on whoever stores a message looks for its tombstone. Until then
-- nobody does; whoever deletes first puts the row here under a lock that waits for everybody who is just storing.
CREATE TABLE deletions (
  one       integer PRIMARY KEY CHECK (one = 1),
  began_at  timestamptz NOT NULL
);

-- Held by whoever deletes what is too old, so that it is one process of all.
INSERT INTO leases VALUES ('retention', '', 'epoch');
-- Locked by whoever changes the API keys, so that two changes never happen at once.
INSERT INTO leases VALUES ('api_keys', '', 'epoch');
-- The same for webhook secrets.
INSERT INTO leases VALUES ('webhook_secrets', '', 'epoch');
-- Nobody holds this one: while it runs, what is too old is looked for only where it is as a rule.
INSERT INTO leases VALUES ('retention everywhere', '', 'epoch');
