-- What tenants use over time: an append-only ledger (product.md 3.10). Times are milliseconds; an hour and a day are named by their start, UTC.
-- An hour is written once. A gauge has a row where it changed and one at least for each day; a counter where something came.
CREATE TABLE usage_hour (
  tenant TEXT NOT NULL,
  meter TEXT NOT NULL,
  hour BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  PRIMARY KEY (tenant, meter, hour)
);
CREATE INDEX usage_hour_hour ON usage_hour (hour, tenant);
-- Old hours become days: what came in, and the highest hour.
CREATE TABLE usage_day (
  tenant TEXT NOT NULL,
  meter TEXT NOT NULL,
  day BIGINT NOT NULL,
  total BIGINT NOT NULL,
  most BIGINT NOT NULL,
  PRIMARY KEY (tenant, meter, day)
);
CREATE INDEX usage_day_day ON usage_day (day, tenant, meter);
-- What the data plane said last, and for which hour: the next reading is counted from there.
CREATE TABLE usage_reading (
  tenant TEXT NOT NULL,
  meter TEXT NOT NULL,
  reading BIGINT NOT NULL,
  hour BIGINT NOT NULL,
  PRIMARY KEY (tenant, meter)
);
-- How far the pass over all tenants is in its hour; `done` when there are no more.
CREATE TABLE usage_pass (
  name TEXT PRIMARY KEY,
  hour BIGINT NOT NULL,
  after TEXT NOT NULL,
  done BIGINT NOT NULL,
  leased_until BIGINT NOT NULL
);
-- The use of a subscription's period, frozen before it is charged: whole days, from the end of the one before.
CREATE TABLE usage_frozen (
  subscription TEXT NOT NULL,
  until BIGINT NOT NULL,
  tenant TEXT NOT NULL,
  since BIGINT NOT NULL,
  frozen_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (subscription, until)
);
CREATE INDEX usage_frozen_tenant ON usage_frozen (tenant, until);
