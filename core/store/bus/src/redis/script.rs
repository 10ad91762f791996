//! SUMMARY    The scripts that run inside Redis: take of several cells at once, give back, add to a counter.
//! STANDARDS  Generic cell rate algorithm, as in `store::ephemeral`: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
//! INVARIANTS One script is one atomic step. Time is that of Redis (`TIME`): the clocks of nodes differ, and a node ahead of the
//!            others would let off what they have just counted. A cell is text: millionths of units in use, and the microsecond of
//!            that; both are below 2^53, so Lua's numbers hold them. Every cell expires when it would be empty.

/// KEYS: cells. ARGV: the most milliseconds of life, then four per ask: number of the key, cost, burst, microseconds of `per`.
/// Answers `{0, ''}`, or the number of the ask that waits longest and its microseconds (`''`: it never fits).
pub(super) const TAKE_ALL: &str = r"
local time = redis.call('TIME')
local now, micro, ttl_max = time[1] * 1000000 + time[2], 1000000, tonumber(ARGV[1])
local used, life, short, longest = {}, {}, 0, 0
for n = 1, (#ARGV - 1) / 4 do
  local at = n * 4 - 2
  local k, cost, burst, per = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  if not used[k] then
    local cell, known = redis.call('GET', KEYS[k]), 0
    if cell then
      local u, a = string.match(cell, '^(%d+) (%d+)$')
      if u then
        known = math.max(tonumber(u) - math.floor(math.max(now - tonumber(a), 0) * burst * micro / per), 0)
      end
    end
    used[k], life[k] = known, 0
  end
  local wanted, wait = used[k] + cost * micro, 0
  if cost > burst then
    wait = math.huge
  else
    wait = math.ceil(math.max(wanted - burst * micro, 0) * per / (burst * micro))
    life[k] = math.max(life[k], wanted * per / (burst * micro))
  end
  if wait > longest then
    longest, short = wait, n
  end
  used[k] = wanted
end
if short > 0 then
  return {short, longest == math.huge and '' or string.format('%.0f', longest)}
end
for k, units in pairs(used) do
  local ttl = math.min(math.ceil(life[k] / 1000) + 1000, ttl_max)
  redis.call('SET', KEYS[k], string.format('%.0f %.0f', units, now), 'PX', string.format('%.0f', ttl))
end
return {0, ''}
";

/// KEYS and ARGV as for `TAKE_ALL`. Answers of how many asks the cell was there.
pub(super) const GIVE_BACK: &str = r"
local time = redis.call('TIME')
local now, micro, ttl_max = time[1] * 1000000 + time[2], 1000000, tonumber(ARGV[1])
local given = 0
for n = 1, (#ARGV - 1) / 4 do
  local at = n * 4 - 2
  local key, cost, burst, per = KEYS[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local cell = redis.call('GET', key)
  local u, a = string.match(cell or '', '^(%d+) (%d+)$')
  if u then
    given = given + 1
    local left = tonumber(u) - math.floor(math.max(now - tonumber(a), 0) * burst * micro / per) - cost * micro
    if left <= 0 then
      redis.call('DEL', key)
    else
      local ttl = ttl_max
      if burst > 0 then
        ttl = math.min(math.ceil(left * per / (burst * micro) / 1000) + 1000, ttl_max)
      end
      redis.call('SET', key, string.format('%.0f %.0f', left, now), 'PX', string.format('%.0f', ttl))
    end
  end
end
return given
";

/// KEYS: the counter. ARGV: what to add, and milliseconds of life from the first addition. Answers the value as text, as Lua's numbers
/// hold only 53 bits; it stops at the ends of 64 bits.
pub(super) const ADD: &str = r"
local key, delta = KEYS[1], ARGV[1]
local sum = redis.pcall('INCRBY', key, delta)
if type(sum) == 'table' and sum.err then
  local top = string.sub(delta, 1, 1) == '-' and '-9223372036854775808' or '9223372036854775807'
  redis.call('SET', key, top, 'KEEPTTL')
end
local value = redis.call('GET', key)
if redis.call('PTTL', key) < 0 then
  redis.call('PEXPIRE', key, ARGV[2])
end
return value
";
