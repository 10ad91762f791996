-- What a tenant tells all below it, and what the operator switched off for a tenant and all below it.
CREATE TABLE announcement (
  id TEXT PRIMARY KEY,
  -- Who tells it.
  tenant TEXT NOT NULL REFERENCES tenant (id),
  -- INFO, MAINTENANCE, INCIDENT
  severity TEXT NOT NULL,
  -- A JSON list of language and text; the first one is for who reads none of the others.
  texts TEXT NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT,
  dismissible BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX announcement_tenant ON announcement (tenant, id);
CREATE INDEX announcement_over ON announcement (ends_at) WHERE ends_at IS NOT NULL;

-- Who has put one away: a person, or the user of a mailbox.
CREATE TABLE announcement_dismissed (
  announcement TEXT NOT NULL REFERENCES announcement (id) ON DELETE CASCADE,
  subject TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (announcement, subject)
);

CREATE TABLE feature_flag (
  tenant TEXT NOT NULL REFERENCES tenant (id),
  feature TEXT NOT NULL,
  -- 1: on, 0: off
  enabled BIGINT NOT NULL,
  reason TEXT NOT NULL,
  version BIGINT NOT NULL,
  set_by TEXT NOT NULL,
  set_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, feature)
);

-- The abuse desk looks for open holds by their kinds.
CREATE INDEX hold_open ON hold (kind, released_at, id);
