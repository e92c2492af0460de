"""Runs the proof of power: ``python -m tests.power [--fault REGEX] [--suites simulate,copy] [--write docs/power.md]``."""

import argparse
import multiprocessing
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.power.faults import FAULTS
from tests.power.gate import STAGES
from tests.power.measure import Examined, by_name
from tests.power.table import markdown


def main() -> int:
    """Exit code 0 when every fault is caught, and the cause is right for nine in ten."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", default="", help="only faults whose names match")
    parser.add_argument("--suites", default=",".join(STAGES))
    parser.add_argument("--quick", action="store_true", help="only the comparison that names causes, over one view")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path)
    wanted = parser.parse_args()
    names = [fault.name for fault in FAULTS if re.search(wanted.fault, fault.name)]
    rows: list[Examined] = []
    with ProcessPoolExecutor(wanted.jobs, multiprocessing.get_context("spawn")) as pool:
        for row in pool.map(partial(by_name, suites=wanted.suites.split(","), only_quick=wanted.quick), names):
            rows.append(row)
            print(_line(row), flush=True)
    page = markdown(rows)
    print(page.split("| fault")[0])
    if wanted.write:
        wanted.write.write_text(page)
    return int(not all(row.caught for row in rows) or sum(row.right for row in rows) < 0.9 * len(rows))


def _line(row: Examined) -> str:
    stages = " ".join(f"{each.name}:{'caught' if each.caught else '-'}:{each.seconds:.1f}s" for each in row.stages)
    named = ", ".join(f"{cause} {count}" for cause, count in row.causes.most_common(4))
    verdict = "ok " if row.right else "BAD"
    wanted = "" if row.right else f" WANT {sorted(row.fault.causes)}"
    return f"{verdict} {row.name:38} {stages} | {named}{wanted}"


if __name__ == "__main__":
    sys.exit(main())
