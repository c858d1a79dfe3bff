# SPDX-License-Identifier: Apache-2.0
"""What is timed: this project's own cases, the peers' and the floors, by the names of the tables.

A case that builds a register builds a new one each time, larger than the last by one part in
10^12, so that nothing kept from before can help where the name does not say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import floors
from measure import Case
from peers import ROOT, Worker
from registers import REG20, believed, events, lines, two_hundred

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Constant, Lognormal
from perilscope.engines.simulation.simulation import simulate

LEVELS = (0.95, 0.99, 0.999)
YEARS = 1_000_000
MANY_YEARS = 4_000_000
PYFAIR_YEARS = 100_000
EXAMPLE = ROOT / "examples" / "hedge-fund"
AGGREGATE: dict[str, Any] = {"log2": 16, "step": 4000.0}
"""2^16 buckets over 2.6e8: of the settings tried, the one in which it is most accurate here."""
AGGREGATE_MORE: dict[str, Any] = {"log2": 19, "step": 600.0}
"""More buckets bring it nearer to the truth, and cost in proportion."""
GEMACT: dict[str, Any] = {"rate": 5.0, "mu": 10.5, "sigma": 1.2, "points": 1 << 14, "step": 1000.0}

COLD = "20 scenarios, cold"
COLD_ERROR = "20 scenarios, cold, with the estimate of its error"
WARM = "20 scenarios, every frequency changed, losses known"
WHAT_IF = "20 scenarios, one control on one of them"
ALLOCATION = "who bears the tail of 20 scenarios, law known"
BELIEFS = "20 scenarios, a belief about every frequency, cold"
COLD_200 = "200 scenarios, cold"
ONE = "one scenario, Poisson and lognormal, cold"
ONE_GEMACT = "the same by GEMAct"
AGGREGATED = "20 scenarios by aggregate"
AGGREGATED_MORE = "20 scenarios by aggregate on 2^19 buckets"
UPDATED = "20 scenarios by aggregate, without reading its language"
ROUNDED = "20 scenarios, plain FFT, losses rounded to 65,536 points"
TRANSFORMS = "floor: the transforms of 20 scenarios"

ONE_THREAD = "simulation, compiled, one thread"
TWO_THREADS = "simulation, compiled, two threads"
CURVE = "simulation and exceedance curve, compiled, two threads"
UNCOMPILED = "simulation, NumPy, one thread"
PLAIN = "plain NumPy"
PYCRQ = "pycrq"
PYFAIR = "pyfair"
PYFAIR_BY_HAND = "pyfair, its scenarios added up by hand"
NUMPY_NUMBERS = "floor: raw random numbers, NumPy"

HELP = "perilscope --help"
RUN_EXACT, RUN_BOTH = "run of the example, exact", "run of the example, both engines"


def read(law: Any) -> tuple[list[float], list[float]]:
    """VaR and CVaR at the three levels: what every exact case is asked for."""
    return [law.var(a) for a in LEVELS], [law.cvar(a) for a in LEVELS]


def one_line(nudge: int = 0) -> Compound:
    """Poisson counts of 5 a year, lognormal losses."""
    severity = Lognormal(GEMACT["mu"] + nudge * 1e-13, GEMACT["sigma"])
    return Compound("one", lambda _theta, years: (Poisson(GEMACT["rate"] * years), severity))


def exact() -> list[Case]:
    """The exact engine."""
    turn = count(1)
    base = Register(lines(REG20))
    base.law()
    many = two_hundred()

    def warm() -> object:
        rows = [replace(row, rate=row.rate * (1.0 + 1e-9 * next(turn))) for row in REG20]
        return read(base.with_(lines(rows)).law())

    def what_if() -> object:
        kept = replace(base.lines["s1"], keep=Constant(0.2 + 1e-9 * next(turn)))
        return read(base.with_([kept]).law())

    def allocation() -> object:
        return base.contributions(0.9 + 1e-9 * next(turn))

    def cold(build: Callable[..., list[Compound]], rows: Sequence[Any]) -> Callable[[], object]:
        return lambda: read(Register(build(rows, nudge=next(turn))).law())

    points = base.law().points
    return [
        Case(COLD, cold(lines, REG20)),
        Case(COLD_ERROR, lambda: Register(lines(REG20, nudge=next(turn))).law().error),
        Case(WARM, warm),
        Case(WHAT_IF, what_if),
        Case(ALLOCATION, allocation),
        Case(BELIEFS, cold(believed, REG20)),
        Case(COLD_200, cold(lines, many)),
        Case(ONE, lambda: read(Register([one_line(next(turn))]).law())),
        Case(ROUNDED, lambda: floors.rounded_fft(lines(REG20), REG20, 1 << 16, 2.56e8)),
        Case(TRANSFORMS, lambda: floors.transforms(points, len(REG20))),
    ]


def simulation() -> list[Case]:
    """The simulation, and the floors of any simulation."""
    turn = count(1)

    def run(
        threads: int, years: int, *, backend: str = "numba", curve: bool = False
    ) -> Callable[[], object]:
        def call() -> object:
            drawn = simulate(
                lines(REG20, nudge=next(turn)),
                draws=years,
                seed=1,
                keep_lines=False,
                workers=threads,
                backend=backend,
            )
            return drawn.curve() if curve else drawn.mean

        return call

    own = lines(REG20)
    found = [
        Case(ONE_THREAD, run(1, MANY_YEARS), years=MANY_YEARS),
        Case(TWO_THREADS, run(2, MANY_YEARS), years=MANY_YEARS),
        Case(CURVE, run(2, YEARS, curve=True), years=YEARS),
        Case(UNCOMPILED, run(1, YEARS, backend="numpy"), years=YEARS),
        Case(PLAIN, lambda: floors.numpy_simulation(own, REG20, YEARS), years=YEARS),
        Case(NUMPY_NUMBERS, floors.numpy_numbers, years=_raw_years()),
    ]
    raw = floors.raw_numbers()
    return [*found, Case(*raw, years=_raw_years())] if raw else found


def _raw_years() -> int:
    """Years that the raw random numbers would make, one number an event."""
    return round(floors.RAW / events(REG20))


def commands(out: str) -> list[Case]:
    """The command line, in processes of its own."""

    def command(*arguments: str) -> Callable[[], object]:
        def call() -> object:
            return subprocess.run(
                [sys.executable, "-m", "perilscope", *arguments],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
            )

        return call

    run = ("run", str(EXAMPLE), "--quiet", "--out", out)
    return [
        Case(HELP, command("--help")),
        Case(RUN_EXACT, command(*run, "--engine", "exact")),
        Case(RUN_BOTH, command(*run)),
    ]


def peers(worker: Worker, answers: dict[str, dict[str, Any]]) -> list[Case]:
    """The peers; what they answer is put into ``answers`` by the name of the case."""
    rows = [row.plain() for row in REG20]

    def ask(name: str, case: str, **question: Any) -> Case:
        def call() -> object:
            answers[name] = worker.ask(case, **question)
            return float(answers[name]["seconds"])

        return Case(name, call, timed=True, years=question.get("years", 0))

    few = {"rows": rows, "years": PYFAIR_YEARS}
    return [
        ask(AGGREGATED, "aggregate", rows=rows, **AGGREGATE),
        ask(AGGREGATED_MORE, "aggregate", rows=rows, **AGGREGATE_MORE),
        Case(UPDATED, lambda: float(answers[AGGREGATED]["update"]), timed=True),
        ask(ONE_GEMACT, "gemact", **GEMACT),
        ask(PYCRQ, "pycrq", rows=rows, years=YEARS),
        ask(PYFAIR, "pyfair", **few, together=True),
        ask(PYFAIR_BY_HAND, "pyfair", **few, together=False),
    ]
