-- What all scripts begin with. KEYS: the model's state, its tags, what was written while somebody
-- watched; then what the script is about. ARGV: the caller's time in milliseconds, the fingerprint
-- of its version of the model, how far the server's clock is ahead of the caller's, the run of the
-- server that the caller knows.
--
-- A moment is a number that grows with all that happens to a model: the microsecond of the
-- server's clock, or one more than the last. What was lost with the server's memory is noticed by
-- the moment from which on something is known.
local STATE, TAGS, WRITTEN = KEYS[1], KEYS[2], KEYS[3]
-- What the keys of all models of the namespace begin with, and the name of this one.
local NAMESPACE, NAME = string.match(STATE, '^(.*:)([^:]*)!state$')
local now, fingerprint, ahead, run = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
-- How many tags that were invalidated, and writes that were watched, are remembered of a model.
local MOST = 100000

local function text(number)
  return string.format('%.0f', number)
end

local micros
-- The server's clock.
local function time()
  if not micros then
    local parts = redis.call('TIME')
    micros = parts[1] * 1000000 + parts[2]
  end
  return micros
end

local known
-- What is known of the model as a whole:
--   moment    the last one
--   epoch     when leases and absences of before ended: of a removal by filter or of all
--   cleared   when tombstones of before ended
--   departed  when an object left last while somebody watched
--   watch     until when, by the server's clock, somebody watches
--   since     since when somebody watches without a break
--   watcher   the fingerprint of the version of the model that who watches knows; `*` of several
--   fenced    until when, by the callers' clock, a fence may have stood
--   earliest  the first moment, by the callers' clock, at which something expires that was
--             written since
--   pages     of which models entries are made from this one's; see `followers`
local function state()
  if not known then
    local v = redis.call(
      'HMGET', STATE, 'moment', 'epoch', 'cleared', 'departed', 'watch', 'since', 'earliest',
      'watcher', 'fenced', 'pages')
    known = {
      moment = tonumber(v[1]), epoch = tonumber(v[2]), cleared = tonumber(v[3]),
      departed = tonumber(v[4]), watch = tonumber(v[5]), since = tonumber(v[6]),
      earliest = tonumber(v[7]), watcher = v[8], fenced = tonumber(v[9]),
      pages = v[10],
    }
  end
  return known
end

local function set(name, number)
  state()[name] = number
  redis.call('HSET', STATE, name, text(number))
end

-- A moment later than all before.
local function advance()
  local moment = time()
  local state = state()
  if state.moment and state.moment >= moment then moment = state.moment + 1 end
  set('moment', moment)
  if not state.epoch then set('epoch', moment) end
  return moment
end

-- The moment of now.
local function moment()
  local state = state()
  return state.moment and state.epoch and state.moment or advance()
end

-- A moment of a model of the namespace, later than all before.
local function advance_of(name)
  if name == NAME then return advance() end
  local key, moment = NAMESPACE .. name .. '!state', time()
  local last = redis.call('HMGET', key, 'moment', 'epoch')
  if last[1] and tonumber(last[1]) >= moment then moment = tonumber(last[1]) + 1 end
  redis.call('HSET', key, 'moment', text(moment), 'epoch', last[2] or text(moment))
  return moment
end

-- Forgets what is too much of the tags of a model that were invalidated.
local function forget(tags, state)
  while redis.call('ZCARD', tags) > MOST do
    -- The least is `!`: what is older than the last that is forgotten is gone.
    local forgotten = redis.call('ZPOPMIN', tags, 2)
    redis.call('ZADD', tags, forgotten[4], '!')
    redis.call('HDEL', state, forgotten[3])
  end
end

