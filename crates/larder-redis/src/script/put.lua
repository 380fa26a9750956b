-- Stores an entry, if its guard and its condition hold. Answers `{1, version}`, `{0, version
-- there}`, or `{2}` if the guard does not hold.
--
-- KEYS: the entry, what stands beside it. ARGV: the condition (`*`, `absent`, `present`, `newer`,
-- `not older` or a version); the moment of expiry (`-` for none, `keep`); how long it is kept behind that
-- (nothing to keep what was); the tags (`=` and the tags, or nothing to keep them); the codec (`-`
-- for an absence); the object; the revision (`-` for none); the cost; the guard (`lease`, `since`
-- or nothing) and the token or moment of it; of models that it was made from, since when its loader
-- knows that it ends with them: names and moments; then names and values of the indexed fields.
local KEY, BESIDE = KEYS[4], KEYS[5]
local condition, codec, body = ARGV[5], ARGV[9], ARGV[10]
local readers = find_readers()
local before = read(KEY)
local found = beside(BESIDE)
local tags = ARGV[8] ~= '' and string.sub(ARGV[8], 2) or (before.there and before.tags or '')

local function is_written_since(since)
  local from = tonumber(redis.call('ZSCORE', WRITTEN, '!'))
  local at = tonumber(redis.call('ZSCORE', WRITTEN, KEY))
  return not from or from > since or (at and at > since)
end

local known = {}
for name, moment in string.gmatch(ARGV[15], '(%S+) (%d+),') do known[name] = tonumber(moment) end

local function is_guarded()
  if found.fenced then return false end
  if ARGV[13] == 'lease' then
    return found.lease and found.lease.token == ARGV[14] and not fate_of(tags, found.lease.since, known)
  end
  local since, state = tonumber(ARGV[14]), state()
  return since and is_watched() and state.since and state.since <= since
    and state.epoch and state.epoch <= since
    and not is_written_since(since) and not fate_of(tags, since, known)
end

-- Nobody has to wait for what will not be stored.
local function release()
  if ARGV[13] == 'lease' and found.lease and found.lease.token == ARGV[14] then
    redis.call('HDEL', BESIDE, 'lease')
  end
end

if ARGV[13] ~= '' and not is_guarded() then
  release()
  return {2}
end
local there, revision = before.there, revision_of(before, found)
local function is_older()
  local mine = ARGV[11] ~= '-' and ARGV[11]
  local here = before.kept and before.revision ~= '-' and before.revision
  return (here and not (mine and mine >= here))
    or (found.tombstone and not (mine and mine > found.tombstone))
end
if (condition == 'absent' and there)
  or (condition == 'present' and not there)
  or (string.match(condition, '^%d') and condition ~= there)
  or (condition == 'newer' and revision and not (ARGV[11] ~= '-' and ARGV[11] > revision))
  or (condition == 'not older' and is_older()) then
  release()
  -- Its source has changed all the same: a load may have brought that before.
  if condition == 'newer' and ARGV[13] == '' then tell(readers, 'kmow', KEY) end
  return {0, there}
end
local entry = {
  codec = codec, fingerprint = fingerprint, created = ARGV[1], cost = ARGV[12], tags = tags,
  expires = ARGV[6], stale = ARGV[7], revision = ARGV[11], stamp = '-',
}
if entry.expires == 'keep' then entry.expires = there and before.expires or '-' end
if entry.stale == '' then entry.stale = there and before.stale or '0' end
if entry.revision == '-' and revision then entry.revision = revision end
-- A version never comes back, also after all was flushed.
local version = time()
if before.version and tonumber(before.version) >= version then
  version = tonumber(before.version) + 1
end
entry.version = text(version)
-- A server that is full refuses the first write of a script at most, and never DEL. This writes
-- nothing, but is refused.
local room = redis.pcall('SETRANGE', KEY, 0, '')
if type(room) == 'table' and room.err and not string.find(room.err, 'WRONGTYPE', 1, true) then
  return room
end
local indexed_tags = ARGV[8] == '' and tags ~= '' and redis.call('HGET', KEY, '_t')
local existed = redis.call('DEL', KEY) == 1
if codec == '-' or tags ~= '' then
  entry.stamp = text(moment())
  if tags ~= '' then redis.call('ZADD', TAGS, 'NX', entry.stamp, '!') end
end
local is_row = codec ~= '-' and not is_over(entry.expires)
if is_kept(entry) then
  -- All in one: the server takes an entry into its index once for each HSET.
  local fields = {'_h', header_of(entry), '_p', fingerprint}
  if codec ~= '-' then
    fields[5], fields[6] = '_b', body
    add_ends(fields, entry)
  else
    -- An absence is in the index to be counted and invalidated. To every question for what is
    -- fresh it has expired long ago.
    local absence = {
      '_exp', '-9223372036854775808', '_abs', text(last_of(entry) or 9223372036854775807),
      '_at', entry.stamp,
    }
    for _, word in ipairs(absence) do fields[#fields + 1] = word end
  end
  if indexed_tags then
    fields[#fields + 1] = '_t'
    fields[#fields + 1] = indexed_tags
  end
  for place = 16, #ARGV do fields[#fields + 1] = ARGV[place] end
  redis.call('HSET', KEY, unpack(fields))
  if entry.expires ~= '-' then reclaim(KEY, last_of(entry)) end
end
if not found.empty then
  local outlived = found.tombstone and ARGV[11] ~= '-' and ARGV[11] > found.tombstone
  redis.call('HDEL', BESIDE, 'lease', outlived and 'tombstone' or 'lease')
end
wrote(KEY)
if is_row then ends(entry.expires) end
local replaced = is_row and before.fingerprint == fingerprint
-- An object that has expired at once is in its source all the same; and of one of another version
-- of the model, who watches sees nothing.
local unseen = codec ~= '-' and (not is_row or is_watched_by_others())
if unseen or (not replaced and (before.row or (existed and not before.version))) then left() end
-- A load changes nothing in the source, but what is found in the cache.
tell(readers, ARGV[13] == '' and 'kmow' or 'on', KEY)
return {1, entry.version}
