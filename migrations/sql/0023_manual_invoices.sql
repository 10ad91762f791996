-- Customers who pay by invoice: the accounts of the provider `manual`, and numbers of invoices without gaps.
CREATE TABLE manual_account (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  -- The key of the call that made it.
  made_by TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX manual_account_tenant ON manual_account (tenant);
-- `tenant` is the seller.
CREATE TABLE invoice_series (
  tenant TEXT NOT NULL REFERENCES tenant (id),
  year BIGINT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (tenant, year)
);