-- Who has entries that are made from those of a model: the names of models, since which moment of
-- theirs without a break, and until when by the server's clock.
local function followers(pages)
  local found = {}
  for name, since, till in string.gmatch(pages or '', '(%S+) (%d+) (%d+),') do
    if tonumber(till) > time() / 1000 then
      found[#found + 1] = {name = name, since = tonumber(since), till = tonumber(till)}
    end
  end
  return found
end

local function followers_of(name)
  if name == NAME then return followers(state().pages) end
  return followers(redis.call('HGET', NAMESPACE .. name .. '!state', 'pages'))
end

-- Has whatever is done to a model end what entries of another are made from it, for so many
-- milliseconds. Answers since which moment of that one it is so without a break.
local function follow(rows, pages, millis)
  local till = math.floor(time() / 1000) + millis
  local list, own = {}, nil
  for _, one in ipairs(followers_of(rows)) do
    if one.name == pages then own = one else list[#list + 1] = one end
  end
  -- Not for every little while anew.
  if own and own.till + 60000 > till then return own.since end
  if not own then
    own = {name = pages, since = advance_of(pages), till = till}
    -- From now on it has to be known which tags are invalidated.
    redis.call('ZADD', NAMESPACE .. pages .. '!tags', 'NX', text(own.since), '!')
  end
  own.till = till
  list[#list + 1] = own
  for place, one in ipairs(list) do
    list[place] = table.concat({one.name, text(one.since), text(one.till)}, ' ') .. ','
  end
  local all = table.concat(list)
  redis.call('HSET', NAMESPACE .. rows .. '!state', 'pages', all)
  if rows == NAME then state().pages = all end
  return own.since
end

-- Those whose entries are made from this model's. Asked for before anything is written: of a
-- namespace on its way to another node the server says here that it does not have them.
local function find_readers()
  local pages = state().pages
  if not pages then return {} end
  local found = followers(pages)
  for _, one in ipairs(found) do
    local key = NAMESPACE .. one.name
    redis.call('EXISTS', key .. '!state', key .. '!tags')
  end
  return found
end

-- Ends what readers made from this model: all that has one of these tags, as a removal by tag
-- does. The kinds of tags are those of `larder_core::deps`.
local function tell(readers, kinds, key)
  if #readers == 0 then return end
  local ended = {}
  for kind in string.gmatch(kinds, '.') do
    local tag = '-dep%3A' .. kind .. '%3A' .. NAME
    if kind == 'k' or kind == 'n' then
      local id = string.sub(key, #NAMESPACE + #NAME + 2)
      id = string.gsub(id, '%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end)
      local function hex(byte) return string.format('%02x', string.byte(byte)) end
      tag = tag .. '%3A' .. string.gsub(id, '.', hex)
    end
    ended[#ended + 1] = tag
  end
  for _, one in ipairs(readers) do
    local moment, tags = text(advance_of(one.name)), NAMESPACE .. one.name .. '!tags'
    redis.call('ZADD', tags, 'NX', moment, '!')
    local members = {}
    for _, tag in ipairs(ended) do
      members[#members + 1] = moment
      members[#members + 1] = tag
    end
    redis.call('ZADD', tags, unpack(members))
    forget(tags, NAMESPACE .. one.name .. '!state')
  end
end

local function is_watched()
  local watch = state().watch
  return watch and watch > time()
end

-- Whether somebody watches who knows another version of the model.
local function is_watched_by_others()
  return is_watched() and state().watcher ~= fingerprint
end

-- How many keys the server has evicted; nothing if the user may not ask.
local function evicted()
  local info = redis.pcall('INFO', 'stats')
  return type(info) == 'string' and string.match(info, 'evicted_keys:(%d+)') or nil
end

-- Notes for those who watch that a key was written or removed.
local function wrote(key)
  if not is_watched() then return end
  redis.call('ZADD', WRITTEN, text(advance()), key)
  if redis.call('ZCARD', WRITTEN) > MOST then
    -- The least is `!`, from which on all writes are known.
    local forgotten = redis.call('ZPOPMIN', WRITTEN, 2)
    redis.call('ZADD', WRITTEN, forgotten[4], '!')
  end
end

-- Notes for those who watch that an object left.
local function left()
  if is_watched() then set('departed', advance()) end
end

-- Notes for those who watch when an object that was written will expire.
local function ends(expires)
  if expires == '-' or not is_watched() then return end
  local earliest = state().earliest
  if not earliest or tonumber(expires) < earliest then set('earliest', tonumber(expires)) end
end

-- Whether all that was done to a model since a moment has ended what of this one was made from it.
-- `known` tells of models since when their loader knows it to be so.
local function is_followed(name, since, known)
  for _, one in ipairs(followers_of(name)) do
    if one.name == NAME then return one.since <= since or one.since == (known and known[name]) end
  end
  return false
end

-- What was done to tags, as a header has them, since a moment: `gone`; the time when they were
-- made to expire; or nothing.
local function fate_of(tags, since, known)
  if tags == '' then return nil end
  local from = tonumber(redis.call('ZSCORE', TAGS, '!'))
  if not from or from > since then return 'gone' end
  local expired
  for tag in string.gmatch(tags, '([^,]*),') do
    -- What was made from a model ends with it, as long as the server knows.
    local made_of = string.match(tag, '^dep%%3Aa%%3A(.*)$')
    if made_of and not is_followed(made_of, since, known) then return 'gone' end
    local moments = redis.call('ZMSCORE', TAGS, '-' .. tag, '~' .. tag)
    if moments[1] and tonumber(moments[1]) > since then return 'gone' end
    if moments[2] and tonumber(moments[2]) > since then
      -- The first time since then; where more are forgotten than are known, the next.
      local times = redis.call('HGET', STATE, '~' .. tag) or ''
      local at = now
      for moment, time in string.gmatch(times, '(%d+):(%-?%d+),') do
        if tonumber(moment) > since then
          at = tonumber(time)
          break
        end
      end
      if not expired or at < expired then expired = at end
    end
  end
  return expired
end

local function is_over(expires)
  return expires ~= '-' and tonumber(expires) <= now
end

-- The end of what is kept behind an expiry; nothing if there is none.
local function last_of(entry)
  return entry.expires ~= '-' and tonumber(entry.expires) + tonumber(entry.stale) or nil
end

local function is_kept(entry)
  local last = last_of(entry)
  return not last or last > now
end

-- Reads an entry. `version` is there if a header of Larder's is; `row`, if an object that has not
-- expired by that; `hit`, if it was invalidated; `kept`, if that and time have left it; `there` is
-- its version, if it is a fresh object of the caller's version of the model.
local function read(key)
  local entry = {}
  local header = redis.pcall('HGET', key, '_h')
  if type(header) ~= 'string' then return entry end
  local codec, print, version, created, expires, stale, cost, revision, stamp, tags = string.match(
    header, '^L2 ([%d%-]+) (%x+) (%d+) (%-?%d+) ([%d%-]+) (%d+) (%d+) ([%d%-]+) ([%d%-]+) (.*)$')
  if not codec or (expires ~= '-' and not tonumber(expires)) then return entry end
  entry.codec, entry.fingerprint, entry.version, entry.created = codec, print, version, created
  entry.expires, entry.stale, entry.cost, entry.revision = expires, stale, cost, revision
  entry.stamp, entry.tags = stamp, tags
  entry.object = codec ~= '-'
  entry.row = entry.object and not is_over(expires)
  entry.kept = is_kept(entry)
  if stamp ~= '-' and entry.kept then
    local since = tonumber(stamp)
    local epoch = state().epoch
    local fate = fate_of(tags, since)
    -- An absence is no fallback.
    if not entry.object and (fate or not (epoch and epoch <= since)) then fate = 'gone' end
    entry.hit = fate ~= nil
    if fate == 'gone' then
      entry.kept = false
    elseif fate and (expires == '-' or fate < tonumber(expires)) then
      entry.expires = text(fate)
      entry.kept = is_kept(entry)
    end
  end
  entry.fresh = entry.kept and print == fingerprint and not is_over(entry.expires)
  if entry.fresh and entry.object then entry.there = version end
  return entry
end

local function header_of(entry)
  return table.concat({
    'L2', entry.codec, entry.fingerprint, entry.version, entry.created, entry.expires,
    entry.stale, entry.cost, entry.revision, entry.stamp, entry.tags,
  }, ' ')
end

-- The fields that say when it ends, as the index wants them.
local function add_ends(fields, entry)
  if entry.expires == '-' then return end
  fields[#fields + 1] = '_exp'
  fields[#fields + 1] = entry.expires
  if entry.stale ~= '0' then
    fields[#fields + 1] = '_end'
    fields[#fields + 1] = text(last_of(entry))
  end
end

-- Has the server drop a key at a time of the caller's.
local function reclaim(key, at)
  at = at and at + ahead
  if at and at < 4503599627370496 then
    redis.call('PEXPIREAT', key, text(at))
  else
    redis.call('PERSIST', key)
  end
end

-- Writes anew what an entry says of itself.
local function rewrite(key, entry)
  local fields = {'_h', header_of(entry)}
  add_ends(fields, entry)
  -- HSET first: of the writes of a script a full server refuses the first at most.
  redis.call('HSET', key, unpack(fields))
  if entry.expires == '-' then redis.call('HDEL', key, '_exp', '_end') end
  reclaim(key, last_of(entry))
end

-- Takes an entry away, or its freshness.
local function depart(key, entry, fate)
  local was_there = entry.version
  if fate == 'expire' and entry.object and entry.kept then
    if not is_over(entry.expires) then entry.expires = ARGV[1] end
    if entry.stamp ~= '-' then entry.stamp = text(moment()) end
    entry.kept = is_kept(entry)
  else
    entry.kept = false
  end
  if entry.kept then
    rewrite(key, entry)
  else
    was_there = redis.call('UNLINK', key) == 1
  end
  wrote(key)
  if entry.row or (was_there and not entry.version) then left() end
end

-- What stands beside an entry: its lease, what a removal with a revision left, fences. Nothing
-- but what holds by now; what does not is listed as `over`.
local function beside(key)
  local found = {over = {}, fenced = false, last = 0}
  local fields = redis.call('HGETALL', key)
  for place = 1, #fields, 2 do
    local name, value = fields[place], fields[place + 1]
    local at, holds
    if name == 'lease' then
      local token, till, since, on = string.match(value, '^(%x+) (%-?%d+) (%d+) (%x*)$')
      local epoch = state().epoch
      at = tonumber(till)
      holds = at > now and on == run and epoch and epoch <= tonumber(since)
      if holds then found.lease = {token = token, at = at, since = tonumber(since)} end
    elseif name == 'tombstone' then
      local revision, till, since = string.match(value, '^(%d+) (%-?%d+) (%d+)$')
      local cleared = state().cleared
      at = tonumber(till)
      holds = at > now and not (cleared and cleared > tonumber(since))
      if holds then found.tombstone = revision end
    else
      at = tonumber(value)
      holds = at > now
      found.fenced = found.fenced or holds
    end
    if holds then
      found.last = math.max(found.last, at)
    else
      found.over[#found.over + 1] = name
    end
  end
  found.empty = #fields == 0
  return found
end

-- Puts something beside an entry.
local function put_beside(key, found, name, value, till)
  redis.call('HSET', key, name, value)
  for _, over in ipairs(found.over) do
    if over ~= name then redis.call('HDEL', key, over) end
  end
  found.last = math.max(found.last, tonumber(till))
  reclaim(key, found.last)
end

-- The latest revision that is known under an id: 20 digits, which sort as the numbers do.
local function revision_of(entry, found)
  local revision = entry.kept and entry.revision ~= '-' and entry.revision or nil
  if found.tombstone and (not revision or found.tombstone > revision) then
    revision = found.tombstone
  end
  return revision
end
