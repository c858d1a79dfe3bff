# SPDX-License-Identifier: Apache-2.0
"""The registers that are measured, as plain rows, and the same rows as lines of loss.

Rows are plain so that peers in another environment, and the truth, read the very same figures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Beta, Distribution, Lognormal


@dataclass(frozen=True)
class Row:
    """One scenario: how often a year, and what an event costs.

    ``counts`` is ``poisson`` or ``bernoulli`` (at most one a year) with ``rate`` events a year.
    ``law`` is ``lognormal`` with ``numbers`` its 5 and 95 % quantiles, or ``pert`` with low, mode
    and high (Vose's form, weight 4).
    """

    name: str
    counts: str
    rate: float
    law: str
    numbers: tuple[float, ...]

    def plain(self) -> dict[str, Any]:
        """The row as JSON takes it."""
        return asdict(self)

    def severity(self) -> Distribution:
        """Law of the loss per event."""
        if self.law == "lognormal":
            return Lognormal.from_quantiles(*self.numbers)
        return Beta.pert(*self.numbers)

    def believed_rate(self) -> tuple[float, float, float]:
        """Low, mode and high of a belief about the rate: from a third of it to three times."""
        high = 3.0 * self.rate
        return 0.3 * self.rate, self.rate, min(high, 1.0) if self.counts == "bernoulli" else high


# A made-up firm that trades digital assets. Converged figures: TRUTH below.
REG20 = tuple(
    Row(name, counts, rate, "pert" if len(numbers) == 3 else "lognormal", numbers)
    for name, counts, rate, numbers in (
        ("hot wallet key compromise", "poisson", 0.08, (300e3, 12e6)),
        ("PM phishing", "poisson", 0.5, (50e3, 400e3, 1.55e6)),
        ("DeFi protocol exploit", "poisson", 0.2, (200e3, 2.5e6)),
        ("bridge exploit", "poisson", 0.06, (500e3, 8e6)),
        ("oracle manipulation", "poisson", 0.15, (50e3, 1.5e6)),
        ("exchange insolvency", "bernoulli", 0.03, (1e6, 20e6)),
        ("stablecoin depeg", "bernoulli", 0.05, (100e3, 900e3, 6e6)),
        ("custodian outage", "poisson", 1.2, (5e3, 150e3)),
        ("insider theft", "poisson", 0.04, (100e3, 800e3, 5e6)),
        ("withdrawal fat-finger", "poisson", 2.5, (500.0, 60e3)),
        ("address poisoning", "poisson", 1.5, (1e3, 15e3, 200e3)),
        ("API key leak", "poisson", 0.3, (20e3, 900e3)),
        ("smart contract bug own code", "bernoulli", 0.08, (50e3, 3e6)),
        ("governance attack", "poisson", 0.03, (200e3, 5e6)),
        ("MEV sandwich losses", "poisson", 6.0, (200.0, 12e3)),
        ("liquidation cascade", "poisson", 0.4, (20e3, 150e3, 1.2e6)),
        ("regulatory fine", "bernoulli", 0.06, (50e3, 300e3, 4e6)),
        ("ransomware", "poisson", 0.12, (80e3, 2.2e6)),
        ("vendor SaaS breach", "poisson", 0.25, (10e3, 600e3)),
        ("seed phrase loss", "bernoulli", 0.015, (100e3, 1e6, 9e6)),
    )
)


def two_hundred() -> tuple[Row, ...]:
    """200 scenarios by a fixed recipe: rates and losses as wide as in REG20.

    `random.Random` is specified to give the same numbers on every version of Python.
    """
    rng = random.Random(200)
    rows = []
    for i in range(200):
        rate = math.exp(rng.uniform(math.log(0.015), math.log(6.0)))
        middle = 60e3 * rate**-1.1 * math.exp(rng.uniform(-1.0, 1.0))
        counts = "bernoulli" if rate < 0.3 and rng.random() < 0.3 else "poisson"
        width = rng.uniform(2.5, 11.0)
        if rng.random() < 0.6:
            law, numbers = "lognormal", (middle / width, middle * width)
        else:
            law, numbers = "pert", (middle / width, middle, middle * width)
        rows.append(Row(f"scenario {i + 1}", counts, rate, law, numbers))
    return tuple(rows)


def lines(rows: Sequence[Row], *, nudge: int = 0) -> list[Compound]:
    """The rows as lines of loss.

    ``nudge`` makes every loss larger by so many parts in 10^12: another register that costs the
    same work, so that nothing kept from an earlier round can help.
    """
    factor = 1.0 + nudge * 1e-12
    grown = [replace(row, numbers=tuple(x * factor for x in row.numbers)) for row in rows]
    return [_line(i, row) for i, row in enumerate(grown)]


def _line(i: int, row: Row) -> Compound:
    severity = row.severity()
    if row.counts == "poisson":
        return Compound(f"s{i}", lambda _theta, years: (Poisson(row.rate * years), severity))
    return Compound(f"s{i}", lambda _theta, _years: (Binomial(1, row.rate), severity))


def believed(rows: Sequence[Row], *, nudge: int = 0) -> list[Compound]:
    """The rows with a PERT belief about every frequency, independent of each other."""
    return [
        replace(line, build=_with_rate(row, line), beliefs=(Beta.pert(*row.believed_rate()),))
        for row, line in zip(rows, lines(rows, nudge=nudge), strict=True)
    ]


def _with_rate(row: Row, line: Compound) -> Any:
    severity = line.build((), 1.0)[1]
    if row.counts == "poisson":
        return lambda theta, years: (Poisson(theta[0] * years), severity)
    return lambda theta, _years: (Binomial(1, theta[0]), severity)


def events(rows: Sequence[Row]) -> float:
    """Expected number of events in a year."""
    return math.fsum(row.rate for row in rows)
