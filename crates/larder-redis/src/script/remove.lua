-- Removes an entry or lets it expire, and ends its lease. Answers whether a fresh object was there.
--
-- KEYS: the entry, what stands beside it. ARGV: `remove` or `expire`; the version that it must
-- have (nothing for any); the revision that it must not be later than and that is remembered
-- (nothing for none), and until when; the token of a fence to take down; the token of a fence to
-- put up, and until when it stands.
local KEY, BESIDE = KEYS[4], KEYS[5]
local readers = find_readers()
if ARGV[9] ~= '' then redis.call('HDEL', BESIDE, 'fence:' .. ARGV[9]) end
local entry, found = read(KEY), beside(BESIDE)
local there = entry.there
if ARGV[6] ~= '' and ARGV[6] ~= there then return 0 end
if ARGV[7] ~= '' then
  local revision = revision_of(entry, found)
  if revision and revision > ARGV[7] then
    -- Its source has changed all the same: a load may have brought that before.
    tell(readers, 'kmow', KEY)
    return 0
  end
end
-- There or not: what its source holds now, nobody who watches knows.
left()
depart(KEY, entry, ARGV[5])
if not found.empty then redis.call('HDEL', BESIDE, 'lease') end
if ARGV[7] ~= '' then
  local value = table.concat({ARGV[7], ARGV[8], text(moment())}, ' ')
  put_beside(BESIDE, found, 'tombstone', value, ARGV[8])
end
if ARGV[10] ~= '' then
  put_beside(BESIDE, found, 'fence:' .. ARGV[10], ARGV[11], ARGV[11])
  local fenced = state().fenced
  if not fenced or fenced < tonumber(ARGV[11]) then set('fenced', tonumber(ARGV[11])) end
end
tell(readers, 'kmow', KEY)
return there and 1 or 0
