"""The kernel's loops as plain Python with a line changed: how a fault is planted without a hook in the product."""

import itertools
import sys
from pathlib import Path
from types import ModuleType

import diptych.kernel

ORDER = ("places", "words", "state", "accumulate", "finish", "placement", "point", "request", "fold")
_FOLDER = Path(diptych.kernel.__file__).parent
_NUMBERS = itertools.count()


def python_kernel(module: str = "", old: str = "", new: str = "") -> dict[str, ModuleType]:
    """The modules of the kernel, not compiled, with ``old`` (which must occur once in ``module``) replaced."""
    package = f"planted_{next(_NUMBERS)}"
    jit = ModuleType(f"{package}.jit")
    jit.inner = jit.spliced = jit.allocating = jit.entry = jit.long_entry = lambda loop: loop  # type: ignore[attr-defined]
    modules = {"jit": jit}
    sys.modules[package] = ModuleType(package)
    sys.modules[jit.__name__] = jit
    for name in ORDER:
        text = (_FOLDER / f"{name}.py").read_text()
        if name == module:
            assert text.count(old) == 1, f"{module}.py has {text.count(old)} times {old!r}"
            text = text.replace(old, new)
        loaded = ModuleType(f"{package}.{name}")
        sys.modules[loaded.__name__] = loaded
        exec(compile(text.replace("diptych.kernel.", f"{package}."), f"{package}/{name}.py", "exec"), loaded.__dict__)
        modules[name] = loaded
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]
    return modules
