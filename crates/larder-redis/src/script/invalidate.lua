-- Writes down that tags were invalidated: what has one of them is gone, or has expired, from now
-- on. ARGV: `remove` or `expire`; the tags.
local readers = find_readers()
local moment = text(advance())
-- Of what was before nothing is known, if nothing was written down.
redis.call('ZADD', TAGS, 'NX', moment, '!')
for place = 6, #ARGV do
  local tag = ARGV[place]
  if ARGV[5] == 'expire' then
    redis.call('ZADD', TAGS, moment, '~' .. tag)
    -- What expired stays expired since the first time: the last ones are told apart.
    local times = {}
    for time in string.gmatch(redis.call('HGET', STATE, '~' .. tag) or '', '[^,]+,') do
      times[#times + 1] = time
    end
    times[#times + 1] = moment .. ':' .. ARGV[1] .. ','
    local last = table.concat(times, '', math.max(1, #times - 7))
    redis.call('HSET', STATE, '~' .. tag, last)
  else
    redis.call('ZADD', TAGS, moment, '-' .. tag)
    redis.call('ZREM', TAGS, '~' .. tag)
    redis.call('HDEL', STATE, '~' .. tag)
  end
end
forget(TAGS, STATE)
left()
tell(readers, 'a')
return 1
