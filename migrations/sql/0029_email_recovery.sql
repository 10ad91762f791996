-- Days in which what left the last mailbox of an account can be brought back; NULL: as the tenant above.
ALTER TABLE tenant ADD COLUMN email_recovery_days BIGINT;
