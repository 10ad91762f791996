-- Tenants, their domains, addresses, mailboxes, credentials; what the data plane is told; what was done by whom.
-- Portable SQL: text ids, integer milliseconds, 0/1 for booleans.
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE tenant (
  id TEXT PRIMARY KEY,
  parent TEXT REFERENCES tenant (id),
  name TEXT NOT NULL,
  max_domains BIGINT,
  max_mailboxes BIGINT,
  storage_bytes_max BIGINT,
  messages_per_hour_max BIGINT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE domain (
  name TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  live BIGINT NOT NULL,
  catch_all TEXT,
  plus_addressing BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX domain_tenant ON domain (tenant);

CREATE TABLE mailbox (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  address TEXT NOT NULL,
  display_name TEXT NOT NULL,
  quota_bytes_max BIGINT,
  live BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX mailbox_tenant ON mailbox (tenant, id);

-- One row per address over all time: an address has at most one owner, and a tombstone keeps its former owner's tenant.
CREATE TABLE address (
  domain TEXT NOT NULL,
  local TEXT NOT NULL,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  kind TEXT NOT NULL,
  account TEXT,
  targets TEXT,
  version BIGINT NOT NULL,
  PRIMARY KEY (domain, local)
);
CREATE INDEX address_tenant ON address (tenant, kind);

CREATE TABLE credential (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  mailbox TEXT NOT NULL REFERENCES mailbox (id),
  kind TEXT NOT NULL,
  label TEXT NOT NULL,
  argon2 TEXT NOT NULL,
  scram TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX credential_mailbox ON credential (mailbox);

CREATE TABLE api_token (
  jti TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  label TEXT NOT NULL,
  operator BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT
);

-- Every restriction is a row; what a subject may do is derived.
CREATE TABLE hold (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  reason TEXT NOT NULL,
  placed_by TEXT NOT NULL,
  placed_at BIGINT NOT NULL,
  released_at BIGINT
);
CREATE INDEX hold_subject ON hold (subject, released_at);

CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL, created_at BIGINT NOT NULL);

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant, seq);

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,
  object TEXT NOT NULL,
  PRIMARY KEY (tenant, key)
);
