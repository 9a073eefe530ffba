-- Votes for built-in alerts, by process. A vote that is not renewed expires.
CREATE TABLE alert_votes (
  rule        TEXT NOT NULL,
  holder      TEXT NOT NULL, -- a process
  summary     TEXT NOT NULL,
  since       TEXT NOT NULL,
  expires_at  TEXT NOT NULL,
  PRIMARY KEY (rule, holder)
) WITHOUT ROWID;

-- The last message of each rule to each target, so that no target gets it twice.
CREATE TABLE alert_notices (
  rule    TEXT NOT NULL,
  target  TEXT NOT NULL,
  firing  INTEGER NOT NULL, -- 0 or 1
  at      TEXT NOT NULL,
  PRIMARY KEY (rule, target)
) WITHOUT ROWID;
