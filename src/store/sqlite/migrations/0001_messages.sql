CREATE TABLE messages (
  seq          INTEGER PRIMARY KEY, -- the order in which they were stored
  source       TEXT NOT NULL,
  message_id   TEXT NOT NULL,
  from_msisdn  TEXT NOT NULL,
  to_msisdn    TEXT NOT NULL,
  ts           TEXT NOT NULL, -- as the sender spelt it
  instant      TEXT NOT NULL, -- the same moment, in a spelling whose byte order is time (domain/timestamp.ts)
  text         TEXT,
  created_at   TEXT NOT NULL
);

-- The idempotency key: it alone makes sure that a message is stored once.
CREATE UNIQUE INDEX messages_key ON messages (message_id, source);

-- The order of every list, so that a page is a scan of the index.
CREATE INDEX messages_by_instant ON messages (instant, message_id, source);

-- The identity of this database. The read index beside it contains it too.
CREATE TABLE lyftr_database (id TEXT NOT NULL);
INSERT INTO lyftr_database VALUES (lower(hex(randomblob(16))));
