# SPDX-License-Identifier: Apache-2.0
"""The tables, and the page of the documentation that holds them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cases as c
import chain_cases as s
import joint_cases as j
import large
import market_cases as m
import network_cases as n
from accuracy import Accuracy
from measure import Timing
from registers import REG20, events

Timings = Mapping[str, Timing]

EXACT = {
    c.COLD: "<= 15 ms",
    c.COLD_ERROR: "",
    c.WARM: "<= 3 ms",
    c.WHAT_IF: "<= 0.5 ms",
    c.ALLOCATION: "",
    c.BELIEFS: "<= 60 ms",
    c.COLD_200: "<= 120 ms",
    c.ONE: "",
    c.ONE_GEMACT: "",
    c.AGGREGATED: "",
    c.AGGREGATED_MORE: "",
    c.UPDATED: "",
    c.ROUNDED: "",
    c.TRANSFORMS: "",
}
"""Cases of the exact engine and what they were built to stay under."""

FLOOR = "floor: raw random numbers, compiled"
SIMULATED = {
    c.ONE_THREAD: ">= 8 M a second",
    c.TWO_THREADS: "",
    c.CURVE: "<= 250 ms",
    c.UNCOMPILED: "",
    c.PLAIN: "",
    c.PYCRQ: "",
    c.PYFAIR: "",
    c.PYFAIR_BY_HAND: "",
    c.NUMPY_NUMBERS: "",
    FLOOR: "",
}
"""Cases of the simulation and what they were built for."""
NETWORKS = {
    n.ALL_30: "<= 5 ms",
    n.ALL_30_AGRUM: "",
    n.WHAT_IF_30: "<= 2 ms",
    n.WHAT_IF_1000: "<= 2 ms",
    n.WHAT_IF_1000_ADAPTER: "<= 2 ms",
    n.WHAT_IF_1000_AGRUM: "",
    n.NOISY_MAX: "<= 10 ms",
    n.ONE_WAY: "",
    n.SAMPLED: "",
    n.SAMPLED_AGRUM: "",
    n.LEARNT: "<= 500 ms",
    n.PROTOCOL: "<= 2 ms",
    n.PROTOCOL_TREE: "<= 2 ms",
}
"""Cases of networks and what they were built to stay under."""
CHAINS = {s.SMALL: "<= 100 ms", s.LARGE: "<= 1.5 s", s.RUIN: "", s.CARRIED: "", s.SLOPES: ""}
"""Cases of horizons in slices and what they were built to stay under."""
TOGETHER = {
    j.EVIDENCE: "<= 1 ms",
    j.CURVE: "<= 3 ms",
    j.WHAT_IF: "<= 3 ms",
    j.NETWORKS: "<= 10 ms",
    j.BUILD: "",
    j.TOKENS: "",
    j.BOUNDS: "",
    j.BAND: "",
    j.LARGEST: "",
    j.MOVED: "",
    j.ENTRIES: "<= 2 s",
}
"""Cases of the joint law and what they were built to stay under."""
OTHERS = (c.HELP, c.RUN_EXACT, c.RUN_BOTH)

RATIOS = (
    (c.AGGREGATED, c.COLD, ">= 150"),
    (c.AGGREGATED_MORE, c.COLD, ""),
    (c.UPDATED, c.COLD, ""),
    (c.ONE_GEMACT, c.ONE, ""),
    (c.ROUNDED, c.COLD, ""),
    (c.COLD, c.TRANSFORMS, ""),
    (n.ALL_30_AGRUM, n.ALL_30, ""),
    (n.WHAT_IF_1000_AGRUM, n.WHAT_IF_1000, ""),
    (n.SAMPLED_AGRUM, n.SAMPLED, ">= 10"),
    (m.FHS_ARCH, m.FHS_ONE, ">= 120"),
    (m.FHS_ARCH, m.FHS_TWO, ">= 120"),
    (f"{m.COLUMNS}, by skfolio", m.COLUMNS, ">= 1"),
    (f"{m.COLUMNS}, by riskfolio-lib", m.COLUMNS, ">= 40"),
)
"""(slower, faster, what was aimed at): how many times as long the first takes."""

RATES = (
    (c.ONE_THREAD, c.PLAIN, ">= 8"),
    (c.ONE_THREAD, c.PYCRQ, ">= 8"),
    (c.ONE_THREAD, c.PYFAIR, ">= 300"),
    (c.ONE_THREAD, c.PYFAIR_BY_HAND, ""),
    (c.TWO_THREADS, c.ONE_THREAD, ""),
    (c.UNCOMPILED, c.PLAIN, ""),
    (c.ONE_THREAD, FLOOR, ">= 0.30"),
    (c.ONE_THREAD, c.NUMPY_NUMBERS, ""),
)
"""(ours, other, what was aimed at): how many times as many years a second."""


@dataclass(frozen=True)
class Measured:
    """Everything one run found."""

    timings: Timings
    accuracy: Sequence[Accuracy]
    peers: Mapping[str, str]
    notes: Sequence[str]
    rounds: int
    large: Sequence[large.Run] = ()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that also reads well on a terminal."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * (w - (i > 0)) + (":" if i else "") for i, w in enumerate(widths)]
    return "\n".join([line(header), line(rule), *map(line, rows)])


def times(timings: Timings, aims: Mapping[str, str]) -> str:
    """Median and range of each case that was measured."""
    return table(
        ("case", "median", "range", "aim"),
        [
            (name, seconds(timings[name].median), _range(timings[name]), aim)
            for name, aim in aims.items()
            if name in timings
        ],
    )


def ratios(timings: Timings) -> str:
    """How many times as long the slower takes."""
    return table(
        ("time of", "over time of", "ratio", "aim"),
        [
            (a, b, f"{timings[a].median / timings[b].median:.3g}", aim)
            for a, b, aim in RATIOS
            if a in timings and b in timings
        ],
    )


def known(timings: Timings) -> str:
    """The published networks, one a line, by every engine that is here."""
    rows = []
    for name in n.KNOWN:
        found = {
            by: timings[n.known_by(name, by)].median
            for by in (n.OURS, n.ADAPTER, n.RAW, n.PGMPY)
            if n.known_by(name, by) in timings
        }

        def over(a: str, b: str, found: Mapping[str, float] = found) -> str:
            return f"{found[a] / found[b]:.3g}" if a in found and b in found else ""

        if n.OURS in found:
            times = [seconds(found[by]) if by in found else "" for by in _BY]
            compared = (over(n.ADAPTER, n.RAW), over(n.PGMPY, n.OURS), over(n.PGMPY, n.ADAPTER))
            rows.append((name, *times, *compared))
    heads = ("adapter / raw, aim <= 1.15", "pgmpy / perilscope, aim >= 10", "pgmpy / adapter")
    return table(("all marginals", *_BY, *heads), rows)


_BY = (n.OURS, n.ADAPTER, n.RAW, n.PGMPY)


def rates(timings: Timings) -> str:
    """Years a second, and how they compare."""
    found = [name for name in SIMULATED if name in timings]
    speeds = table(
        ("case", "years", "median", "range", "years a second", "aim"),
        [
            (
                name,
                f"{timings[name].years:,}",
                seconds(timings[name].median),
                _range(timings[name]),
                f"{timings[name].rate:,.0f}",
                SIMULATED[name],
            )
            for name in found
        ],
    )
    compared = table(
        ("years a second of", "over those of", "ratio", "aim"),
        [
            (a, b, f"{timings[a].rate / timings[b].rate:.3g}", aim)
            for a, b, aim in RATES
            if a in timings and b in timings
        ],
    )
    return f"{speeds}\n\n{compared}"


def errors(found: Sequence[Accuracy]) -> str:
    """Relative errors against converged truth."""
    heads = [f"{what} {level}" for what in ("VaR", "CVaR") for level in ("95", "99", "99.9 %")]
    rows = []
    for one in found:
        both = [*one.var, *(one.cvar or ("", "", ""))]
        own = "" if one.estimate is None else f"{one.estimate:.0e}"
        rows.append((one.name, *(x if isinstance(x, str) else _share(x) for x in both), own))
    return table(("case", *heads, "says itself"), rows)


def _share(x: float) -> str:
    return f"{100 * x:+.1f} %" if abs(x) > 5e-3 else f"{x:+.0e}"


def seconds(t: float) -> str:
    """A time in the unit it reads best in."""
    if t >= 1.0:
        return f"{t:.2f} s"
    return f"{1e3 * t:.3g} ms"


def _range(timing: Timing) -> str:
    return f"{seconds(min(timing.seconds))} .. {seconds(max(timing.seconds))}"


def machine() -> str:
    """The processor, and how many cores there are to use."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"


