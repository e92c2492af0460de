"""The settings file: what it may say, and how it says what is wrong."""

from pathlib import Path

import pytest

from diptych.declare.project import SettingsError, find_root, read_project

GOOD = """
project = "flights"
modules = ["feature_repo"]
[environments.local.sources]
flights = { path = "${DATA}/flights.parquet", format = "parquet" }
[environments.prod]
online = { url = "redis://${HOST}:6379" }
offline = { engine = "duckdb" }
[environments.prod.sources]
flights = { table = "flights", database = "events.duckdb" }
"""


def write(folder: Path, text: str) -> Path:
    (folder / "diptych.toml").write_text(text)
    return folder


def test_settings_of_each_environment(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, GOOD))
    assert (project.project, project.modules, project.environment) == ("flights", ("feature_repo",), "local")
    assert project.settings({"DATA": "/d"}).sources["flights"].path == "/d/flights.parquet"
    prod = project.settings({"HOST": "h"}, "prod")
    assert prod.online.url == "redis://h:6379"
    assert (prod.sources["flights"].table, prod.sources["flights"].database) == ("flights", "events.duckdb")


def test_a_variable_of_another_environment_need_not_be_set(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, GOOD))
    with pytest.raises(SettingsError, match=r"environments\.prod.online.url needs the environment variable HOST"):
        project.settings({"DATA": "/d"}, "prod")


def test_an_unknown_environment_names_those_that_exist(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, GOOD))
    with pytest.raises(SettingsError, match=r"no environment 'prd'; exists: local, prod. did you mean 'prod'\?"):
        project.settings({}, "prd")


def test_without_environments_the_local_one_has_defaults(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, 'project = "p"\nmodules = ["m"]'))
    assert project.settings({}).online.url is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("project = 3", "Expected `str`, got `int` - at `\\$.project`"),
        ('project = "p"', "missing required field `modules`"),
        ('project = "p"\nmodules = []', "modules is empty"),
        ('project = "p:q"\nmodules = ["m"]', "'p:q' must be letters"),
        ('project = "p"\nmodules = ["m"]\nmodule = 1', "unknown field `module`"),
        ("project = ", "diptych.toml: "),
        (
            'project = "p"\nmodules = ["m"]\n[environments.local.sources]\nx = {}',
            "environments.local.sources.x needs either path or table",
        ),
        (
            'project = "p"\nmodules = ["m"]\n[environments.local.sources]\nx = { path = "a", database = "b" }',
            "has a database but no table",
        ),
        (
            'project = "p"\nmodules = ["m"]\n[environments.e.recording]\nrequests = { path = "r", hash = ["user"] }',
            r"environments.e.recording.requests hashes columns: it needs key_variable",
        ),
        (
            'project = "p"\nmodules = ["m"]\n[environments.e.recording]\nrequests = { path = "r", share = 2 }',
            r"<= 1\.0 - at .*share",
        ),
        (
            'project = "p"\nmodules = ["m"]\n[environments.e.recording]\nrequests = { path = "r", by = "user" }',
            r"Invalid enum value 'user'",
        ),
    ],
)
def test_wrong_settings_say_what_and_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_project(write(tmp_path, text))


def test_the_root_is_the_nearest_folder_above_with_settings(tmp_path: Path) -> None:
    below = write(tmp_path, GOOD) / "feature_repo" / "deep"
    below.mkdir(parents=True)
    assert find_root(below) == tmp_path.resolve()


def test_no_settings_anywhere_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no diptych\.toml in"):
        find_root(tmp_path)


def test_a_misspelt_setting_is_told_with_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"unknown field `projct`; did you mean 'project'\?"):
        read_project(write(tmp_path, GOOD.replace("project =", "projct =")))
    with pytest.raises(SettingsError, match=r"unknown field `kind`.*settings are .*engine, "):
        read_project(write(tmp_path, GOOD.replace("engine =", "kind =")))
