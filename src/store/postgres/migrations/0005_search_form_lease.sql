-- The search compares texts in NFC. Texts that were stored before, or are still stored by an older
-- process, are converted in the background (search-form.ts). Nothing is rewritten here, so a large
-- table does not delay a start. One process at a time builds the index that finds these texts.
INSERT INTO leases VALUES ('search_form', '', 'epoch');
