-- Gives a lease back if it is still the holder's: one that has expired may be another's by now.
-- KEYS[1] the lease; ARGV[1] the holder. Returns how many were given back.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('UNLINK', KEYS[1])
end
return 0
