-- Reads an entry as invalidations have left it. Answers its header and its object, or nothing.
-- KEYS: the entry.
local entry = read(KEYS[4])
if not entry.kept then return {} end
return {header_of(entry), redis.call('HGET', KEYS[4], '_b')}
