-- What happened, for programs: one row per change, numbered per tenant and per object, in the order of the commits.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  -- Rises by one within the tenant
  number BIGINT NOT NULL,
  kind TEXT NOT NULL,
  object TEXT NOT NULL,
  -- Rises by one within the object
  object_number BIGINT NOT NULL,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  data TEXT NOT NULL
);
CREATE UNIQUE INDEX event_number ON event (tenant, number);
CREATE INDEX event_tenant ON event (tenant, seq);
CREATE INDEX event_object ON event (tenant, object, object_number);
CREATE INDEX event_at ON event (at);

CREATE TABLE webhook (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  label TEXT NOT NULL,
  url TEXT NOT NULL,
  -- JSON list of kinds, `noun.*` and `*`
  kinds TEXT NOT NULL,
  below BIGINT NOT NULL,
  enabled BIGINT NOT NULL,
  secret TEXT NOT NULL,
  generation BIGINT NOT NULL,
  -- Signs as well until then
  old_secret TEXT,
  old_secret_until BIGINT,
  -- Events after this one are delivered
  from_seq BIGINT NOT NULL,
  failing_since BIGINT,
  disabled_reason TEXT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX webhook_tenant ON webhook (tenant, id);

CREATE TABLE webhook_delivery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  webhook TEXT NOT NULL,
  tenant TEXT NOT NULL,
  event BIGINT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  -- PENDING, DELIVERED, DEAD
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  -- A process sends it until then
  sending_until BIGINT NOT NULL,
  give_up_at BIGINT NOT NULL,
  last_status BIGINT,
  last_latency_ms BIGINT,
  last_response TEXT,
  last_error TEXT,
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX webhook_delivery_log ON webhook_delivery (webhook, seq);
CREATE INDEX webhook_delivery_due ON webhook_delivery (state, next_at);
CREATE INDEX webhook_delivery_sending ON webhook_delivery (tenant, state, sending_until);
CREATE INDEX webhook_delivery_created ON webhook_delivery (created_at);

-- The audit log is a chain for each tenant: each entry's hash is over the one before it and its own fields. Entries of before have
-- no number and no hash.
ALTER TABLE audit ADD COLUMN number BIGINT;
ALTER TABLE audit ADD COLUMN hash TEXT;
ALTER TABLE audit ADD COLUMN on_behalf_of TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN ip TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX audit_number ON audit (tenant, number);
CREATE INDEX audit_at ON audit (at);
CREATE TABLE audit_head (tenant TEXT PRIMARY KEY, number BIGINT NOT NULL, hash TEXT NOT NULL);
-- Up to this number, and this seq, entries were cleared away; the chain goes on from this hash.
CREATE TABLE audit_checkpoint (
  tenant TEXT PRIMARY KEY,
  number BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL,
  at BIGINT NOT NULL
);

-- Parts of files that jobs make, until their end.
CREATE TABLE job_file (
  job TEXT NOT NULL,
  part BIGINT NOT NULL,
  body TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (job, part)
);
CREATE INDEX job_file_expiry ON job_file (expires_at);
