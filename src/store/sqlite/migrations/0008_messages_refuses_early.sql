-- The earlier triggers failed when a write ran. By then SQLite had locked the database for it. An
-- older service that keeps one connection and does not roll back would keep Lyftr from writing. A
-- write into a view without triggers fails when it is prepared, and locks nothing. The error
-- contains the name of that view.
DROP TRIGGER messages_refuses_insert;
DROP TRIGGER messages_refuses_update;
DROP TRIGGER messages_refuses_delete;
CREATE VIEW "Lyftr stores messages in this database now: stop the older service" AS SELECT 1 AS refused;
CREATE TRIGGER messages_refuses_insert INSTEAD OF INSERT ON messages BEGIN
  DELETE FROM "Lyftr stores messages in this database now: stop the older service";
END;
CREATE TRIGGER messages_refuses_update INSTEAD OF UPDATE ON messages BEGIN
  DELETE FROM "Lyftr stores messages in this database now: stop the older service";
END;
CREATE TRIGGER messages_refuses_delete INSTEAD OF DELETE ON messages BEGIN
  DELETE FROM "Lyftr stores messages in this database now: stop the older service";
END;
