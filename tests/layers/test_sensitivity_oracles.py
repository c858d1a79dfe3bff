# SPDX-License-Identifier: Apache-2.0
"""Sensitivities against derivatives in closed form, by hand and by brute force."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

import perilscope
from perilscope.engines.aggregate.register import Register
from perilscope.layers import enterprise
from perilscope.layers.context import Context
from perilscope.layers.drivers import Drivers
from perilscope.layers.sensitivity import LEVEL, Sensitivities, Swing, sensitivities
from perilscope.layers.valuation import Valuation

BASE = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"wallet": {"kind": "wallet", "worth": "2M"}},
}


def swung(scenarios: Mapping[str, Any]) -> tuple[Sensitivities, Register]:
    """All swings of some scenarios, and the register they belong to."""
    declared = {key: {"asset": "wallet", **scenario} for key, scenario in scenarios.items()}
    book = perilscope.declare({**BASE, "scenarios": declared}).workspace.book
    context = Context(book, Valuation(book, {}), Drivers({}), Drivers({}), 1.0)
    joined, alone = enterprise.join(book.scenarios, context)
    assert not joined.failed
    register = joined.register()
    return sensitivities(book.scenarios, context, alone, register), register


def of(found: Sensitivities, scenario: str, path: str) -> Swing:
    (swing,) = (s for s in found.swings if (s.scenario, s.path) == (scenario, path))
    return swing


FOUR = {
    "theft": {"frequency": "0.3 per year", "magnitude": "200k to 2M"},
    "fraud": {
        "frequency": {
            "threat_event_frequency": {
                "contact_frequency": "12 per year",
                "probability_of_action": "20 %",
            },
            "vulnerability": "30 %",
        },
        "magnitude": "gamma(2, 0.00001)",
    },
    "breach": {
        "frequency": "belief(gamma(3, 30)) per year",
        "magnitude": {
            "primary": "400k",
            "secondary": {"probability": "1 in 4", "magnitude": "500k to 5M"},
        },
    },
    "error": {
        "frequency": "6 per year",
        "counts": "negative-binomial(2)",
        "magnitude": "1k to 90k",
    },
}


@pytest.fixture(scope="module")
def four() -> tuple[Sensitivities, Register]:
    return swung(FOUR)


def test_the_mean_answers_in_proportion(four: tuple[Sensitivities, Register]) -> None:
    """d ALE / d log of a rate, a thinning share or a scale of loss is the ALE of the line."""
    found, register = four
    total = register.law().mean
    for key, path in (
        ("theft", "frequency"),
        ("theft", "magnitude"),
        ("fraud", "frequency.threat_event_frequency.contact_frequency"),
        ("fraud", "frequency.threat_event_frequency.probability_of_action"),
        ("fraud", "frequency.vulnerability"),
        ("fraud", "magnitude"),
        ("error", "frequency"),
    ):
        swing, mean = of(found, key, path), register.means[key]
        assert swing.ale == pytest.approx((0.9 * mean, 1.1 * mean), rel=1e-9)
        assert swing.total_ale == pytest.approx((total - 0.1 * mean, total + 0.1 * mean), rel=1e-9)


def test_elasticities_of_losses_are_euler_contributions(
    four: tuple[Sensitivities, Register],
) -> None:
    """CVaR is homogeneous in all losses: its slope to one line's is what that line bears of it."""
    found, register = four
    whole = register.law().cvar(LEVEL)
    shares = {key: c / whole for key, c in register.contributions(LEVEL).items()}
    by_line: dict[str, float] = dict.fromkeys(FOUR, 0.0)
    for swing in found.swings:
        if swing.dimension == "money":
            assert swing.total_elasticity is not None
            by_line[swing.scenario] += swing.total_elasticity
    assert by_line == pytest.approx(shares, abs=2e-4)
    assert math.fsum(by_line.values()) == pytest.approx(1.0, abs=2e-4)


def test_alone_a_cvar_grows_with_its_losses(four: tuple[Sensitivities, Register]) -> None:
    found, _ = four
    for key in ("theft", "fraud", "error"):
        assert of(found, key, "magnitude").elasticity == pytest.approx(1.0, abs=1e-5)


def test_factors_that_multiply_answer_alike(four: tuple[Sensitivities, Register]) -> None:
    found, _ = four
    path = "frequency.threat_event_frequency"
    contacts, acts = (
        of(found, "fraud", f"{path}.{name}")
        for name in ("contact_frequency", "probability_of_action")
    )
    assert contacts.cvar == pytest.approx(acts.cvar, rel=1e-9)
    assert contacts.total_cvar == pytest.approx(acts.total_cvar, rel=1e-9)
    assert contacts.elasticity == pytest.approx(acts.elasticity, rel=1e-6)


def test_a_belief_is_moved_to_its_quantiles(four: tuple[Sensitivities, Register]) -> None:
    """Known at its 5 or 95 % quantile: the mean is that rate times the loss."""
    found, register = four
    swing = of(found, "breach", "frequency")
    ends = stats.gamma(3, scale=1 / 30).ppf([0.05, 0.95])
    assert swing.of == "belief"
    assert swing.values == pytest.approx(tuple(ends), rel=1e-9)
    loss = register.means["breach"] / 0.1
    assert swing.ale == pytest.approx(tuple(ends * loss), rel=1e-9)


