-- Built-in alerts that fire, by the process that says so. What is not renewed until then is forgotten.
CREATE TABLE alert_votes (
  rule        TEXT NOT NULL,
  holder      TEXT NOT NULL, -- a process
  summary     TEXT NOT NULL,
  since       TEXT NOT NULL,
  expires_at  TEXT NOT NULL,
  PRIMARY KEY (rule, holder)
) WITHOUT ROWID;

-- What each target was told of each rule last, so that nobody is told twice.
CREATE TABLE alert_notices (
  rule    TEXT NOT NULL,
  target  TEXT NOT NULL,
  firing  INTEGER NOT NULL, -- 0 or 1
  at      TEXT NOT NULL,
  PRIMARY KEY (rule, target)
) WITHOUT ROWID;
