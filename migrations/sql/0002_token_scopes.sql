-- What a token may do. Tokens made before had everything.
ALTER TABLE api_token ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read write';
