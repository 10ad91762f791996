-- Signup: who sells to strangers and how, which domains give free addresses, invite codes; signups under way and the names they hold.
-- `tenant` is who sells, `coming` the tenant that will be: its id is decided before it is there.
CREATE TABLE signup_seller (
  tenant TEXT PRIMARY KEY REFERENCES tenant (id),
  -- OPEN, INVITE, CLOSED
  mode TEXT NOT NULL,
  -- Keys of the plans that are offered first.
  plans TEXT NOT NULL,
  per_day_max BIGINT NOT NULL,
  -- From this risk on a person looks.
  review_score BIGINT NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE signup_offer (
  domain TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  place BIGINT NOT NULL
);
CREATE INDEX signup_offer_tenant ON signup_offer (tenant, place);

CREATE TABLE signup_invite (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  code TEXT NOT NULL UNIQUE,
  note TEXT NOT NULL,
  uses_left BIGINT NOT NULL,
  expires_at BIGINT,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX signup_invite_tenant ON signup_invite (tenant, id);

CREATE TABLE signup (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  coming TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  -- The proof of work that it began with: the same one begins the same signup.
  proof TEXT NOT NULL UNIQUE,
  -- Counts the secrets: that of an earlier round is worth nothing.
  round BIGINT NOT NULL,
  address TEXT,
  own_domain TEXT,
  contact TEXT,
  contact_key TEXT,
  contact_domain TEXT,
  locale TEXT NOT NULL,
  network TEXT NOT NULL,
  invite TEXT,
  score BIGINT NOT NULL,
  reasons TEXT NOT NULL,
  -- '', PENDING, APPROVED, REFUSED
  review TEXT NOT NULL,
  code TEXT,
  code_tries BIGINT NOT NULL,
  codes_sent BIGINT NOT NULL,
  code_expires_at BIGINT,
  had_trial BIGINT NOT NULL,
  name TEXT NOT NULL,
  choice TEXT,
  offer TEXT,
  checkout_at BIGINT,
  paid_at BIGINT,
  -- Verifiers of the password between its choice and the mailbox, sealed.
  sealed TEXT NOT NULL,
  -- Why it came to nothing, or what is missing.
  outcome TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  -- Whether anything is still to come of it, and when it is looked at next; when it ended.
  open BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX signup_tenant ON signup (tenant, id);
CREATE INDEX signup_begun ON signup (tenant, created_at);
CREATE INDEX signup_review ON signup (tenant, review, id);
CREATE INDEX signup_due ON signup (open, due_at);
CREATE INDEX signup_network ON signup (network, created_at);
CREATE INDEX signup_contact ON signup (contact_key, created_at);
CREATE INDEX signup_contact_domain ON signup (contact_domain, created_at);

-- Names that are held, and those that came of a signup: nobody else gets one, nor what looks like it.
CREATE TABLE signup_name (
  domain TEXT NOT NULL,
  local TEXT NOT NULL,
  look TEXT NOT NULL,
  tenant TEXT NOT NULL,
  coming TEXT NOT NULL,
  signup TEXT NOT NULL,
  PRIMARY KEY (domain, local)
);
CREATE UNIQUE INDEX signup_name_look ON signup_name (domain, look);
CREATE INDEX signup_name_signup ON signup_name (signup);

-- Proofs of work that were used: worth nothing a second time.
CREATE TABLE signup_spent (hash TEXT PRIMARY KEY, expires_at BIGINT NOT NULL);
CREATE INDEX signup_spent_due ON signup_spent (expires_at);

-- Tenants that came to nothing after a page to pay on was opened: what was paid for them goes back.
CREATE TABLE signup_owed (
  coming TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL
);
CREATE INDEX signup_owed_due ON signup_owed (due_at);

-- New tenants send little: which steps they go through, since when, and when the next one is due.
ALTER TABLE tenant ADD COLUMN probation TEXT;
ALTER TABLE tenant ADD COLUMN probation_since BIGINT;
ALTER TABLE tenant ADD COLUMN probation_due BIGINT;
CREATE INDEX tenant_probation ON tenant (probation_due) WHERE probation_due IS NOT NULL;
