"""What every test shares: the hypothesis profiles, chosen by ``DIPTYCH_PROFILE``."""

import os

from hypothesis import settings

settings.register_profile("default", max_examples=60, derandomize=True, deadline=None)
settings.register_profile("long", max_examples=2_000, derandomize=False, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("DIPTYCH_PROFILE", "default"))
