-- Gives a fresh object the moment of expiry ARGV[5] (`-` for none, `keep`). Answers whether it was
-- there. KEYS: the entry.
local KEY = KEYS[4]
local entry = read(KEY)
if not entry.there then return 0 end
if ARGV[5] == 'keep' then return 1 end
entry.expires = ARGV[5]
if is_kept(entry) then
  rewrite(KEY, entry)
else
  redis.call('UNLINK', KEY)
end
if is_over(entry.expires) then left() else ends(entry.expires) end
return 1
