-- Versions of plans for customers that are on a price list of their seller; NULL: for those on none.
ALTER TABLE plan ADD COLUMN price_list TEXT;
ALTER TABLE customer ADD COLUMN price_list TEXT;
