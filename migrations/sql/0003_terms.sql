-- Every mutation can be repeated by its key, for a time; what it answered is kept without secrets.
DROP TABLE idempotency;
CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,
  answer TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_expiry ON idempotency (tenant, expires_at);

-- A hold carries the tenant that placed it: only that one, and those above it, may release it.
ALTER TABLE hold ADD COLUMN placed_by_tenant TEXT;
UPDATE hold SET placed_by_tenant = COALESCE(
  (SELECT t.tenant FROM api_token t WHERE t.jti = hold.placed_by),
  (SELECT id FROM tenant WHERE parent IS NULL));

CREATE INDEX tenant_parent ON tenant (parent, id);
