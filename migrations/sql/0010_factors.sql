-- Second factors, identity providers, and the provider's support by consent.
CREATE TABLE factor (
  id TEXT PRIMARY KEY,
  person TEXT NOT NULL REFERENCES person (id),
  kind TEXT NOT NULL,
  label TEXT NOT NULL,
  -- TOTP: the seed. Passkey: the public key with its counter.
  sealed TEXT NOT NULL,
  -- Of a passkey: its credential id.
  credential TEXT UNIQUE,
  confirmed_at BIGINT,
  -- TOTP: the last step that was used; an earlier or equal one is a replay.
  last_step BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT
);
CREATE INDEX factor_person ON factor (person, id);

-- Each good once; what is kept does not tell the code.
CREATE TABLE recovery_code (
  person TEXT NOT NULL REFERENCES person (id),
  ticket TEXT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (person, ticket)
);

-- What began and is to be finished by a second request: passkeys, sign-ins at an identity provider. Taken once.
CREATE TABLE ceremony (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  sealed TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX ceremony_expiry ON ceremony (expires_at);

CREATE TABLE identity_provider (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  client_id TEXT NOT NULL,
  sealed_secret TEXT NOT NULL,
  -- Domains of the tenant whose people become members by signing in; none: nobody does.
  domains TEXT NOT NULL,
  -- The role that they get.
  role TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX identity_provider_tenant ON identity_provider (tenant, id);

CREATE TABLE identity (
  provider TEXT NOT NULL REFERENCES identity_provider (id),
  subject TEXT NOT NULL,
  person TEXT NOT NULL REFERENCES person (id),
  email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (provider, subject)
);
CREATE INDEX identity_person ON identity (person);

CREATE TABLE support_grant (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  scope TEXT NOT NULL,
  reason TEXT NOT NULL,
  granted_by TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX support_grant_tenant ON support_grant (tenant, id);

-- Who of the provider took a grant up, and when.
CREATE TABLE support_use (
  support_grant TEXT NOT NULL REFERENCES support_grant (id),
  principal TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  PRIMARY KEY (support_grant, principal)
);
CREATE INDEX support_use_principal ON support_use (principal);
