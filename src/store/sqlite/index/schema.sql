-- The read index: what reads need in addition to the rows, in a file of its own. It can be rebuilt
-- from the messages, and a change of this file makes it so. (Therefore count up here when
-- index-messages.ts or searchable.ts change what they derive from a message: form 4.) Storing a
-- message writes nothing here. Messages are indexed in the background, some thousand in one
-- transaction (index-messages.ts), and every read adds the messages that are not indexed yet.

-- How far the index goes: it covers the messages up to `seq`. The other columns tell whether this
-- index belongs to the messages beside it, because an older copy may have replaced them.
CREATE TABLE read_index.index_state (
  one          INTEGER PRIMARY KEY CHECK (one = 1),
  seq          INTEGER NOT NULL,
  messages     INTEGER NOT NULL,
  senders      INTEGER NOT NULL,
  content_sum  INTEGER NOT NULL, -- of the messages up to `seq`: content-sum.ts
  database_id  TEXT NOT NULL,
  last_message TEXT,             -- the last existing message up to `seq`: connection.ts
  deletions    INTEGER NOT NULL -- the generation of `deletions` that this index has followed
);

CREATE TABLE read_index.senders (
  msisdn    TEXT PRIMARY KEY,
  messages  INTEGER NOT NULL
) WITHOUT ROWID;

-- The ten busiest senders.
CREATE INDEX read_index.senders_by_messages ON senders (messages DESC, msisdn);

-- The messages of one sender, in the order of lists.
CREATE TABLE read_index.messages_by_sender (
  from_msisdn  TEXT NOT NULL,
  instant      TEXT NOT NULL,
  message_id   TEXT NOT NULL,
  source       TEXT NOT NULL,
  seq          INTEGER NOT NULL,
  PRIMARY KEY (from_msisdn, instant, message_id, source)
) WITHOUT ROWID;

-- The number of messages between two positions of a list, so that they need not be scanned. `list`
-- is a sender, or '' for all messages. A block reaches from its key to that of the next block. A
-- sender with few messages has none.
CREATE TABLE read_index.blocks (
  list        TEXT NOT NULL,
  instant     TEXT NOT NULL,
  message_id  TEXT NOT NULL,
  source      TEXT NOT NULL,
  messages    INTEGER NOT NULL,
  PRIMARY KEY (list, instant, message_id, source)
) WITHOUT ROWID;
INSERT INTO blocks VALUES ('', '', '', '', 0);

-- The number of messages of each block of all, by receiver and source.
CREATE TABLE read_index.receiver_blocks (
  to_msisdn    TEXT NOT NULL,
  via_source   TEXT NOT NULL,
  instant      TEXT NOT NULL,
  message_id   TEXT NOT NULL,
  source       TEXT NOT NULL,
  messages     INTEGER NOT NULL,
  PRIMARY KEY (to_msisdn, via_source, instant, message_id, source)
) WITHOUT ROWID;

-- The number of messages in each minute, hour and day: 2025-01-15T10:05, 2025-01-15T10, 2025-01-15.
CREATE TABLE read_index.spans (
  characters  INTEGER NOT NULL,
  start       TEXT NOT NULL,
  messages    INTEGER NOT NULL,
  PRIMARY KEY (characters, start)
) WITHOUT ROWID;

-- From three letters in a row, of the case-folded text in NFC, to the messages that contain them. A
-- phrase of these is a substring. The text itself is stored with the message only.
CREATE VIRTUAL TABLE read_index.search USING fts5 (text, content = '', columnsize = 0, tokenize = 'trigram case_sensitive 1');
INSERT INTO search (search, rank) VALUES ('hashsize', 4194304);

-- All grams.
CREATE VIRTUAL TABLE read_index.search_terms USING fts5vocab (search, row);
