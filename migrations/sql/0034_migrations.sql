-- Migrations of mailboxes from other providers that somebody ordered. The secret that one signs in with there is not here: only the data plane has it.
-- What the data plane knows of one (how far it is) is asked there.
CREATE TABLE migration (
  -- job_…; in the order in which they were asked for
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  mailbox TEXT NOT NULL,
  host TEXT NOT NULL,
  port BIGINT NOT NULL,
  -- tls, starttls, none
  security TEXT NOT NULL,
  -- As one signs in there
  username TEXT NOT NULL,
  -- password, token
  sign_in TEXT NOT NULL,
  -- Who asked: person, mailbox, or id of a token
  asked_by TEXT NOT NULL,
  -- ORDERING (the data plane may have it), TAKEN (it has it), REFUSED, ENDED
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  -- When it is looked whether the data plane has it
  due_at BIGINT NOT NULL,
  -- Told by the data plane when it ended
  brought BIGINT NOT NULL DEFAULT 0,
  bytes BIGINT NOT NULL DEFAULT 0,
  problems BIGINT NOT NULL DEFAULT 0,
  ended_at BIGINT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX migration_tenant ON migration (tenant, id);
CREATE INDEX migration_mailbox ON migration (mailbox);
CREATE INDEX migration_due ON migration (due_at) WHERE state = 'ORDERING';
