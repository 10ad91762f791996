-- Tenants that were closed by the operator, are being purged, or were. A purged tenant's row stays for ever, as its id does.
CREATE TABLE closing (
  tenant TEXT PRIMARY KEY,
  -- CLOSING, PURGING, PURGED
  phase TEXT NOT NULL,
  -- Who is told, elsewhere; '' where whoever sells tells it, and once it is purged.
  contact TEXT NOT NULL,
  locale TEXT NOT NULL,
  closed_at BIGINT NOT NULL,
  -- When the destruction was told, milliseconds, a JSON list.
  notices TEXT NOT NULL,
  -- Not before this, as it was told; NULL: nothing was told yet.
  purge_at BIGINT,
  ordered_by TEXT NOT NULL,
  ordered_at BIGINT,
  -- When the data plane destroyed the keys: before it there is a way back.
  no_return_at BIGINT,
  ended_at BIGINT,
  name_hash TEXT NOT NULL,
  -- Rows that were erased here, by table, JSON.
  erased TEXT NOT NULL,
  proof TEXT NOT NULL
);
CREATE INDEX closing_open ON closing (phase);
CREATE INDEX hold_tenant ON hold (tenant);
-- Whoever sells: customers whose end has come.
CREATE INDEX customer_purging ON customer (tenant) WHERE phase = 'PURGING';
