-- Votes for built-in alerts, by process. A vote that is not renewed expires.
CREATE TABLE alert_votes (
  rule        text COLLATE "C" NOT NULL,
  holder      text COLLATE "C" NOT NULL, -- the process
  summary     text COLLATE "C" NOT NULL,
  since       text COLLATE "C" NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (rule, holder)
);

-- The last message of each rule to each target, so that no target gets it twice.
CREATE TABLE alert_notices (
  rule    text COLLATE "C" NOT NULL,
  target  text COLLATE "C" NOT NULL,
  firing  boolean NOT NULL,
  at      text COLLATE "C" NOT NULL,
  PRIMARY KEY (rule, target)
);

-- The lease for sending notifications.
INSERT INTO leases VALUES ('alerts', '', 'epoch');
