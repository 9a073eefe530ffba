-- The search compares in NFC. Texts that were stored before, or are stored by an older process meanwhile, are brought into that form
-- behind the service (search-form.ts): nothing is rewritten here, so that a large table holds no start up. One process at a time
-- builds the index that finds them.
INSERT INTO leases VALUES ('search_form', '', 'epoch');
