-- Who agreed to own a tenant: handing it on and being handed it again does not undo that.
ALTER TABLE membership ADD COLUMN agreed BIGINT NOT NULL DEFAULT 0;
UPDATE membership SET agreed = 1 WHERE role = 'owner' AND inherited = 0;
