# SPDX-License-Identifier: Apache-2.0
"""What the figures rest on, and which estimates are worth improving first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from perilscope.book import Scenario

ORDER = ("guess", "industry", "not stated", "expert", "own data")
"""Grades from the weakest to the strongest; a scenario is as strong as its weakest estimate."""

DOUBT = {"guess": 1.0, "industry": 0.8, "not stated": 0.8, "expert": 0.5, "own data": 0.2}
"""How much a figure gains by a better estimate, as a rough weight for ranking what to ask next."""


@dataclass(frozen=True)
class Ask:
    """One estimate to improve next, with the share of the figure that hangs on it."""

    id: str
    factor: str
    why: str
    share: float


def grade(scenario: Scenario) -> str:
    """The grade of the weakest estimate that the scenario rests on."""
    given = [estimate.grade or "not stated" for _, estimate in scenario.estimates()]
    return min(given, key=ORDER.index, default="not stated")


def rests_on(scenario: Scenario) -> str:
    """Grade of the weakest estimate and whose it is: ``industry, quant``."""
    weakest = grade(scenario)
    by = [e.by for _, e in scenario.estimates() if (e.grade or "not stated") == weakest and e.by]
    return ", ".join([weakest, *dict.fromkeys(by)])


def shares(scenarios: Mapping[str, Scenario], weights: Mapping[str, float]) -> dict[str, float]:
    """Share of a figure by grade, weakest first; ``weights`` are the scenarios' shares of it."""
    found: dict[str, list[float]] = {}
    for key, scenario in scenarios.items():
        found.setdefault(grade(scenario), []).append(weights.get(key, 0.0))
    return {name: math.fsum(found[name]) for name in ORDER if name in found}


def ask_next(
    scenarios: Mapping[str, Scenario],
    average: Mapping[str, float],
    tail: Mapping[str, float],
    most: int = 3,
) -> tuple[Ask, ...]:
    """The weakest estimates behind the largest shares, by share of the figure times doubt."""
    asks: list[tuple[float, Ask]] = []
    for key, scenario in scenarios.items():
        share = max(average.get(key, 0.0), tail.get(key, 0.0))
        where = (
            "the 1-in-100 year" if tail.get(key, 0.0) >= average.get(key, 0.0) else "the average"
        )
        for path, estimate in scenario.estimates():
            given = estimate.grade or "not stated"
            why = f"{100 * share:.0f} % of {where} hangs on it; it rests on: {given}"
            asks.append((share * DOUBT[given], Ask(key, path, why, share)))
    asks.sort(key=lambda pair: (-pair[0], pair[1].id, pair[1].factor))
    return tuple(a for _, a in asks[:most])
