-- Keys that sign a domain's mail, in their stages; the private part is sealed under a key that is not in the database.
CREATE TABLE dkim_key (
  name TEXT NOT NULL,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  selector TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  -- PENDING, ACTIVE, RETIRED, REVOKED
  state TEXT NOT NULL,
  private_key TEXT NOT NULL,
  public_key TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  turned_at BIGINT NOT NULL,
  PRIMARY KEY (name, tenant, selector)
);

-- Who may publish a tenant's records: of one domain, or ('') of all that have none of their own. The secret is sealed.
CREATE TABLE dns_credential (
  tenant TEXT NOT NULL REFERENCES tenant (id),
  name TEXT NOT NULL,
  server TEXT NOT NULL,
  zone TEXT NOT NULL,
  key_name TEXT NOT NULL,
  secret TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);

-- What was published by us, and may be taken back without asking.
CREATE TABLE dns_published (
  name TEXT NOT NULL,
  tenant TEXT NOT NULL,
  record TEXT NOT NULL,
  kind TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (name, tenant, record, kind, content)
);
