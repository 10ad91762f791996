-- Brands of who sells: how the portal looks to their customers, and at which hosts strangers see it. `allowed`: whoever sells to the
-- tenant lets it have one. An empty name: none of its own, and the one above is shown.
CREATE TABLE brand (
  tenant TEXT PRIMARY KEY REFERENCES tenant (id),
  allowed BIGINT NOT NULL,
  name TEXT NOT NULL,
  -- `#1f5f8b`
  accent_light TEXT,
  accent_dark TEXT,
  support_email TEXT,
  support_url TEXT,
  terms_url TEXT,
  privacy_url TEXT,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- Pictures in base64, by the colour scheme they are for.
CREATE TABLE brand_logo (
  tenant TEXT NOT NULL REFERENCES tenant (id),
  scheme TEXT NOT NULL,
  hash TEXT NOT NULL,
  kind TEXT NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (tenant, scheme)
);

-- Whose brand is shown at a host: while the tenant has proven a domain that the host is, or is below.
CREATE TABLE brand_host (
  host TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  place BIGINT NOT NULL
);
CREATE INDEX brand_host_tenant ON brand_host (tenant, place);
