CREATE TABLE messages (
  source       TEXT NOT NULL,
  message_id   TEXT NOT NULL,
  from_msisdn  TEXT NOT NULL,
  to_msisdn    TEXT NOT NULL,
  ts           TEXT NOT NULL, -- as the sender spelt it
  instant      TEXT NOT NULL, -- the same moment, in a spelling whose byte order is time (domain/timestamp.ts)
  text         TEXT,
  created_at   TEXT NOT NULL
);

-- The idempotency key, and the only thing that makes a message once.
CREATE UNIQUE INDEX messages_key ON messages (message_id, source);

-- The order of every list, so that a page is a walk along the index; with the sender in it, so that one sender's messages are
-- counted and found without touching the rows. An index by sender would dirty one more page a message, as much as all the rest.
CREATE INDEX messages_by_instant ON messages (instant, message_id, source, from_msisdn);
