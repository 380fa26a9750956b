-- Ends the lease with the token ARGV[5]. KEYS: the entry, what stands beside it.
local found = beside(KEYS[5])
if found.lease and found.lease.token == ARGV[5] then redis.call('HDEL', KEYS[5], 'lease') end
return 1
