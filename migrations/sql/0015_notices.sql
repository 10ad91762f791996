-- Whoever sends notices takes them for a time, and tries again later and later.
ALTER TABLE outgoing_notice ADD COLUMN due_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outgoing_notice ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
CREATE INDEX outgoing_notice_next ON outgoing_notice (sent_at, due_at);
CREATE INDEX outgoing_notice_recipient ON outgoing_notice (recipient, kind, created_at);
