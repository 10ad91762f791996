CREATE TRIGGER usage_hour_no_update BEFORE UPDATE ON usage_hour BEGIN SELECT RAISE(ABORT, 'the usage ledger is append-only'); END;
CREATE TRIGGER usage_day_no_update BEFORE UPDATE ON usage_day BEGIN SELECT RAISE(ABORT, 'the usage ledger is append-only'); END;
CREATE TRIGGER usage_frozen_no_update BEFORE UPDATE ON usage_frozen BEGIN SELECT RAISE(ABORT, 'a frozen period never changes'); END;
CREATE TRIGGER usage_frozen_no_delete BEFORE DELETE ON usage_frozen BEGIN SELECT RAISE(ABORT, 'a frozen period never changes'); END;
