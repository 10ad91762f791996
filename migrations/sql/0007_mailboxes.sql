-- Mailboxes: what they are for, where they are, how much they may send, and the way back after a deletion.
ALTER TABLE mailbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';
ALTER TABLE mailbox ADD COLUMN domain TEXT NOT NULL DEFAULT '';
-- The name as it is searched and sorted: in lower case.
ALTER TABLE mailbox ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
ALTER TABLE mailbox ADD COLUMN send_per_hour BIGINT;
ALTER TABLE mailbox ADD COLUMN send_per_day BIGINT;
ALTER TABLE mailbox ADD COLUMN send_new_per_day BIGINT;
-- live = 0 with a time of purging: deleted, can be restored; live = 0 without: gone for ever.
ALTER TABLE mailbox ADD COLUMN deleted_at BIGINT;
ALTER TABLE mailbox ADD COLUMN purge_at BIGINT;
CREATE INDEX address_account ON address (account);
UPDATE mailbox SET name_key = LOWER(display_name),
  domain = COALESCE((SELECT MIN(a.domain) FROM address a WHERE a.account = mailbox.id), '');
CREATE INDEX mailbox_domain ON mailbox (domain, id);
CREATE INDEX mailbox_address ON mailbox (tenant, address);
CREATE INDEX mailbox_purge ON mailbox (purge_at) WHERE purge_at IS NOT NULL;
-- How long a deleted mailbox can be restored; null: as the tenant above has it.
ALTER TABLE tenant ADD COLUMN mailbox_retention_days BIGINT;

-- Addresses: switched on or off, with words for people; groups say who may write to them.
ALTER TABLE address ADD COLUMN enabled BIGINT NOT NULL DEFAULT 1;
ALTER TABLE address ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE address ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE address ADD COLUMN site TEXT NOT NULL DEFAULT '';
ALTER TABLE address ADD COLUMN posting TEXT;
-- Which addresses lead to an address: the lists of targets, to be searched from their other end.
CREATE TABLE address_target (
  tenant TEXT NOT NULL,
  source TEXT NOT NULL,
  domain TEXT NOT NULL,
  local TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (source, target)
);
CREATE INDEX address_target_to ON address_target (target);
INSERT INTO address_target (tenant, source, domain, local, target)
  SELECT DISTINCT a.tenant, a.local || '@' || a.domain, a.domain, a.local, t.value FROM address a, json_each(a.targets) t
  WHERE a.kind = 'forward';

-- Another name of a domain of the same tenant; a domain whose addresses tenants below may have.
ALTER TABLE domain ADD COLUMN alias_of TEXT;
ALTER TABLE domain ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;
CREATE INDEX domain_alias_of ON domain (alias_of) WHERE alias_of IS NOT NULL;

-- Who may open a mailbox, or send from it, with their own login.
CREATE TABLE delegate (
  tenant TEXT NOT NULL,
  mailbox TEXT NOT NULL REFERENCES mailbox (id),
  account TEXT NOT NULL REFERENCES mailbox (id),
  may_open BIGINT NOT NULL,
  may_write BIGINT NOT NULL,
  may_send_as BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (mailbox, account)
);
CREATE INDEX delegate_account ON delegate (account);
-- Addresses that a mailbox may send from without being where they lead.
CREATE TABLE send_as (
  tenant TEXT NOT NULL,
  mailbox TEXT NOT NULL REFERENCES mailbox (id),
  address TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (mailbox, address)
);
CREATE INDEX send_as_address ON send_as (address);
