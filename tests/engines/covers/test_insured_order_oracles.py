# SPDX-License-Identifier: Apache-2.0
"""Simulated recoveries: holdings that are lost event by event, and years of one draw's events."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.covers.cover import Terms
from perilscope.engines.covers.dated import dated
from perilscope.engines.covers.insured import Contract, recovered
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Constant, Discrete

from ..holdings import outcomes, poisson

N = 196_608


def agree(drawn: np.ndarray, law: Mapping[float, float]) -> None:
    """The share of horizons with each outcome, in standard errors."""
    for value, p in law.items():
        hits = int(np.count_nonzero(np.abs(drawn - value) < 1e-6))
        assert abs(hits - N * p) <= 4.5 * math.sqrt(N * p * (1 - p)) + 1e-6 * N, value


def test_a_holding_is_lost_event_by_event() -> None:
    """Thefts of 100 and of 70, in any order, of a wallet of 250: each paid above 40."""
    lines = [
        Compound("a", lambda _t, y: (Poisson(0.9 * y), Constant(100.0)), group="wallet"),
        Compound("b", lambda _t, y: (Binomial(2, 0.5), Constant(70.0)), group="wallet"),
    ]
    terms = Terms(deductible=40.0, limit=50.0, share=0.5)
    contracts = [Contract("all", ("a",), terms)]
    found = recovered(lines, [], {"wallet": 250.0}, contracts, draws=N, seed=3)
    kinds = [
        (poisson(0.9, 9), 100.0, terms.of_event),
        ([0.25, 0.5, 0.25], 70.0, lambda _loss: 0.0),
    ]
    net: dict[float, float] = defaultdict(float)
    gross: dict[float, float] = defaultdict(float)
    for (lost, paid), p in outcomes(kinds, 250.0).items():
        net[lost - paid] += p
        gross[lost] += p
    agree(found.gross, gross)
    agree(found.net, net)


@pytest.mark.parametrize("years", [2.0, 2.5])
def test_a_holding_is_whole_again_each_year(years: float) -> None:
    line = Compound(
        "a", lambda _t, y: (Poisson(1.2 * y), Constant(100.0)), years=years, group="wallet"
    )
    terms = Terms(deductible=40.0)
    found = recovered(
        [line], [], {"wallet": 150.0}, [Contract("c", ("a",), terms)], draws=N, seed=4
    )
    law = {0.0: 1.0}
    for length in (1.0, 1.0, years - 2.0):
        year = outcomes([(poisson(1.2 * length, 12), 100.0, terms.of_event)], 150.0)
        wider: dict[float, float] = defaultdict(float)
        for before, p in law.items():
            for (lost, paid), q in year.items():
                wider[before + lost - paid] += p * q
        law = dict(wider)
    agree(found.net, law)


def test_one_draw_of_the_horizon_has_years() -> None:
    """Each of 3 chances comes with 0.3 a year, once: limits start anew in each of three years."""
    chance, once = 0.3, [0.3, 0.7 * 0.3, 0.7**2 * 0.3]
    line = Compound(
        "a", lambda _t, y: (Binomial(3, 1 - (1 - chance) ** y), Constant(100.0)), years=3.0
    )
    terms = Terms(annual_limit=150.0)
    found = recovered([line], [], {}, [Contract("c", ("a",), terms)], draws=N, seed=5)
    law: dict[float, float] = defaultdict(float)
    never = 1.0 - sum(once)
    for choice in np.ndindex(4, 4, 4):  # the year of each chance, or none
        p = math.prod(once[k] if k < 3 else never for k in choice)
        events = [choice.count(k) for k in range(3)]
        law[sum(100.0 * n - min(100.0 * n, 150.0) for n in events)] += p
    agree(found.net, law)


def test_incidents_of_a_shock_have_one_year_for_all_they_hit() -> None:
    """Two incidents in two years, each hits both lines: 200 a year or 400 in one of them."""

    def incident(theta: Any, _years: float) -> Any:
        number = np.asarray(theta[0], dtype=np.int64)
        return Binomial(np.maximum(number, 1), 1.0 * (number > 0)), Constant(100.0)  # type: ignore[arg-type]

    incidents = Shared("shock s", Discrete((2.0,), (1.0,)), chance=True, counted=True)
    lines = [Compound(key, incident, (incidents,), 2.0) for key in ("a", "b")]
    terms = Terms(annual_limit=200.0)
    found = recovered(lines, [], {}, [Contract("c", ("a", "b"), terms)], draws=N, seed=6)
    agree(found.net, {0.0: 0.5, 200.0: 0.5})


def test_what_a_network_drives_falls_on_any_year() -> None:
    line = Compound("a", lambda _t, y: (Binomial(1, 0.4), Constant(100.0)), years=2.0)
    years = np.zeros(2)
    for year, at, loss in dated(line, np.arange(65_536) % 2 == 0, 1, 0, {}):
        years[year] += len(at)
        assert np.all(loss == 100.0)
        assert np.all(at % 2 == 0)
    assert years.sum() == 32_768
    assert abs(years[0] - 16_384) < 4.5 * math.sqrt(32_768 / 4)
