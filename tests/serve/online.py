"""The online side driven by hand, as the online targets drive it."""

from diptych.testing.targets.corner import Corner as Online
from diptych.testing.targets.corner import Hand, fresh_addresses, in_order, known, registry_of

__all__ = ["Hand", "Online", "fresh_addresses", "in_order", "known", "registry_of"]