def versions(peers: Mapping[str, str]) -> str:
    """What was measured, by version."""
    names = ("perilscope", "numpy", "scipy", "numba")
    own = []
    for name in names:
        try:
            own.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            own.append(f"no {name}")
    text = f"Python {platform.python_version()}, {', '.join(own)}"
    theirs = ", ".join(f"{k} {v}" for k, v in peers.items())
    return f"{text}; peers: {theirs}" if theirs else f"{text}; without peers"


def tables(found: Measured) -> str:
    """All tables, one after the other."""
    t = found.timings
    parts = (
        ("The exact engine", times(t, EXACT)),
        ("Compared", ratios(t)),
        ("How exact", errors(found.accuracy)),
        ("Simulation", rates(t)),
        ("Networks", f"{times(t, NETWORKS)}\n\n{known(t)}"),
        ("Everything together", times(t, TOGETHER)),
        ("Slices", times(t, CHAINS)),
        ("Market", times(t, m.GOALS)),
        ("Commands", times(t, dict.fromkeys(OTHERS, ""))),
        ("A large institution", table(large.HEADS, [run.row for run in found.large])),
    )
    notes = "".join(f"\n- {note}" for note in found.notes)
    body = "\n\n".join(f"## {title}\n\n{text}\n\n{ABOUT[title]}".rstrip() for title, text in parts)
    return f"{body}\n\n## Left out\n{notes}" if notes else body


