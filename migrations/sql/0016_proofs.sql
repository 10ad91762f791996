-- Whoever proves an address finds what others accepted in its name: it was not asked, and nothing of it keeps it.
ALTER TABLE membership ADD COLUMN inherited BIGINT NOT NULL DEFAULT 0;

-- Who asked for a new password, whether or not a person has the address: whoever sends notices looks.
CREATE TABLE password_request (
  email_key TEXT PRIMARY KEY,
  asked_at BIGINT NOT NULL
);
CREATE INDEX password_request_age ON password_request (asked_at);

-- Whom a notice is for, however the address is written.
ALTER TABLE outgoing_notice ADD COLUMN recipient_key TEXT;
UPDATE outgoing_notice SET recipient_key = lower(recipient);
CREATE INDEX outgoing_notice_recipient_key ON outgoing_notice (recipient_key, kind, created_at);
