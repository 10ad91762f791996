-- What a customer's directory (SCIM) keeps about mailboxes beside what a mailbox has itself.
CREATE TABLE directory_entry (
  mailbox TEXT PRIMARY KEY REFERENCES mailbox (id) ON DELETE CASCADE,
  tenant TEXT NOT NULL,
  -- The directory's own identifier; it answers for its being unique.
  external_id TEXT,
  given_name TEXT,
  family_name TEXT
);
CREATE INDEX directory_entry_external ON directory_entry (tenant, external_id);
