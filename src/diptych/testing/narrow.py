"""A view as if it had one feature only: small enough to be asked again and again."""

from diptych.compile.online.narrowed import narrowed
from diptych.plan.nodes import View


def only(view: View, feature: str) -> View:
    """The view with that feature and the reductions it reads; what decides about events and copies stays as it is."""
    return narrowed(view, [feature])
