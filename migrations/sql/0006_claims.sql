-- A domain belongs to whoever proves it: several tenants may claim a name, at most one holds it proven. The row in `domain` is what
-- the proven holder has set, and what the data plane is told.
CREATE TABLE claim (
  name TEXT NOT NULL,
  tenant TEXT NOT NULL REFERENCES tenant (id),
  token TEXT NOT NULL,
  -- CLAIMED, OWNED, LIVE, DEGRADED, LOST, CONTESTED, RELEASED
  state TEXT NOT NULL,
  -- What the ownership rests on: '' nothing yet, 'dns', 'operator' (its word), 'before' (made before claims were).
  proof TEXT NOT NULL,
  -- 0: released.
  live BIGINT NOT NULL,
  proven BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  proven_at BIGINT,
  -- The last verdict on each record (JSON), and when it was passed.
  verdict TEXT NOT NULL DEFAULT '[]',
  checked_at BIGINT,
  -- When the next check is due; NULL: never by itself.
  due_at BIGINT,
  -- Checks in a row that changed nothing: the next ones come later.
  quiet_checks BIGINT NOT NULL DEFAULT 0,
  -- Days in a row on which the proof was gone, the last of them, and since when another claimant has proven the name too.
  failed_days BIGINT NOT NULL DEFAULT 0,
  failed_at BIGINT,
  contested_at BIGINT,
  -- Checks in a row that found the MX elsewhere.
  mx_misses BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (name, tenant)
);
CREATE UNIQUE INDEX claim_proven ON claim (name) WHERE proven = 1;
CREATE INDEX claim_tenant ON claim (tenant, live, name);
CREATE INDEX claim_due ON claim (due_at);

-- What the holders of a domain are to hear.
CREATE TABLE domain_notice (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  tenant TEXT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX domain_notice_of ON domain_notice (tenant, name, seq);

-- `org.example.` for example.org: names below one stand beside each other. What a name looks like (UTS 39). Whether public mail
-- for it comes here. Texts are filled in by the program at its next start.
ALTER TABLE domain ADD COLUMN reversed TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN skeleton TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN mx_here BIGINT NOT NULL DEFAULT 1;
CREATE INDEX domain_reversed ON domain (reversed);
CREATE INDEX domain_skeleton ON domain (skeleton);

INSERT INTO claim (name, tenant, token, state, proof, live, proven, version, created_at, proven_at)
  SELECT name, tenant, '', 'LIVE', 'before', 1, 1, version, created_at, created_at FROM domain WHERE live = 1;
