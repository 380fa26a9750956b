-- Ends all leases of the model and all that is known to be absent; all tombstones too, if ARGV[5]
-- is `all`.
local readers = find_readers()
local moment = advance()
set('epoch', moment)
if ARGV[5] == 'all' then set('cleared', moment) end
left()
tell(readers, 'a')
return 1
