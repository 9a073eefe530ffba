-- What reads need beside the rows, in a file of its own: all of it can be made again from the messages, and a change of this file
-- makes it again. (So, count up when fold.ts or searchable.ts make something else of the messages: form 4.) Nothing here is written when a message is stored. It is folded in behind, some thousand rows in one
-- transaction (fold.ts), and every read completes it with the rows that are not folded yet.

-- How far: the messages up to `seq` are in all of the below. The other columns tell whether this index belongs to the messages
-- beside it: an older copy may have been put in their place.
CREATE TABLE read_index.fold_state (
  one          INTEGER PRIMARY KEY CHECK (one = 1),
  seq          INTEGER NOT NULL,
  messages     INTEGER NOT NULL,
  senders      INTEGER NOT NULL,
  content_sum  INTEGER NOT NULL, -- of the messages up to `seq`: content-sum.ts
  database_id  TEXT NOT NULL,
  last_message TEXT,             -- the last one up to `seq` that there is: connection.ts
  deletions    INTEGER NOT NULL -- the generation of `deletions` beside the messages that this index has followed
);

CREATE TABLE read_index.senders (
  msisdn    TEXT PRIMARY KEY,
  messages  INTEGER NOT NULL
) WITHOUT ROWID;

-- The ten busiest.
CREATE INDEX read_index.senders_by_messages ON senders (messages DESC, msisdn);

-- One sender's messages, in the order of lists.
CREATE TABLE read_index.messages_by_sender (
  from_msisdn  TEXT NOT NULL,
  instant      TEXT NOT NULL,
  message_id   TEXT NOT NULL,
  source       TEXT NOT NULL,
  seq          INTEGER NOT NULL,
  PRIMARY KEY (from_msisdn, instant, message_id, source)
) WITHOUT ROWID;

-- How many messages lie between two places of a list, so that nobody has to walk past them: `list` is a sender, or '' for all
-- messages; a block reaches from its key to that of the next. A sender whose messages are soon walked past has none.
CREATE TABLE read_index.blocks (
  list        TEXT NOT NULL,
  instant     TEXT NOT NULL,
  message_id  TEXT NOT NULL,
  source      TEXT NOT NULL,
  messages    INTEGER NOT NULL,
  PRIMARY KEY (list, instant, message_id, source)
) WITHOUT ROWID;
INSERT INTO blocks VALUES ('', '', '', '', 0);

-- How many messages of each block of all went to each receiver, through each source.
CREATE TABLE read_index.receiver_blocks (
  to_msisdn    TEXT NOT NULL,
  via_source   TEXT NOT NULL,
  instant      TEXT NOT NULL,
  message_id   TEXT NOT NULL,
  source       TEXT NOT NULL,
  messages     INTEGER NOT NULL,
  PRIMARY KEY (to_msisdn, via_source, instant, message_id, source)
) WITHOUT ROWID;

-- How many in each minute, hour and day: 2025-01-15T10:05, 2025-01-15T10, 2025-01-15.
CREATE TABLE read_index.spans (
  characters  INTEGER NOT NULL,
  start       TEXT NOT NULL,
  messages    INTEGER NOT NULL,
  PRIMARY KEY (characters, start)
) WITHOUT ROWID;

-- From three letters in a row, of the text without regard to case and in NFC, to the messages that have them. A phrase of such is a
-- substring. The text itself is kept with the message only.
CREATE VIRTUAL TABLE read_index.search USING fts5 (text, content = '', columnsize = 0, tokenize = 'trigram case_sensitive 1');
INSERT INTO search (search, rank) VALUES ('hashsize', 4194304);

-- The grams that there are.
CREATE VIRTUAL TABLE read_index.search_terms USING fts5vocab (search, row);
