-- The names of the watermark and of the lease of the index. An older process cannot use this
-- schema.
ALTER TABLE streams RENAME COLUMN folded_seq TO indexed_seq;
UPDATE leases SET name = 'index' WHERE name = 'fold';
