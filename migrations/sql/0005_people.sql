-- People and their rights: who signs in, what they may do where, what programs may do, and which sign-ins are open.
CREATE TABLE person (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,
  -- The address as it is compared.
  email_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  -- Missing: signs in by an identity provider or a passkey only.
  argon2 TEXT,
  locale TEXT NOT NULL,
  verified BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Permission sets that a tenant made itself; the standard ones stand in the program.
CREATE TABLE role (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  name TEXT NOT NULL,
  permissions TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (tenant, name)
);

CREATE TABLE membership (
  id TEXT PRIMARY KEY,
  person TEXT NOT NULL REFERENCES person (id),
  tenant TEXT NOT NULL REFERENCES tenant (id),
  role TEXT NOT NULL,
  on_kind TEXT NOT NULL,
  on_list TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX membership_person ON membership (person);
CREATE INDEX membership_tenant ON membership (tenant, id);

CREATE TABLE invitation (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  email TEXT NOT NULL,
  role TEXT NOT NULL,
  on_kind TEXT NOT NULL,
  on_list TEXT NOT NULL,
  -- Counts what was sent: the secrets of earlier rounds are worth nothing.
  round BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  invited_by TEXT NOT NULL,
  -- Where the inviter had the right to invite.
  invited_in TEXT NOT NULL,
  accepted_at BIGINT,
  revoked_at BIGINT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX invitation_tenant ON invitation (tenant, id);

-- What is to be mailed to people, by whoever sends notices. The text's secrets are sealed.
CREATE TABLE outgoing_notice (
  id TEXT PRIMARY KEY,
  tenant TEXT,
  kind TEXT NOT NULL,
  recipient TEXT NOT NULL,
  locale TEXT NOT NULL,
  sealed TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT
);
CREATE INDEX outgoing_notice_due ON outgoing_notice (sent_at, created_at);

-- Programs with a name, a role and several tokens.
CREATE TABLE service_account (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  on_kind TEXT NOT NULL,
  on_list TEXT NOT NULL,
  -- Made under the rule of consent: what it does in tenants below the provider takes consent too.
  bound BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (tenant, name)
);

ALTER TABLE api_token ADD COLUMN on_kind TEXT NOT NULL DEFAULT 'all';
ALTER TABLE api_token ADD COLUMN on_list TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_token ADD COLUMN ips TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_token ADD COLUMN maker TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN made_in TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN bound BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_token ADD COLUMN service_account TEXT;
ALTER TABLE api_token ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_token ADD COLUMN last_used_at BIGINT;
CREATE INDEX api_token_tenant ON api_token (tenant, jti);
CREATE INDEX api_token_maker ON api_token (maker, made_in);

-- Open sign-ins. `subject` is a person or a mailbox.
CREATE TABLE session (
  id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  -- Where the person acts unless a request says otherwise.
  tenant TEXT,
  -- Set: it reaches this tenant alone, whatever else the person is a member of.
  only_in TEXT,
  -- Counts the refresh tokens: one that is older than the newest was stolen, or its successor was.
  round BIGINT NOT NULL,
  device TEXT NOT NULL,
  ip TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  stepped_up_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE INDEX session_subject ON session (subject, id);

-- Raised by every change of who may do what, so that other processes forget what they have read.
CREATE TABLE auth_state (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO auth_state (id, version) VALUES (1, 0);
