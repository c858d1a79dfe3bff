# SPDX-License-Identifier: Apache-2.0
"""Run a large institution from the command line: time, processor time and memory of each run.

    python bench/large.py                  once without compiled code, once with it
    python bench/large.py --engine exact   the exact engine alone
    python bench/large.py --keep DIR       leave book and run there

A run may not take more than 6 GB of data, so that it fails before the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import large_book

MOST_DATA = 6 << 30
_LOOK = 0.5
"""Seconds between two looks at the memory of a run; each takes some 50 ms of a processor."""
AIMS = {"cold": ("<= 20 s", "<= 1.5 GB"), "warm": ("<= 10 s", "<= 1.5 GB")}
"""Seconds and memory on two cores, without compiled code and with it."""


@dataclass(frozen=True)
class Run:
    """One run: seconds on the wall and of the processors, and bytes at most of all its processes.

    What processes share is counted once.
    """

    name: str
    wall: float
    cpu: float
    peak: int
    fault: str

    @property
    def row(self) -> tuple[str, ...]:
        """Cells of a table, under `HEADS`."""
        wall, memory = AIMS[self.name]
        said = self.fault or "whole"
        return (self.name, f"{self.wall:.1f} s", wall, f"{self.cpu:.1f} s",
                f"{self.peak / 1e9:.2f} GB", memory, said)  # fmt: skip


HEADS = ("run", "time", "aim", "processors", "memory", "aim", "")


def main() -> None:
    asked = argparse.ArgumentParser(description="Run a large institution.")
    asked.add_argument("--engine", default="both", help="as of perilscope run")
    asked.add_argument("--keep", default="", help="folder for book and run")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(options.keep or made)
        folder.mkdir(parents=True, exist_ok=True)
        print(" | ".join(HEADS))
        for found in runs(folder, options.engine):
            print(" | ".join(found.row), flush=True)
            if found.fault:
                raise SystemExit(1)
        for line in _seen(json.loads((folder / "out" / "run.json").read_text())):
            print(line)


def runs(folder: Path, engine: str = "both") -> Iterator[Run]:
    """A run without compiled code, then one with it; the folder must hold none."""
    book = large_book.written(folder)
    for name in AIMS:
        yield _run(name, book, folder, engine)


def _run(name: str, book: Path, folder: Path, engine: str) -> Run:
    """One run in a process of its own; compiled code is kept in the folder, empty when cold."""
    known = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    places = {"XDG_CACHE_HOME": str(folder / "cache"), "NUMBA_CACHE_DIR": str(folder / "cache")}
    words = ["run", str(book), "--quiet", "--engine", engine, "--out", str(folder / "out")]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "perilscope", *words],
        env=known | places,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))
    assert process.stderr is not None
    peak = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        peak = max(peak, sum(_held(each) for each in _family(process.pid)))
        time.sleep(_LOOK)
    _, status, used = ended
    said = process.stderr.read().strip().splitlines()
    process.returncode = os.waitstatus_to_exitcode(status)
    fault = "" if process.returncode == 0 else f"{process.returncode}: {said[-1:]}"
    seconds = time.perf_counter() - begun
    return Run(name, seconds, used.ru_utime + used.ru_stime, peak, fault)


def _family(process: int) -> Iterator[int]:
    """A process and all that it has begun."""
    yield process
    with contextlib.suppress(OSError):  # it has ended
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _held(process: int) -> int:
    """Bytes of a process, of what it shares with others its part."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _seen(run: dict[str, Any]) -> list[str]:
    """What is in the run, so that a fast one that left things out is noticed."""
    findings = [each["severity"] for each in run.get("findings", ())]
    counts = {name: len(run.get(name) or ()) for name in ("scenarios", "controls", "protocols")}
    return [
        ", ".join(f"{count} {name}" for name, count in counts.items()),
        f"joint law: {run['enterprise'].get('joined')}, left out: {run['failed']}",
        ", ".join(f"{findings.count(kind)} {kind}s" for kind in ("error", "warning", "note")),
    ]


if __name__ == "__main__":
    main()
