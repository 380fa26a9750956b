-- Has whatever is done to the model end what entries of another were made from it. Answers since
-- which moment of that one it is so without a break.
--
-- KEYS: the state and the tags of that one. ARGV: its name; for how many milliseconds.
return text(follow(NAME, ARGV[5], tonumber(ARGV[6])))
