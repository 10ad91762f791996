CREATE TRIGGER usage_hour_append_only BEFORE UPDATE ON usage_hour FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER usage_day_append_only BEFORE UPDATE ON usage_day FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER usage_frozen_append_only BEFORE UPDATE OR DELETE ON usage_frozen FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER usage_frozen_no_truncate BEFORE TRUNCATE ON usage_frozen FOR EACH STATEMENT EXECUTE FUNCTION append_only();
