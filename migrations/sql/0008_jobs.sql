-- Long work: done in bounded steps, each committed with the cursor where the next begins.
CREATE TABLE job (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  kind TEXT NOT NULL,
  -- QUEUED, RUNNING, PAUSED, DONE, FAILED, CANCELLED
  state TEXT NOT NULL,
  done BIGINT NOT NULL,
  -- NULL: not known yet
  total BIGINT,
  input TEXT NOT NULL,
  cursor TEXT NOT NULL,
  result TEXT NOT NULL,
  error TEXT,
  -- Who asked for it, as it was then
  actor TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  lease_owner TEXT,
  -- Before this time no other process takes it
  lease_until BIGINT NOT NULL,
  -- Claims since the last committed step
  attempts BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX job_tenant ON job (tenant, id);
CREATE INDEX job_open ON job (state, lease_until);
CREATE INDEX job_ended ON job (ended_at);

-- When a tenant's jobs were served last: the one that waited longest is next.
CREATE TABLE job_turn (tenant TEXT PRIMARY KEY, served_at BIGINT NOT NULL);
