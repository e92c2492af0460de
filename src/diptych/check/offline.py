"""The offline side of a comparison: a panel's answers out of compiled SQL, with what their tolerance is relative to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.plan.nodes import Feature, Registry, Service, View
from diptych.run.engine import OfflineEngine
from diptych.run.location import Frame, Location
from diptych.run.spine import Questions, questions
from diptych.run.training import training_set

_OCCUPIED = ("PRESENT", "NULL", "OVERFLOW")


@dataclass(frozen=True, slots=True)
class Column:
    """Answers of one output, row for row as the panel's requests.

    ``magnitude`` None: equal to the bit. ``occupied``: whether the windows behind an answer hold anything; None where
    no evidence was asked for.
    """

    feature: Feature
    view: View
    values: pa.Array
    magnitude: npt.NDArray[np.float64] | None
    occupied: npt.NDArray[np.bool_] | None


def panel_questions(view: View, on: tuple[str, ...], requests: pa.Table, instants: npt.NDArray[np.int64]) -> Questions:
    """The distinct questions that a role's requests put to a view."""
    keys = {key.name: requests[column].combine_chunks() for key, column in zip(view.entity.keys, on, strict=True)}
    return questions(keys, pa.array(instants))


def answers(
    registry: Registry,
    service: Service,
    requests: pa.Table,
    instants: npt.NDArray[np.int64],
    histories: Mapping[str, pa.Table],
    engine: OfflineEngine,
    *,
    evidence: bool = True,
) -> dict[str, Column]:
    """The answers of every output of a service by its name; ``histories`` are by source, ``instants`` microseconds."""
    found: dict[str, Column] = {}
    for role in service.roles:
        view = registry.view(role.view)
        asked = panel_questions(view, role.on, requests, instants)
        outputs = [output for output in service.outputs if output.role == role.name]
        names = list(dict.fromkeys(output.feature for output in outputs))
        table = engine.compute(view, Frame(histories[view.source.name]), asked.table, names, evidence=evidence)
        rows = pa.array(asked.rows)
        features = {feature.name: feature for feature in view.features}
        for output in outputs:
            values = table[output.feature].combine_chunks().take(rows)
            magnitude = _magnitude(table, output.feature, rows)
            occupied = _occupied(table, output.feature, rows) if evidence else None
            found[output.name] = Column(features[output.feature], view, values, magnitude, occupied)
    return found


def _occupied(table: pa.Table, feature: str, rows: pa.Array) -> npt.NDArray[np.bool_]:
    status = table[f"{feature}__status"].combine_chunks().take(rows)
    return np.isin(status.to_numpy(zero_copy_only=False), _OCCUPIED)


def _magnitude(table: pa.Table, feature: str, rows: pa.Array) -> npt.NDArray[np.float64] | None:
    name = f"{feature}__magnitude"
    if name not in table.column_names:
        return None
    return np.asarray(table[name].combine_chunks().take(rows).fill_null(0.0).to_numpy(zero_copy_only=False))


def derived(
    registry: Registry,
    service: Service,
    requests: pa.Table,
    histories: Mapping[str, pa.Table],
    engine: OfflineEngine,
) -> dict[str, pa.Array]:
    """The derived columns of a service, as its training set has them."""
    if not service.derived:
        return {}
    locations: dict[str, Location] = {name: Frame(table) for name, table in histories.items()}
    features = training_set(registry, service, locations, requests, engine).features
    return {column.name: features[column.name] for column in service.derived}
