"""Run every benchmark that is there: ``python -m benchmarks [name ...]``."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path


def names() -> list[str]:
    """The modules of this folder that measure something by themselves: those with a ``main`` that needs nothing."""
    found = []
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("_") or module.name.endswith("_peer"):
            continue
        main = getattr(importlib.import_module(f"benchmarks.{module.name}"), "main", None)
        if main is not None and all(p.default is not p.empty for p in inspect.signature(main).parameters.values()):
            found.append(module.name)
    return found


def main() -> int:
    """Run them one after the other, each in a process of its own; the number of those that failed."""
    known = names()
    wanted = sys.argv[1:] or known
    for name in wanted:
        if name not in known:
            print(f"there is no benchmark {name!r}; there are: {', '.join(known)}", file=sys.stderr)
            return 2
    failed = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
