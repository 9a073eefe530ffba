-- The older Python service calls its table `messages`. If it is started again on this file, its
-- INSERT must fail with an error that it does not treat as a duplicate. Otherwise it would
-- acknowledge messages that are not stored. A view does that: SQLite answers "cannot modify
-- messages because it is a view", which is not a constraint error. A trigger would not: RAISE is a
-- constraint error.
ALTER TABLE messages RENAME TO lyftr_messages;
CREATE VIEW messages AS
  SELECT message_id, from_msisdn, to_msisdn, ts, text, created_at FROM lyftr_messages;
