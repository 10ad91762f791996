-- By whom mail for a person is read: the domain of its address, and, where that has a +detail, the address without. The same of what
-- addresses lead to.
ALTER TABLE person ADD COLUMN domain TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN base_key TEXT;
UPDATE person SET domain = substr(email_key, length(rtrim(email_key, replace(email_key, '@', ''))) + 1);
UPDATE person SET base_key =
  substr(email_key, 1, length(email_key) - length(ltrim(email_key, replace(email_key, '+', '')))) || '@' || domain
  WHERE email_key LIKE '_%+%@%';
CREATE INDEX person_domain ON person (domain);
CREATE INDEX person_base ON person (base_key) WHERE base_key IS NOT NULL;
ALTER TABLE address_target ADD COLUMN base TEXT;
UPDATE address_target SET base =
  substr(target, 1, length(target) - length(ltrim(target, replace(target, '+', ''))))
  || '@' || substr(target, length(rtrim(target, replace(target, '@', ''))) + 1)
  WHERE target LIKE '_%+%@%';
CREATE INDEX address_target_base ON address_target (base) WHERE base IS NOT NULL;
