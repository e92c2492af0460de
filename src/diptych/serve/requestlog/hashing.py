"""Keyed hashes of sensitive columns: equal values stay equal, and nobody without the key can try values out.

The hash is HMAC-SHA-256, cut to 128 bits, over one canonical spelling of a value: UTF-8 of text, decimal digits of
integers, of instants (microseconds) and of a decimal's units, ``t`` or ``f``, and the hexadecimal form of a float.
Whoever has the key can hash the keys of a history in the same way and find the entities of a log again.
"""

import hmac
from dataclasses import dataclass, field
from typing import Any

from diptych.ground.errors import DiptychError
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.rows.values import Values

_DIGITS = 32
LEAST_KEY = 16
"""Characters that a key must have."""


class WeakKey(DiptychError):
    """A key that is too short to protect anything."""


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """Hashes with one key; ``id`` tells keys apart and says nothing about them."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, key: str) -> "KeyedHash":
        """With a key as text; raises WeakKey."""
        if len(key) < LEAST_KEY:
            raise WeakKey(
                f"the key of recording.requests has {len(key)} characters, and must have at least {LEAST_KEY}: take "
                "random ones, for example of `openssl rand -hex 16`"
            )
        return cls(key.encode())

    @property
    def id(self) -> str:
        """Which key this is: the same for the same key."""
        return hmac.digest(self.key, b"the id of this key", "sha256").hex()[:16]

    def column(self, kind: ValueType, values: Values) -> list[str | None]:
        """The hashes of a column, None where null."""
        plain = values.data.tolist()
        known = {value: self.hash(kind, value) for value in set(plain)}
        return [known[value] if valid else None for value, valid in zip(plain, values.valid.tolist(), strict=True)]

    def hash(self, kind: ValueType, stored: Any) -> str:
        """The hash of one value as columns hold it: text as its bytes, a decimal as its units."""
        return hmac.digest(self.key, _spelled(kind, stored), "sha256").hex()[:_DIGITS]

    def vocabulary(self, kind: ValueType) -> dict[str, Any] | None:
        """Every value that the type can have by its hash, as Arrow takes it; None where there are too many."""
        match kind:
            case Enum(words):
                return {self.hash(kind, word.encode()): word for word in words}
            case Bool():
                return {self.hash(kind, truth): truth for truth in (False, True)}
            case _:
                return None


def _spelled(kind: ValueType, stored: Any) -> bytes:
    match kind:
        case String() | Enum():
            text: bytes = stored
            return text
        case Bool():
            return b"t" if stored else b"f"
        case Float64():
            return float(stored).hex().encode()
        case Int64() | Decimal() | Timestamp():
            return b"%d" % stored
