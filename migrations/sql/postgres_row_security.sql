-- A second lock between tenants, on PostgreSQL: a connection that acts for a tenant sees rows of that tenant and of those below it,
-- whatever its statement says. Run at every start, after the steps, so that tables which a step makes have the lock from the
-- beginning. `posthouse.reach` is the tenant; '*' is everything (the server's own work); without it nothing is seen.

-- Who stands below whom: each tenant with itself and all above it.
CREATE TABLE IF NOT EXISTS tenant_line (
  tenant TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
  above TEXT NOT NULL,
  PRIMARY KEY (above, tenant)
);
CREATE INDEX IF NOT EXISTS tenant_line_tenant ON tenant_line (tenant);

CREATE OR REPLACE FUNCTION tenant_line_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tenant_line (tenant, above)
    SELECT NEW.id, NEW.id UNION SELECT NEW.id, l.above FROM tenant_line l WHERE l.tenant = NEW.parent
    ON CONFLICT DO NOTHING;
  RETURN NEW;
END $$;

DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'tenant_line_add' AND tgrelid = 'tenant'::regclass) THEN
    CREATE TRIGGER tenant_line_add AFTER INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION tenant_line_add();
    WITH RECURSIVE up (id, above) AS (
      SELECT id, id FROM tenant UNION ALL SELECT up.id, t.parent FROM up JOIN tenant t ON t.id = up.above WHERE t.parent IS NOT NULL
    )
    INSERT INTO tenant_line (tenant, above) SELECT id, above FROM up ON CONFLICT DO NOTHING;
  END IF;
END $$;

-- Every table with a tenant in it, and the tenants themselves. Sub-selects that depend on no row run once per statement.
DO $$
DECLARE
  here TEXT;
  owner TEXT;
BEGIN
  FOR here IN
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> 'tenant_line'
      AND NOT c.relforcerowsecurity
      AND (c.relname = 'tenant' OR EXISTS (
        SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped))
  LOOP
    owner := CASE here WHEN 'tenant' THEN 'id' ELSE 'tenant' END;
    EXECUTE format(
      'CREATE POLICY reach ON %1$I USING (
         (SELECT current_setting(''posthouse.reach'', true)) = ''*''
         OR %1$I.%2$I = (SELECT current_setting(''posthouse.reach'', true))
         OR EXISTS (SELECT 1 FROM tenant_line l
           WHERE l.above = (SELECT current_setting(''posthouse.reach'', true)) AND l.tenant = %1$I.%2$I))', here, owner);
    -- What stands above counts for those below (names, holds, brands, what is told and switched off): it may be read.
    IF here IN ('tenant', 'hold', 'announcement', 'feature_flag', 'brand', 'brand_logo', 'brand_host') THEN
      EXECUTE format(
        'CREATE POLICY above ON %1$I FOR SELECT USING (EXISTS (SELECT 1 FROM tenant_line l
           WHERE l.tenant = (SELECT current_setting(''posthouse.reach'', true)) AND l.above = %1$I.%2$I))', here, owner);
    END IF;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', here);
  END LOOP;
END $$;

-- Files of jobs: who sees the job sees them.
DO $$
BEGIN
  IF NOT (SELECT relforcerowsecurity FROM pg_class WHERE oid = 'job_file'::regclass) THEN
    CREATE POLICY reach ON job_file USING (
      (SELECT current_setting('posthouse.reach', true)) = '*' OR EXISTS (SELECT 1 FROM job j WHERE j.id = job_file.job));
    ALTER TABLE job_file ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  END IF;
END $$;