UNIT = 100_000.0
LOSSES = {"a": {1: 0.5, 2: 0.3, 5: 0.2}, "b": {1: 0.6, 3: 0.4}}
RATES = {"a": 0.8, "b": 0.5}


def test_the_slope_to_a_poisson_rate_by_brute_force() -> None:
    """d CVaR / d rate = E[(S + X - v)+ - (S - v)+] / (1 - a), S by plain convolution.

    The derivative of a compound Poisson law to its rate is the law with one more event less the
    law itself; VaR does not move CVaR (Rockafellar and Uryasev 2000).
    """
    found, register = swung(
        {
            key: {
                "frequency": f"{RATES[key]} per year",
                "magnitude": "discrete("
                + ", ".join(f"{n}00k: {100 * p:g} %" for n, p in LOSSES[key].items())
                + ")",
            }
            for key in LOSSES
        }
    )
    total = np.convolve(_compound("a"), _compound("b"))
    places = np.arange(total.size)
    v = int(np.searchsorted(np.cumsum(total), LEVEL))
    excess = np.maximum(places - v, 0)
    cvar = v + float(total @ excess) / (1 - LEVEL)
    assert register.law().cvar(LEVEL) == pytest.approx(cvar * UNIT, rel=1e-9)
    for key in LOSSES:
        after = math.fsum(
            p * float(total @ np.maximum(places + n - v, 0)) for n, p in LOSSES[key].items()
        )
        slope = (after - float(total @ excess)) / (1 - LEVEL)
        swing = of(found, key, "frequency")
        assert swing.total_elasticity == pytest.approx(RATES[key] * slope / cvar, rel=1e-4)


def _compound(key: str) -> np.ndarray[Any, Any]:
    """Law of a compound Poisson sum in whole units, by convolution of its events."""
    one = np.zeros(6)
    for n, p in LOSSES[key].items():
        one[n] = p
    law, power = np.zeros(6 * 30), np.array([1.0])
    for n in range(30):
        law[: power.size] += stats.poisson.pmf(n, RATES[key]) * power
        power = np.convolve(power, one)
    return law


def test_one_event_at_most_by_hand() -> None:
    """A chance of 0.5 % a year: CVaR 99 % is half the loss; of 5 %: the loss itself."""
    s = {"counts": "at most one a year", "magnitude": "1M"}
    found, _ = swung(
        {"rare": {**s, "frequency": "0.005 per year"}, "often": {**s, "frequency": "0.05 per year"}}
    )
    rare, often = of(found, "rare", "frequency"), of(found, "often", "frequency")
    assert rare.cvar == pytest.approx((450e3, 550e3), rel=1e-9)
    assert rare.elasticity == pytest.approx(1.0, rel=1e-9)
    assert often.cvar == pytest.approx((1e6, 1e6), rel=1e-9)
    assert often.elasticity == pytest.approx(0.0, abs=1e-9)
    # together: both happen with 0.5 % x 5 %, so the tail of 1 % is 0.025 % of 2M and the rest of 1M
    p = 0.005 * 0.05
    assert often.total_cvar[0] == pytest.approx((2e6 * 0.9 * p + 1e6 * (0.01 - 0.9 * p)) / 0.01)


def test_a_probability_is_never_taken_above_one() -> None:
    tree = {"threat_event_frequency": "2 per year", "vulnerability": "95 %"}
    found, _ = swung({"s": {"frequency": tree, "magnitude": "1M"}})
    swing = of(found, "s", "frequency.vulnerability")
    assert swing.values == pytest.approx((0.855, 1.0))
    assert swing.ale == pytest.approx((1.71e6, 2e6), rel=1e-9)


def test_an_impossible_swing_is_left_out_with_its_reason() -> None:
    """0.95 a year from at most one event: ten percent more cannot be."""
    s = {"frequency": "0.95 per year", "counts": "at most one a year", "magnitude": "1M"}
    found, _ = swung({"s": s})
    (skipped,) = found.skipped
    assert (skipped.scenario, skipped.path) == ("s", "frequency")
    assert "cannot come from" in skipped.reason
    assert [swing.path for swing in found.swings] == ["magnitude"]


def test_the_widest_come_first_and_no_more_than_wanted(
    four: tuple[Sensitivities, Register],
) -> None:
    found, _ = four
    widths = [abs(s.total_cvar[1] - s.total_cvar[0]) for s in found.widest(5)]
    assert len(widths) == 5
    assert widths == sorted(widths, reverse=True)
    rest = sorted((abs(s.total_cvar[1] - s.total_cvar[0]) for s in found.swings), reverse=True)
    assert widths == rest[:5]
    own = [abs(s.cvar[1] - s.cvar[0]) for s in found.of("fraud")]
    assert len(own) == 4
    assert own == sorted(own, reverse=True)
