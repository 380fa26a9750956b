-- Whether no object has left since a moment. ARGV: for how many microseconds to watch on; the
-- moment; how many keys had been evicted then; when the first object expires that was there then
-- (`-` for never).
local since, state = tonumber(ARGV[6]), state()
local function is_ahead(at)
  -- The server drops what has expired by its own clock.
  return not at or (at > now and at + ahead > time() / 1000)
end
local holds = is_watched()
  and state.since and state.since <= since
  and state.epoch and state.epoch <= since
  and not (state.departed and state.departed > since)
  -- Behind a fence whose writer died its rows are as little known as before one.
  and not (state.fenced and state.fenced > now)
  and is_ahead(state.earliest)
  and is_ahead(tonumber(ARGV[8]))
  and evicted() == ARGV[7]
if not holds then return 0 end
if state.watch - time() < tonumber(ARGV[5]) / 2 then
  set('watch', time() + tonumber(ARGV[5]))
  redis.call('PEXPIREAT', WRITTEN, text(state.watch / 1000))
end
return 1
