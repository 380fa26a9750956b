-- Asks for a lease. Answers `{1, header, object}` if there is a fresh entry; `{2}` if the lease is
-- the caller's; `{3, milliseconds}` if another has it; `{4}` if a fence is up.
--
-- KEYS: the entry, what stands beside it, and the states of models that entries of this one are
-- made from. ARGV: the token; until when; the version that is no hit (nothing for none); of each of
-- these models the name, and for how many milliseconds it is followed.
local KEY, BESIDE = KEYS[4], KEYS[5]
local entry = read(KEY)
if entry.fresh and entry.version ~= ARGV[7] then
  local body = redis.call('HGET', KEY, '_b')
  if body or not entry.object then return {1, header_of(entry), body} end
end
local found = beside(BESIDE)
if found.fenced then return {4} end
if found.lease then return {3, text(found.lease.at - now)} end
-- Should the server have forgotten them, the load is told from now on.
for place = 8, #ARGV, 2 do follow(ARGV[place], NAME, tonumber(ARGV[place + 1])) end
local since = text(moment())
put_beside(BESIDE, found, 'lease', table.concat({ARGV[5], ARGV[6], since, run}, ' '), ARGV[6])
-- From now on it has to be known which tags are invalidated.
redis.call('ZADD', TAGS, 'NX', since, '!')
return {2}
