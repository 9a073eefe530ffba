-- Built-in alerts that fire, by the process that says so. What is not renewed until then is forgotten.
CREATE TABLE alert_votes (
  rule        text COLLATE "C" NOT NULL,
  holder      text COLLATE "C" NOT NULL, -- a process
  summary     text COLLATE "C" NOT NULL,
  since       text COLLATE "C" NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (rule, holder)
);

-- What each target was told of each rule last, so that nobody is told twice.
CREATE TABLE alert_notices (
  rule    text COLLATE "C" NOT NULL,
  target  text COLLATE "C" NOT NULL,
  firing  boolean NOT NULL,
  at      text COLLATE "C" NOT NULL,
  PRIMARY KEY (rule, target)
);

-- Held by the process that tells of alerts.
INSERT INTO leases VALUES ('alerts', '', 'epoch');
