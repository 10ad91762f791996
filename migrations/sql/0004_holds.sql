-- A hold says in a stable word why it is there, what to do about it, what it takes away, and when it ends by itself.
ALTER TABLE hold ADD COLUMN code TEXT NOT NULL DEFAULT 'SUSPENDED';
ALTER TABLE hold ADD COLUMN next_step TEXT NOT NULL DEFAULT '';
ALTER TABLE hold ADD COLUMN blocks TEXT NOT NULL
  DEFAULT 'PORTAL_LOGIN MAIL_READ RECEIVE SEND_INTERNAL SEND_EXTERNAL PROVISION PURGE_ALLOWED';
ALTER TABLE hold ADD COLUMN expires_at BIGINT;
CREATE INDEX hold_expiry ON hold (expires_at) WHERE released_at IS NULL AND expires_at IS NOT NULL;

-- What a tenant and all below it may send in a day, and to recipients never written to; room for incoming mail over a limit.
ALTER TABLE tenant ADD COLUMN recipients_per_day_max BIGINT;
ALTER TABLE tenant ADD COLUMN new_recipients_per_day_max BIGINT;
ALTER TABLE tenant ADD COLUMN storage_grace_bytes BIGINT NOT NULL DEFAULT 0;

-- Snapshots say more than before: all are told again.
UPDATE tenant SET version = version + 1;
UPDATE domain SET version = version + 1;
UPDATE address SET version = version + 1;
UPDATE mailbox SET version = version + 1;
INSERT INTO setting (name, value) VALUES ('resend', '4');
