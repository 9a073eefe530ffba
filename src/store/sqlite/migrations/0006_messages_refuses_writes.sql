-- The view alone does not refuse every write. SQLite 3.40, which Python has on Debian 12, accepts
-- an INSERT with RETURNING into a view without triggers: it returns the row and stores nothing.
-- RAISE would be a constraint error, which the older service treats as a duplicate. An invalid JSON
-- path is an ordinary error, and SQLite repeats its text in the message.
--
-- Messages of other sources are hidden from the older service: it must not find the id of one and
-- answer that it already has that message.
DROP VIEW messages;
CREATE VIEW messages AS
  SELECT message_id, from_msisdn, to_msisdn, ts, text, created_at FROM lyftr_messages
  WHERE source = 'native';
CREATE TRIGGER messages_refuses_insert INSTEAD OF INSERT ON messages BEGIN
  SELECT json_extract('{}', 'Lyftr stores messages in this database now: stop the older service');
END;
CREATE TRIGGER messages_refuses_update INSTEAD OF UPDATE ON messages BEGIN
  SELECT json_extract('{}', 'Lyftr stores messages in this database now: stop the older service');
END;
CREATE TRIGGER messages_refuses_delete INSTEAD OF DELETE ON messages BEGIN
  SELECT json_extract('{}', 'Lyftr stores messages in this database now: stop the older service');
END;