def whole(found: Measured) -> str:
    """The page of the documentation."""
    where = f"{machine()}. {date.today().isoformat()}. {versions(found.peers)}."
    where = textwrap.fill(f"Measured on: {where}", 100)
    return f"{PREFACE.format(rounds=found.rounds, where=where)}\n{tables(found)}\n"


_EVENTS = f"{events(REG20):.1f}"

PREFACE = f"""# Benchmarks

`make bench` measures. This page is written by the command

    .venv/bin/python bench/run.py --markdown > docs/benchmarks.md

Every case is run in turn with all others, {{rounds}} times round, so that a busy moment hits all of
them; what stands here are medians, ranges and ratios of that one run. Read the ratios: the times
are of this machine alone.

{{where}}

The register of 20 scenarios is a made-up firm that trades digital assets, {_EVENTS} events a year;
the one of 200 is drawn by a fixed recipe. Both stand in `bench/registers.py`. Every exact case
reads VaR and CVaR at 95, 99 and 99.9 %. *Cold* means that nothing is known from before, not even a
transform. The peers run in an environment of their own
(`requirements/peers.lock`), with their own clock around their own work: imports are not counted.
Where a peer cannot be installed its rows are missing. riskquant is not on the package index, so it
is not here.
"""

ABOUT = {
    "The exact engine": """\
*aggregate* is used on 2^16 buckets of a width at which it is most accurate for this register, and
without allocations; once more on 2^19 buckets of a seventh of the width, which brings VaR to within
1e-5 at 95 and 99 %, but CVaR at 99.9 % to no better than 2e-3: what lies beyond the last bucket is
lost.""",
    "Compared": "",
    "How exact": """\
Relative errors against converged truth: grids of 2^22 points computed by NumPy and SciPy alone
(`bench/truth.py`), which agree with half the points to 1e-7. *Says itself* is the largest estimate
of error that the engine gives with its own figures. pycrq and pyfair multiply a rate by one draw
of a loss; the average comes out right and every percentile wrong, see
[why events are counted](why-events-are-counted.md).""",
    "Simulation": """\
pycrq and pyfair do less work than the others: one draw a scenario and year instead of one an event.
pyfair has no lognormal law, so those losses are drawn for it before the clock starts. The floors
are 64-bit random numbers and nothing else, one for each event.""",
    "Networks": """\
The networks are random but the same each time; the published ones are of the bnlearn repository,
asked for every marginal with one leaf seen, another state each time. pgmpy is asked by variable
elimination, its network built beforehand. pyAgrum answers 25 parents of a noisy-MAX by full tables,
which takes more than half a minute, and is left out there.""",
    "Everything together": """\
New weights each time, as inference gives them; inference itself is not counted.""",
    "Slices": """\
Two threads, compiled; the law of a year with any state after any other. Without Numba the small one
takes about three times as long and the large one about ten.""",
    "Market": """\
Tests of CVaR draw their null from normal forecasts, another seed each time.""",
    "Commands": """\
Commands are whole processes: the interpreter starts, the libraries are imported, files are read and
written.""",
    "A large institution": """\
One run of `perilscope run` each, exact and 1,000,000 simulated years: 200 scenarios, 20 of them
thefts counted in coins, 60 controls, 50 positions with 1,600 days of prices, 10 protocols and 4
networks (`bench/large_book.py`). *Cold* is the first run on a machine, which compiles.""",
}
