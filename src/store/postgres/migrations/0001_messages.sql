-- Texts compare by their bytes (COLLATE "C"), so that the order of lists is the same on every server, and on SQLite.
-- No triggers, foreign keys, serial columns or locks of a session, so that it runs behind PgBouncer and on engines that distribute
-- tables. ASC is for YugabyteDB, which would hash the first column of an index otherwise.

CREATE TABLE messages (
  source       text COLLATE "C" NOT NULL,
  message_id   text COLLATE "C" NOT NULL,
  from_msisdn  text COLLATE "C" NOT NULL,
  to_msisdn    text COLLATE "C" NOT NULL,
  ts           text COLLATE "C" NOT NULL, -- as the sender spelt it
  instant      text COLLATE "C" NOT NULL, -- the same moment, in a spelling whose byte order is time (domain/timestamp.ts)
  text         text COLLATE "C",
  folded       text COLLATE "C",          -- the text without regard to case, unless that is what upper() makes of ASCII letters
  created_at   text COLLATE "C" NOT NULL,
  stream       bigint NOT NULL,           -- who stored it: one process at a time writes to a stream, one batch after the other
  seq          bigint NOT NULL,           -- where in its stream
  -- The idempotency key. The id comes first and is what a distributed engine spreads the messages by.
  PRIMARY KEY (message_id, source)
) /* partitioned */;

-- The order of every list, of all messages, of a sender's and of a receiver's: a page is a walk along one of these.
CREATE INDEX messages_by_instant ON messages (instant ASC, message_id, source);
CREATE INDEX messages_by_sender ON messages (from_msisdn ASC, instant, message_id, source);
CREATE INDEX messages_by_receiver ON messages (to_msisdn ASC, instant, message_id, source);

-- What is not counted yet: within a stream, messages become visible in the order of seq, so those behind `folded_seq` are the tail.
CREATE INDEX messages_by_stream ON messages (stream ASC, seq);

CREATE TABLE streams (
  stream      bigint PRIMARY KEY,
  folded_seq  bigint NOT NULL, -- messages up to here are in `totals` and `blocks`
  opened_at   timestamptz NOT NULL,
  closed      boolean NOT NULL -- nobody writes to it any more
);

-- Counts of folded messages by kind: `all`, `from` and `to` with a number, `source` with one, `minute`, `hour` and `day` with the beginning of one;
-- and `senders`, how many different ones there are.
CREATE TABLE totals (
  kind      text COLLATE "C" NOT NULL,
  name      text COLLATE "C" NOT NULL,
  messages  bigint NOT NULL,
  PRIMARY KEY (kind, name)
);

-- The ten busiest, and the lists that have grown so long that they need blocks.
CREATE INDEX totals_by_messages ON totals (kind ASC, messages DESC, name);

-- How many folded messages lie between two places of a list (`all`, or `from` or `to` a number), so that nobody has to walk past
-- them: a block reaches from its key to that of the next. A list that is soon walked past has none.
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

-- Work that one process does for all: whoever holds the lease, until it expires.
CREATE TABLE leases (
  name        text COLLATE "C" PRIMARY KEY,
  holder      text COLLATE "C" NOT NULL,
  expires_at  timestamptz NOT NULL
);
INSERT INTO leases VALUES ('fold', '', 'epoch');

-- Tells this database from every other: an interrupted copy finds its source again by it.
CREATE TABLE lyftr_database (id text COLLATE "C" PRIMARY KEY);
INSERT INTO lyftr_database VALUES (md5(random()::text || clock_timestamp()::text));
