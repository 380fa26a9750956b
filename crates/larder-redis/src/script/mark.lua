-- Begins to watch, or goes on. Answers the moment and how many keys the server has evicted. ARGV:
-- for how many microseconds to watch.
local state, till = state(), time() + tonumber(ARGV[5])
local is_over = state.earliest and state.earliest <= now
if not is_watched() or not state.since or is_over then
  -- Marks of before do not hold any more.
  set('since', advance())
  redis.call('HDEL', STATE, 'earliest')
end
-- Of several versions none sees what the others write.
local others = is_watched() and state.watcher and state.watcher ~= fingerprint
redis.call('HSET', STATE, 'watcher', others and '*' or fingerprint)
local since = text(moment())
set('watch', math.max(state.watch or 0, till))
if not redis.call('ZSCORE', WRITTEN, '!') then
  redis.call('DEL', WRITTEN)
  redis.call('ZADD', WRITTEN, since, '!')
end
redis.call('PEXPIREAT', WRITTEN, text(state.watch / 1000))
redis.call('ZADD', TAGS, 'NX', since, '!')
return {since, evicted()}
