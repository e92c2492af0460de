"""The server-side scripts: the few steps that must be atomic, each over one key, so that any cluster could run them."""

import hashlib
from dataclasses import dataclass, field

from diptych.serve.stores.protocol import HEADER_MARK


@dataclass(frozen=True, slots=True)
class Script:
    """Lua source and the SHA-1 by which the server calls it."""

    source: bytes
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Name the script by its digest, as the server does."""
        object.__setattr__(self, "digest", hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode())


_MARK = "".join(f"\\{byte:03d}" for byte in HEADER_MARK)

# ARGV: snapshot length, generation or '', SHA-1 of the headless snapshot or '', replacement.
# A state that already carries the replacement's generation was swapped by this very call, whose answer was lost.
SWAP = Script(
    f"""
local head = redis.call('GETRANGE', KEYS[1], 0, 15)
local headed = string.sub(head, 1, 8) == '{_MARK}'
local generation = string.sub(head, 9, 16)
if headed and generation == string.sub(ARGV[4], 9, 16) then return 1 end
local length = tonumber(ARGV[1])
if redis.call('STRLEN', KEYS[1]) < length then return 0 end
if ARGV[2] ~= '' then
  if not headed or generation ~= ARGV[2] then return 0 end
else
  if headed then return 0 end
  if redis.sha1hex(redis.call('GETRANGE', KEYS[1], 0, length - 1)) ~= ARGV[3] then return 0 end
end
local tail = redis.call('GETRANGE', KEYS[1], length, -1)
redis.call('SET', KEYS[1], ARGV[4] .. tail, 'KEEPTTL')
return 1
""".encode()
)

# ARGV: folded state, instant of expiry in ms or '', least time to live in ms.
# GT never shortens; NX gives an expiry to a key without one; an instant that has passed would delete, so it is moved.
SEED = Script(
    f"""
if redis.call('GETRANGE', KEYS[1], 0, 7) == '{_MARK}' then return 2 end
local blind = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1] .. (blind or ''), 'KEEPTTL')
if ARGV[2] == '' then
  redis.call('PERSIST', KEYS[1])
else
  local clock = redis.call('TIME')
  local soonest = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[3]
  local expiry = string.format('%.0f', math.max(tonumber(ARGV[2]), soonest))
  redis.call('PEXPIREAT', KEYS[1], expiry, 'GT')
  redis.call('PEXPIREAT', KEYS[1], expiry, 'NX')
end
if blind then return 1 end
return 0
""".encode()
)

# ARGV: 1 if a document is expected, the expected bytes, the new bytes.
COMPARE_AND_SET = Script(
    b"""
local current = redis.call('GET', KEYS[1])
if ARGV[1] == '1' then
  if current ~= ARGV[2] then return 0 end
elseif current then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3])
return 1
"""
)
