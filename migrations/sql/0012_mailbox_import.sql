-- Mailboxes that come in files: the rows of a job in parts, each with what became of it. What a part says of passwords goes
-- when it is done.
CREATE TABLE mailbox_import (
  job TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  passwords_shown BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX mailbox_import_age ON mailbox_import (created_at);
CREATE TABLE mailbox_import_part (
  job TEXT NOT NULL REFERENCES mailbox_import (job),
  tenant TEXT NOT NULL,
  part BIGINT NOT NULL,
  lines TEXT,
  results TEXT,
  PRIMARY KEY (job, part)
);
