# SPDX-License-Identifier: Apache-2.0
"""What the figures rest on, and which estimates are worth improving first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from perilscope.book import Leaf, Scenario
from perilscope.engines.laws.distributions import Beta, Gamma
from perilscope.learning.update import Learned, Update

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


def prior_share(scenario: Scenario, learned: Learned) -> float:
    """Share of a scenario's figures that is prior: stated or judged before its data were seen.

    A loss is a product of factors, and one percent more of any of them is one percent more of it,
    so each counts alike. Of a factor that the log updated the prior's part is its weight in the
    posterior mean; of one of grade *own data* it is nothing; of any other, and of what a network's
    tables say, all.
    """
    given = {path: estimate.grade for path, estimate in scenario.estimates()}
    updates = {u.factor.rsplit(".", 1)[-1]: u for u in learned.factors if u.scenario == scenario.id}
    found = []
    for path, factor in scenario.factors():
        update = updates.get(path.rsplit(".", 1)[-1])
        if isinstance(factor, Leaf) and update is not None:
            found.append(prior_weight(update))
        else:
            found.append(0.0 if given.get(path) == "own data" else 1.0)
    return math.fsum(found) / len(found) if found else 1.0


def prior_weight(update: Update) -> float:
    """Weight of the prior in the mean of the posterior; of other laws by their variances.

    Examples
    --------
    Two events in 10 years on a prior worth 5 years of looking: the prior weighs a third.

    >>> prior, posterior = Gamma(1.0, 1 / 5.0), Gamma(3.0, 1 / 15.0)
    >>> found = Update("s", "frequency", prior, posterior, "", "", (), 2, exposure_years=10.0)
    >>> round(prior_weight(found), 9)
    0.333333333
    """
    before, after = update.prior, update.posterior
    if isinstance(before, Gamma) and isinstance(after, Gamma):
        return min(after.scale / before.scale, 1.0)
    if isinstance(before, Beta) and isinstance(after, Beta):
        return min((before.a + before.b) / (after.a + after.b), 1.0)
    if not 0.0 < before.variance < math.inf:
        return 1.0
    return min(max(after.variance / before.variance, 0.0), 1.0)


def weighed(
    own: Mapping[str, float], borne: Mapping[str, float], data: float = 0.0
) -> float | None:
    """Share of a figure that is prior, from the scenarios' own shares and what each bears of it.

    Parameters
    ----------
    own : mapping
        Prior share of each scenario.
    borne : mapping
        What each bears, in money or as a share; a negative one counts by its size.
    data : float
        What is borne by what rests on data alone.
    """
    sizes = {key: abs(x) for key, x in borne.items()}
    whole = math.fsum(sizes.values()) + abs(data)
    if not whole > 0.0:
        return None
    return math.fsum(own[key] * size for key, size in sizes.items()) / whole


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
