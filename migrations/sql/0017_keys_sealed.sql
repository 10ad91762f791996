-- The data plane is told everything again: an earlier release kept keys that sign for domains there in clear.
INSERT INTO setting (name, value) VALUES ('resend', '17') ON CONFLICT (name) DO UPDATE SET value = excluded.value;
