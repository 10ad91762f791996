-- Exports of mailboxes that somebody asked for. What the data plane knows of one (how far it is) is asked there.
CREATE TABLE export (
  -- job_…; in the order in which they were asked for
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  -- JSON list of mailboxes; '[]': all of the tenant
  mailboxes TEXT NOT NULL,
  -- The one of a list of one
  mailbox TEXT,
  -- Mailboxes of the tenant that are not in it: who asked has less than their users
  left_out BIGINT NOT NULL,
  -- mbox, maildir
  shape TEXT NOT NULL,
  keep_days BIGINT NOT NULL,
  reason TEXT NOT NULL,
  -- Who asked: person, mailbox, or id of a token
  asked_by TEXT NOT NULL,
  -- WAITING, ORDERING (the data plane may have it), TAKEN (it has it), READY, ENDED, REFUSED, CANCELLED
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  -- When it begins; then, when the data plane is told (again)
  starts_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  -- Told by the data plane when it was ready
  emails BIGINT NOT NULL DEFAULT 0,
  file_bytes BIGINT NOT NULL DEFAULT 0,
  ready_at BIGINT,
  expires_at BIGINT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX export_tenant ON export (tenant, id);
CREATE INDEX export_due ON export (due_at) WHERE state IN ('WAITING', 'ORDERING');

-- Links that files of an export are fetched by: who has one needs nothing else.
CREATE TABLE export_link (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  export TEXT NOT NULL REFERENCES export (id),
  -- SHA-256 of its secret, hex
  digest TEXT NOT NULL UNIQUE,
  made_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE INDEX export_link_export ON export_link (export, expires_at);

-- What was fetched by a link, once for each file and address: the audit log has it.
CREATE TABLE export_fetch (
  link TEXT NOT NULL REFERENCES export_link (id) ON DELETE CASCADE,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  file TEXT NOT NULL,
  ip TEXT NOT NULL,
  PRIMARY KEY (link, file, ip)
);
