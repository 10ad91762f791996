-- Billing. Money is whole minor units; bodies are JSON of the types of the crate `billing`; times are milliseconds.
-- A tenant that signs up is a customer before its tenant is there, so `tenant` refers to nothing.

-- What a seller sells: each row is a version, and only its state ever changes. `tenant` is the seller.
CREATE TABLE plan (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  key TEXT NOT NULL,
  number BIGINT NOT NULL,
  state TEXT NOT NULL,
  body TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (tenant, key, number)
);
CREATE INDEX plan_state ON plan (tenant, state, key);

-- `tenant` is the seller.
CREATE TABLE coupon (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  code TEXT NOT NULL,
  body TEXT NOT NULL,
  plans TEXT NOT NULL,
  redeem_max BIGINT,
  redeemed BIGINT NOT NULL DEFAULT 0,
  ends_at BIGINT,
  disabled BIGINT NOT NULL DEFAULT 0,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (tenant, code)
);

-- How long stages last: versions of a seller's policy. `tenant` is the seller.
CREATE TABLE billing_policy (
  tenant TEXT NOT NULL REFERENCES tenant (id),
  version BIGINT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, version)
);

CREATE TABLE customer (
  tenant TEXT PRIMARY KEY,
  seller TEXT NOT NULL REFERENCES tenant (id),
  provider TEXT NOT NULL,
  -- The provider's id of it; none until it was made there.
  provider_id TEXT,
  email TEXT NOT NULL,
  name TEXT NOT NULL,
  country TEXT,
  tax_ids TEXT NOT NULL,
  language TEXT NOT NULL,
  card TEXT,
  -- The plan without a price that it has while it has no live subscription.
  free_plan TEXT,
  trial_spent BIGINT NOT NULL DEFAULT 0,
  trial_ends_at BIGINT,
  unpaid_since BIGINT,
  closed_at BIGINT,
  phase TEXT NOT NULL,
  -- When its stage, or what was given to it for a time, is to be looked at again.
  look_at BIGINT,
  -- When it is to be compared with the provider's truth; none: nothing is known to be new.
  sync_at BIGINT,
  synced_at BIGINT,
  -- Nobody else works on it until then.
  leased_until BIGINT NOT NULL DEFAULT 0,
  attempts BIGINT NOT NULL DEFAULT 0,
  -- Its signup came to nothing: all that it pays goes back.
  given_back_at BIGINT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX customer_provider ON customer (provider, provider_id);
CREATE INDEX customer_seller ON customer (seller, tenant);
CREATE INDEX customer_look ON customer (look_at);
CREATE INDEX customer_sync ON customer (sync_at);
CREATE INDEX customer_synced ON customer (synced_at);

-- Contacts that had a trial: by a hash, and kept when the customer goes (3.11).
CREATE TABLE trial_spent (
  contact TEXT PRIMARY KEY,
  at BIGINT NOT NULL
);

-- The mirror: what the provider says is true.
CREATE TABLE subscription (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  family TEXT NOT NULL,
  status TEXT NOT NULL,
  live BIGINT NOT NULL,
  plan TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX subscription_tenant ON subscription (tenant, created_at, id);

CREATE TABLE invoice (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  number TEXT,
  state TEXT NOT NULL,
  issued_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX invoice_tenant ON invoice (tenant, issued_at, id);

-- Whose a payment is: events about charge-backs name nothing else.
CREATE TABLE payment (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  invoice TEXT NOT NULL
);

CREATE TABLE checkout (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  provider_id TEXT,
  state TEXT NOT NULL,
  url TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX checkout_tenant ON checkout (tenant, created_at);
-- One open page for each tenant (3.4).
CREATE UNIQUE INDEX checkout_open ON checkout (tenant) WHERE state = 'OPEN';
CREATE INDEX checkout_ends ON checkout (expires_at) WHERE state = 'OPEN';

-- Gifts and overrides.
CREATE TABLE concession (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  body TEXT NOT NULL,
  reason TEXT NOT NULL,
  until BIGINT,
  ended_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX concession_tenant ON concession (tenant, created_at, id);

-- What a customer may have, with the inputs that it follows from (S2); the last one counts.
CREATE TABLE entitlement_input (
  tenant TEXT NOT NULL,
  number BIGINT NOT NULL,
  at BIGINT NOT NULL,
  inputs TEXT NOT NULL,
  limits TEXT NOT NULL,
  short BIGINT NOT NULL,
  PRIMARY KEY (tenant, number)
);

-- Dates that a customer was told (T3), and letters to the contact elsewhere (T1).
CREATE TABLE billing_announced (
  tenant TEXT NOT NULL,
  trouble_at BIGINT NOT NULL,
  stage TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (tenant, trouble_at, stage, at)
);
CREATE TABLE billing_letter (
  tenant TEXT NOT NULL,
  trouble_at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  sent_at BIGINT NOT NULL,
  recipient TEXT NOT NULL,
  PRIMARY KEY (tenant, trouble_at, kind)
);

-- The books: append-only.
CREATE TABLE ledger_entry (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  currency TEXT NOT NULL,
  at BIGINT NOT NULL,
  fact TEXT NOT NULL
);
CREATE INDEX ledger_entry_tenant ON ledger_entry (tenant, seq);
CREATE TABLE ledger_posting (
  entry TEXT NOT NULL REFERENCES ledger_entry (event),
  tenant TEXT NOT NULL,
  account TEXT NOT NULL,
  currency TEXT NOT NULL,
  minor BIGINT NOT NULL,
  PRIMARY KEY (entry, account)
);
CREATE INDEX ledger_posting_tenant ON ledger_posting (tenant, currency, account);
CREATE TABLE ledger_balance (
  tenant TEXT NOT NULL,
  currency TEXT NOT NULL,
  account TEXT NOT NULL,
  minor BIGINT NOT NULL,
  PRIMARY KEY (tenant, currency, account)
);

-- Webhooks: an event's id comes once (3.1).
CREATE TABLE payment_event (
  provider TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  customer TEXT,
  payment TEXT,
  heard_at BIGINT NOT NULL,
  due_at BIGINT,
  attempts BIGINT NOT NULL DEFAULT 0,
  done_at BIGINT,
  trouble TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (provider, id)
);
CREATE INDEX payment_event_due ON payment_event (due_at);
CREATE INDEX payment_event_heard ON payment_event (heard_at, id);

-- Calls to the provider, written before they are made; the id is their idempotency key (3.5).
CREATE TABLE payment_call (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  due_at BIGINT,
  attempts BIGINT NOT NULL DEFAULT 0,
  first_at BIGINT,
  answer TEXT NOT NULL DEFAULT '',
  trouble TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX payment_call_due ON payment_call (due_at);
CREATE INDEX payment_call_tenant ON payment_call (tenant, created_at, id);

-- Differences that a sweep found which no event had told: a metric, and for the operator to look at.
CREATE TABLE billing_drift (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  at BIGINT NOT NULL,
  what TEXT NOT NULL
);
CREATE INDEX billing_drift_tenant ON billing_drift (tenant, seq);
