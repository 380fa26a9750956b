-- Removes what is no entry of Larder's. Answers whether that was there. KEYS: the entry.
local KEY = KEYS[4]
if redis.call('EXISTS', KEY) == 0 then return 0 end
local entry = read(KEY)
if entry.version and (not entry.object or redis.call('HEXISTS', KEY, '_b') == 1) then return 0 end
redis.call('UNLINK', KEY)
wrote(KEY)
left()
return 1
