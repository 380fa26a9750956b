-- Takes several entries away. Answers how many fresh objects of the caller's version they were.
--
-- KEYS: the entries. ARGV: `remove` or `expire`; `version`, `tags` or `all`; of `version`, the
-- version of each entry, which is left alone if it has another by now; of `tags` entries are left
-- alone that no invalidation has hit.
local readers, fresh, any = find_readers(), 0, false
for place = 4, #KEYS do
  local key = KEYS[place]
  local entry = read(key)
  local is_meant, was_there = true, entry.there
  if ARGV[6] == 'version' then
    is_meant = entry.fingerprint == fingerprint and entry.version == ARGV[place + 3]
  elseif ARGV[6] == 'tags' then
    is_meant = entry.hit
    was_there = entry.row and entry.fingerprint == fingerprint
  end
  if is_meant then
    depart(key, entry, ARGV[5])
    any = true
    if was_there then fresh = fresh + 1 end
  end
end
-- Who has read one of them since the removal began.
if any then tell(readers, 'a') end
return fresh
