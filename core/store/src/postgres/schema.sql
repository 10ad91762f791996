-- The tables of the key-value store on PostgreSQL, format 1; run under the store's lock by every node that starts.
CREATE TABLE IF NOT EXISTS kv_format (format integer NOT NULL);
INSERT INTO kv_format SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM kv_format);

-- An index row has at most 2,704 bytes: the few keys that are longer than KEY_INDEXED_BYTES_MAX live in kv_long.
CREATE TABLE IF NOT EXISTS kv (
  key bytea NOT NULL PRIMARY KEY,
  value bytea NOT NULL
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);
-- Values are compressed or sealed by those who write them.
ALTER TABLE kv ALTER COLUMN value SET STORAGE EXTERNAL;

CREATE TABLE IF NOT EXISTS kv_long (
  head bytea NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL
);
ALTER TABLE kv_long ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS kv_long_head ON kv_long (head);

-- What recent groups of commits wrote, for those who have yet to validate: commits last - count + 1 ..= last.
CREATE TABLE IF NOT EXISTS kv_log (
  last bigint NOT NULL PRIMARY KEY,
  count integer NOT NULL,
  -- Made by who commits; tells after a broken connection whether the group is there.
  batch bytea NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  writes bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- FoundationDB's ADD: a little-endian number, short values zero-extended, longer ones cut, wrapping.
CREATE OR REPLACE FUNCTION kv_number(value bytea) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ((get_byte(v, 7)::bigint << 56) | (get_byte(v, 6)::bigint << 48) | (get_byte(v, 5)::bigint << 40) | (get_byte(v, 4)::bigint << 32)
    | (get_byte(v, 3)::bigint << 24) | (get_byte(v, 2)::bigint << 16) | (get_byte(v, 1)::bigint << 8) | get_byte(v, 0)::bigint)::numeric
  FROM (SELECT substr(value || '\x0000000000000000'::bytea, 1, 8) AS v) padded
$$;
CREATE OR REPLACE FUNCTION kv_bytes(number numeric) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT substr(b, 8, 1) || substr(b, 7, 1) || substr(b, 6, 1) || substr(b, 5, 1) || substr(b, 4, 1) || substr(b, 3, 1) || substr(b, 2, 1) || substr(b, 1, 1)
  FROM (SELECT int8send((mod(number + 27670116110564327424, 18446744073709551616) - 9223372036854775808)::bigint) AS b) big
$$;

-- Writes one group of commits; the caller holds the lock.
CREATE OR REPLACE FUNCTION kv_apply(
  clear_from bytea[], clear_to bytea[], gone bytea[], put_key bytea[], put_value bytea[], add_key bytea[], add_delta bigint[],
  log_last bigint, log_count integer, log_batch bytea, log_writes bytea, keep_seconds double precision
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN 1 .. cardinality(clear_from) LOOP
    DELETE FROM kv WHERE key >= clear_from[n] AND key < clear_to[n];
    DELETE FROM kv_long WHERE head >= substr(clear_from[n], 1, 2000) AND head <= substr(clear_to[n], 1, 2000)
      AND key >= clear_from[n] AND key < clear_to[n];
  END LOOP;
  IF cardinality(gone) > 0 THEN
    DELETE FROM kv WHERE key = ANY (gone);
  END IF;
  IF cardinality(put_key) > 0 THEN
    INSERT INTO kv SELECT * FROM unnest(put_key, put_value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
  END IF;
  IF cardinality(add_key) > 0 THEN
    INSERT INTO kv SELECT k, kv_bytes(d) FROM unnest(add_key, add_delta) AS added (k, d)
      ON CONFLICT (key) DO UPDATE SET value = kv_bytes(kv_number(kv.value) + kv_number(excluded.value));
  END IF;
  IF keep_seconds > 0 THEN
    DELETE FROM kv_log WHERE last < log_last AND at < clock_timestamp() - make_interval(secs => keep_seconds);
  END IF;
  INSERT INTO kv_log (last, count, batch, writes) VALUES (log_last, log_count, log_batch, log_writes);
END $$;

-- The same for long keys, which are rare: after kv_apply, which clears their ranges too, in the same transaction.
CREATE OR REPLACE FUNCTION kv_apply_long(
  gone bytea[], put_key bytea[], put_value bytea[], add_key bytea[], add_delta bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM kv_long USING unnest(gone || put_key) AS g (k) WHERE head = substr(g.k, 1, 2000) AND key = g.k;
  INSERT INTO kv_long SELECT substr(k, 1, 2000), k, v FROM unnest(put_key, put_value) AS put (k, v);
  FOR n IN 1 .. cardinality(add_key) LOOP
    UPDATE kv_long SET value = kv_bytes(kv_number(value) + add_delta[n]) WHERE head = substr(add_key[n], 1, 2000) AND key = add_key[n];
    IF NOT FOUND THEN
      INSERT INTO kv_long VALUES (substr(add_key[n], 1, 2000), add_key[n], kv_bytes(add_delta[n]));
    END IF;
  END LOOP;
END $$;
