"""Training sets: a service's outputs at every row of a spine, as serving would have given them at that row's instant.

The spine's rows, order and columns stay as they are, however odd. Each view is computed once, for the distinct (key,
instant) pairs of all roles that use it, and joined back by row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.plan.nodes import REQUEST_TIME, Registry, Role, Service, View
from diptych.run import frames
from diptych.run.columns import Array, stored_again
from diptych.run.engine import OfflineEngine
from diptych.run.errors import BadHistory, BadSpine
from diptych.run.location import Location
from diptych.run.request import Request, read_request
from diptych.run.spine import Questions, questions

DEFAULT_TIME = "event_timestamp"


class TrainingSet:
    """A training set that is computed once, when it is first looked at; its spine has been checked already."""

    def __init__(self, frame: Any, compute: Callable[[], dict[str, Array]], statements: Callable[[], str]) -> None:
        self._frame = frame
        self._compute = compute
        self._statements = statements

    @cached_property
    def features(self) -> dict[str, Array]:
        """The outputs alone, in the order of the service, one Arrow array of all rows each."""
        return self._compute()

    def to_arrow(self) -> pa.Table:
        """The spine's columns, then the outputs."""
        table = frames.to_arrow(self._frame)
        for name, column in self.features.items():
            table = table.append_column(name, column)
        return table

    def to_df(self) -> Any:
        """As pandas, with the spine's own index and dtypes if it is pandas."""
        return frames.beside(self._frame, self.features)

    def to_polars(self) -> Any:
        """As polars, which has to be installed."""
        import polars

        return polars.from_arrow(self.to_arrow())

    def to_sql(self) -> str:
        """The statements behind the outputs, as text; computes nothing."""
        return self._statements()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one view is asked: the questions of all its roles, one after the other, and the features of any of them."""

    view: View
    roles: tuple[Role, ...]
    questions: Questions
    features: tuple[str, ...]

    def rows(self, place: int) -> npt.NDArray[np.int64]:
        """For each row of the spine, the question that the role at ``place`` asks."""
        return np.split(self.questions.rows, len(self.roles))[place]


def training_set(
    registry: Registry,
    service: Service,
    histories: Mapping[str, Location],
    spine: Any,
    engine: OfflineEngine,
    *,
    timestamp: str = DEFAULT_TIME,
    full_feature_names: bool = True,
) -> TrainingSet:
    """The service's outputs for every row of ``spine``, a frame with a time column, key columns and request inputs.

    ``histories`` are by source. Raises BadSpine where the spine lacks a column, holds another type, a null time, or a
    column of an output's name; BadHistory where a source has no history; Overflow when a sum leaves int64.
    """
    asked_names = _output_names(service, full=full_feature_names)
    _refuse_collisions(frames.names(spine), asked_names)
    request = read_request(spine, service, {view.name: view for view in registry.views}, timestamp)
    views = [_asked(registry.view(name), service, request) for name in dict.fromkeys(r.view for r in service.roles)]
    missing = [asked.view.source.name for asked in views if asked.view.source.name not in histories]
    if missing:
        known = ", ".join(sorted(histories)) or "none"
        raise BadHistory(f"no history is known for source {missing[0]!r}; known are: {known}; name it in diptych.toml")

    def compute() -> dict[str, Array]:
        return _answers(service, views, request, histories, engine, asked_names)

    def statements() -> str:
        texts = [engine.show_sql(a.view, histories[a.view.source.name], a.features) for a in views]
        return "\n".join(texts)

    return TrainingSet(spine, compute, statements)


def _output_names(service: Service, *, full: bool) -> list[str]:
    names = [output.name if full else output.feature for output in service.outputs]
    return [*names, *(derived.name for derived in service.derived)]


def _refuse_collisions(columns: Sequence[str], outputs: Sequence[str]) -> None:
    twice = [name for i, name in enumerate(outputs) if name in outputs[:i]]
    if twice:
        raise BadSpine(f"two outputs are named {twice[0]!r} in short; use full_feature_names=True, or an alias")
    both = [name for name in outputs if name in columns]
    if both:
        raise BadSpine(f"the spine already has a column {both[0]!r}, the name of an output; rename or drop it")


def _asked(view: View, service: Service, request: Request) -> _Asked:
    roles = tuple(role for role in service.roles if role.view == view.name)
    wanted = {feature for role in roles for feature in role.features}
    keys = {
        field.name: pa.concat_arrays([request.keys[role.on[i]] for role in roles])
        for i, field in enumerate(view.entity.keys)
    }
    instants = pa.concat_arrays([request.instants] * len(roles))
    features = tuple(feature.name for feature in view.features if feature.name in wanted)
    return _Asked(view, roles, questions(keys, instants), features)


def _answers(
    service: Service,
    views: Sequence[_Asked],
    request: Request,
    histories: Mapping[str, Location],
    engine: OfflineEngine,
    names: Sequence[str],
) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for asked in views:
        history = histories[asked.view.source.name]
        answers = engine.compute(asked.view, history, asked.questions.table, asked.features)
        for place, role in enumerate(asked.roles):
            rows = pa.array(asked.rows(place))
            for feature in role.features:
                found[f"{role.name}__{feature}"] = answers[feature].combine_chunks().take(rows)
    outputs = [found[f"{output.role}__{output.feature}"] for output in service.outputs]
    return dict(zip(names, [*outputs, *_derived(service, found, request, engine)], strict=True))


def _derived(service: Service, found: Mapping[str, Array], request: Request, engine: OfflineEngine) -> list[Array]:
    if not service.derived:
        return []
    inputs = {field.name: request.inputs[field.name] for field in service.request}
    inputs[REQUEST_TIME] = request.instants
    for output in service.outputs:
        full = f"{output.role}__{output.feature}"
        if not pa.types.is_list(found[full].type):
            inputs[full] = stored_again(output.type, found[full])  # type: ignore[arg-type]  # no list is left
    return engine.derive(service.derived, inputs)
