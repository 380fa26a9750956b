//! The scripts that write entries: what has to happen in one go, on the server.
//!
//! Each knows one key and takes the caller's time as an argument, so that what has expired by
//! the caller's clock counts as absent whether or not the server has dropped it. A header is
//! written here and nowhere else; see `layout::Header`.

use redis::Cmd;

/// What all scripts begin with: reads the entry at `KEYS[1]`.
///
/// Afterwards `there` is the entry's version if it is alive and of this version of the model,
/// and `last` the version of whatever entry is there.
const ENTRY: &str = r"
local now = tonumber(ARGV[1])
local fingerprint = ARGV[2]
local there, last, codec, created, expires, tags
local header = redis.pcall('HGET', KEYS[1], '_h')
if type(header) == 'string' then
  local c, f, v, b, e, t = string.match(header, '^L1 (%d+) (%x+) (%d+) (%-?%d+) (%-?%d*) (.*)$')
  if c then
    last = v
    if f == fingerprint and (e == '-' or tonumber(e) > now) then
      there, codec, created, expires, tags = v, c, b, e, t
    end
  end
end
-- The server drops what has expired by its own clock; ARGV[3] is how far that is ahead.
local function reclaim()
  local at = expires ~= '-' and tonumber(expires) + tonumber(ARGV[3])
  if at and at < 4503599627370496 then
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', at))
  end
end
local function write_header(version)
  return table.concat({'L1', codec, fingerprint, version, created, expires, tags}, ' ')
end
";

/// Stores an entry, if its condition holds. Answers `{1, version}`, or `{0, version there}`.
///
/// Arguments behind those of all: the condition (`*`, `absent`, `present` or a version); the
/// moment of expiry (`-` for none, `keep`); the tags (`=` and the tags, or nothing to keep
/// them); the codec; the object; then names and values of the indexed fields.
const PUT: &str = r"
local condition = ARGV[4]
if (condition == 'absent' and there)
  or (condition == 'present' and not there)
  or (string.match(condition, '^%d') and condition ~= there) then
  return {0, there}
end
if ARGV[5] ~= 'keep' then expires = ARGV[5] elseif not there then expires = '-' end
if ARGV[6] ~= '' then tags = string.sub(ARGV[6], 2) elseif not there then tags = '' end
codec, created = ARGV[7], ARGV[1]
-- Microseconds of the server's clock: a version never comes back, also after all was flushed.
local time = redis.call('TIME')
local version = time[1] * 1000000 + time[2]
if last and tonumber(last) >= version then version = tonumber(last) + 1 end
version = string.format('%.0f', version)
-- A server that is full refuses the first write of a script at most, and never DEL. This writes
-- nothing, but is refused.
local room = redis.pcall('SETRANGE', KEYS[1], 0, '')
if type(room) == 'table' and room.err and not string.find(room.err, 'WRONGTYPE', 1, true) then
  return room
end
redis.call('DEL', KEYS[1])
if expires == '-' or tonumber(expires) > now then
  -- All in one: the server takes an entry into its index once for each HSET.
  local fields = {'_h', write_header(version), '_b', ARGV[8], '_p', fingerprint}
  if expires ~= '-' then fields[7], fields[8] = '_exp', expires end
  for place = 9, #ARGV do fields[#fields + 1] = ARGV[place] end
  redis.call('HSET', KEYS[1], unpack(fields))
  reclaim()
end
return {1, version}
";

/// Removes an entry; only one of the version `ARGV[4]`, if that is given. Answers whether it was
/// there.
const REMOVE: &str = r"
if ARGV[4] ~= '' then
  if ARGV[4] ~= there then return 0 end
end
redis.call('UNLINK', KEYS[1])
return there and 1 or 0
";

/// Gives an entry the moment of expiry `ARGV[4]` (`-` for none, `keep`). Answers whether it was
/// there.
const TOUCH: &str = r"
if not there then return 0 end
if ARGV[4] == 'keep' then return 1 end
expires = ARGV[4]
if expires ~= '-' and tonumber(expires) <= now then
  redis.call('UNLINK', KEYS[1])
  return 1
end
-- HSET first: of the writes of a script a full server refuses the first at most.
if expires == '-' then
  redis.call('HSET', KEYS[1], '_h', write_header(there))
  redis.call('HDEL', KEYS[1], '_exp')
  redis.call('PERSIST', KEYS[1])
else
  redis.call('HSET', KEYS[1], '_h', write_header(there), '_exp', expires)
  redis.call('PERSIST', KEYS[1])
  reclaim()
end
return 1
";

/// Removes what is no entry of Larder's. Answers whether that was there.
const HEAL: &str = r"
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if last and redis.call('HEXISTS', KEYS[1], '_b') == 1 then return 0 end
redis.call('UNLINK', KEYS[1])
return 1
";

/// A script and its digest.
#[derive(Debug)]
pub(crate) struct Script {
    text: String,
    digest: String,
}

impl Script {
    fn new(body: &str) -> Self {
        let text = format!("{ENTRY}{body}");
        let digest = redis::Script::new(&text).get_hash().to_owned();
        Self { text, digest }
    }

    /// The command that puts the script where [`call`](Self::call) finds it.
    pub(crate) fn load(&self) -> Cmd {
        let mut cmd = redis::cmd("SCRIPT");
        cmd.arg("LOAD").arg(&self.text);
        cmd
    }

    /// The command that runs the script on `key`; its arguments go behind it.
    pub(crate) fn call(&self, key: &str) -> Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(&self.digest).arg(1).arg(key);
        cmd
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) put: Script,
    pub(crate) remove: Script,
    pub(crate) touch: Script,
    pub(crate) heal: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            put: Script::new(PUT),
            remove: Script::new(REMOVE),
            touch: Script::new(TOUCH),
            heal: Script::new(HEAL),
        }
    }
}
