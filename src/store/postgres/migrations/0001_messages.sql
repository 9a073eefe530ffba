-- Texts are compared by their bytes (COLLATE "C"), so the order of lists is the same on every
-- server and on SQLite. There are no triggers, foreign keys, serial columns or session locks, so
-- this runs behind PgBouncer and on engines that distribute tables. ASC is for YugabyteDB, which
-- would otherwise hash the first column of an index.

CREATE TABLE messages (
  source       text COLLATE "C" NOT NULL,
  message_id   text COLLATE "C" NOT NULL,
  from_msisdn  text COLLATE "C" NOT NULL,
  to_msisdn    text COLLATE "C" NOT NULL,
  ts           text COLLATE "C" NOT NULL, -- as the sender wrote it
  instant      text COLLATE "C" NOT NULL, -- the same moment, in a form whose byte order is its order in time (domain/timestamp.ts)
  text         text COLLATE "C",
  folded       text COLLATE "C",          -- the case-folded text, unless upper() computes the same
  created_at   text COLLATE "C" NOT NULL,
  stream       bigint NOT NULL,           -- only one process writes to a stream, one batch at a time
  seq          bigint NOT NULL,           -- the number within the stream
  -- The idempotency key. The id comes first, because a distributed engine distributes messages by
  -- it.
  PRIMARY KEY (message_id, source)
) /* partitioned */;

-- The order of the lists: of all messages, of a sender, and of a receiver. A page is a scan of one
-- of these.
CREATE INDEX messages_by_instant ON messages (instant ASC, message_id, source);
CREATE INDEX messages_by_sender ON messages (from_msisdn ASC, instant, message_id, source);
CREATE INDEX messages_by_receiver ON messages (to_msisdn ASC, instant, message_id, source);

-- The messages that are not counted yet. Within a stream, messages become visible in the order of
-- seq, so those after `folded_seq` are the tail.
CREATE INDEX messages_by_stream ON messages (stream ASC, seq);

CREATE TABLE streams (
  stream      bigint PRIMARY KEY,
  folded_seq  bigint NOT NULL, -- messages up to here are in `totals` and `blocks`
  opened_at   timestamptz NOT NULL,
  closed      boolean NOT NULL -- it gets no more messages
);

-- Counts of counted messages by kind: `all`, `from` and `to` with a number, `source` with its name,
-- and `minute`, `hour` and `day` with the start of one. `senders` is the number of different
-- senders.
CREATE TABLE totals (
  kind      text COLLATE "C" NOT NULL,
  name      text COLLATE "C" NOT NULL,
  messages  bigint NOT NULL,
  PRIMARY KEY (kind, name)
);

-- The ten busiest senders, and the lists whose length requires blocks.
CREATE INDEX totals_by_messages ON totals (kind ASC, messages DESC, name);

-- The number of counted messages between two positions of a list (`all`, or `from` or `to` a
-- number), so that they need not be scanned. A block reaches from its key to that of the next
-- block. A short list has none.
CREATE TABLE blocks (
  kind        text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL,
  instant     text COLLATE "C" NOT NULL,
  message_id  text COLLATE "C" NOT NULL,
  source      text COLLATE "C" NOT NULL,
  messages    bigint NOT NULL,
  PRIMARY KEY (kind, name, instant, message_id, source)
);
INSERT INTO blocks VALUES ('all', '', '', '', '', 0);

-- Work that one process does for all: the holder of the lease, until it expires.
CREATE TABLE leases (
  name        text COLLATE "C" PRIMARY KEY,
  holder      text COLLATE "C" NOT NULL,
  expires_at  timestamptz NOT NULL
);
INSERT INTO leases VALUES ('fold', '', 'epoch');

-- The identity of the database. An interrupted copy finds its source again by it.
CREATE TABLE lyftr_database (id text COLLATE "C" PRIMARY KEY);
INSERT INTO lyftr_database VALUES (md5(random()::text || clock_timestamp()::text));
