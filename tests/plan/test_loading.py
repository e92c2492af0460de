"""Loading a project's folder: isolation, all mistakes with file and line, and nothing left behind."""

import json
import sys
import types
from pathlib import Path

import pytest

from diptych.declare.mistakes import RegistryError
from diptych.plan.loading import load_registry
from diptych.plan.serial import encode

TOML = 'project = "demo"\nmodules = ["definitions"]\n'
SHARED = 'def windows():\n    return ["{window}"]\n'
VIEWS = """
import diptych as dt
from shared.windows import windows

place = dt.Entity("place", keys={"place": dt.String(3)})
events = dt.EventSource("events", timestamp="at", columns={"at": dt.Timestamp(), "place": dt.String(3)})
traffic = dt.FeatureView("traffic", entity=place, source=events, features=[dt.count(windows=windows())])
"""


def project(folder: Path, window: str = "1h", **modules: str) -> Path:
    files = {"definitions/views": VIEWS, "shared/windows": SHARED.format(window=window)} | modules
    folder.mkdir(exist_ok=True)
    (folder / "diptych.toml").write_text(TOML)
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_two_projects_with_the_same_module_names_do_not_meet(tmp_path: Path) -> None:
    path, modules = list(sys.path), set(sys.modules)
    first = load_registry(project(tmp_path / "one", "1h"))
    second = load_registry(project(tmp_path / "two", "24h"))
    assert [view.features[0].name for view in (first.registry.views[0], second.registry.views[0])] == [
        "count_1h",
        "count_24h",
    ]
    assert first.root == (tmp_path / "one").resolve()
    assert sys.path == path
    assert not {name for name in set(sys.modules) - modules if name.split(".")[0] in ("definitions", "shared")}


def test_a_project_is_read_afresh_and_from_any_folder_in_it(tmp_path: Path) -> None:
    root = project(tmp_path, "1h")
    assert load_registry(root / "definitions").registry.views[0].features[0].name == "count_1h"
    project(tmp_path, "7h")
    assert load_registry(root).registry.views[0].features[0].name == "count_7h"


def test_a_module_that_was_there_before_is_there_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = types.ModuleType("shared")
    monkeypatch.setitem(sys.modules, "shared", before)
    root = project(tmp_path, **{"json/__init__": "raise RuntimeError('the name of a standard module')"})
    load_registry(root)
    assert sys.modules["shared"] is before
    assert sys.modules["json"] is json


def test_loading_twice_gives_one_manifest(tmp_path: Path) -> None:
    root = project(tmp_path)
    assert encode(load_registry(root).registry) == encode(load_registry(root).registry)


def test_a_module_that_fails_is_a_mistake_and_hides_no_other(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        **{
            "definitions/broken": "import diptych as dt\n\nx = 1 / 0\n",
            "definitions/unreadable": "def (:\n",
            "definitions/lost": "from shared.nothing import x\n",
            "definitions/leaving": "import sys\nsys.exit(3)\n",
            "definitions/wrong": 'import diptych as dt\n\nbad = dt.Entity("bad", keys={"k": int})\n',
            "definitions/other": 'import diptych as dt\n\ne = dt.Entity("e", keys={"k": dt.Float64()})\n',
        },
    )
    with pytest.raises(RegistryError) as caught:
        load_registry(root)
    found = {mistake.where: mistake.what for mistake in caught.value.mistakes}
    assert found["definitions/broken.py:3"] == "ZeroDivisionError: division by zero"
    assert found["definitions/unreadable.py:1"].startswith("cannot be read as Python")
    assert found["definitions/lost.py:1"] == "ModuleNotFoundError: No module named 'shared.nothing'"
    assert found["definitions/leaving.py:2"] == "SystemExit: 3"
    assert found["definitions/wrong.py:3"].startswith("DeclarationError: keys of entity 'bad': 'k' must be a type")
    assert found["definitions/other.py:3"] == "key 'k' of entity 'e' cannot be Float64"
    assert len(found) == 6


def test_a_shared_module_that_fails_is_told_once(tmp_path: Path) -> None:
    root = project(tmp_path, **{"shared/windows": "raise ValueError('no')\n", "definitions/more": VIEWS})
    with pytest.raises(RegistryError) as caught:
        load_registry(root)
    assert [(mistake.where, mistake.what) for mistake in caught.value.mistakes] == [
        ("shared/windows.py:1", "ValueError: no")
    ]


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "diptych.toml").write_text('project = "demo"\nmodules = ["definition"]\n')
    with pytest.raises(RegistryError) as caught:
        load_registry(root)
    mistake = caught.value.mistakes[0]
    assert mistake.what == "modules: nothing to import at 'definition'"
    assert (mistake.exists, mistake.hint) == (("definitions", "shared"), "did you mean 'definitions'?")


def test_the_flights_load() -> None:
    loaded = load_registry(Path(__file__).parents[2])
    assert len(loaded.registry.views) >= 4
    assert len(loaded.registry.services) >= 2
    assert sum(len(view.features) for view in loaded.registry.views) >= 40
