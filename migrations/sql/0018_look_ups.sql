-- Look-ups that read a whole table before: no statement of the service takes longer because there are more tenants.
CREATE INDEX mailbox_by_address ON mailbox (address);
CREATE INDEX address_target_of ON address_target (domain, tenant);
CREATE INDEX api_token_service ON api_token (service_account) WHERE service_account IS NOT NULL;
CREATE INDEX session_only_in ON session (only_in) WHERE only_in IS NOT NULL;
CREATE INDEX membership_role ON membership (role);
CREATE INDEX invitation_role ON invitation (role);
CREATE INDEX service_account_role ON service_account (role);
CREATE INDEX identity_provider_role ON identity_provider (role);
CREATE INDEX outgoing_notice_of ON outgoing_notice (tenant, kind, created_at);
CREATE INDEX ceremony_subject ON ceremony (subject);
CREATE INDEX idempotency_due ON idempotency (expires_at);
CREATE INDEX invitation_by ON invitation (invited_by, invited_in);
CREATE INDEX domain_notice_name ON domain_notice (name, tenant, seq);
