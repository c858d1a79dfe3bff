# SPDX-License-Identifier: Apache-2.0
"""Numbers of the FAIR tree against closed forms, and against the engine's own mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import perilscope
from perilscope.layers import operational
from perilscope.layers import tree as fair
from perilscope.layers.context import Context
from perilscope.layers.drivers import Drivers
from perilscope.layers.tree import Node
from perilscope.layers.valuation import Valuation

BASE = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"wallet": {"kind": "wallet", "worth": "2M"}},
}


@dataclass(frozen=True)
class Mean:
    """The mean of a line as the engine integrates it, without the grid that its law would want."""

    mean: float

    def var(self, level: float) -> float:
        return level * self.mean


def tree(scenario: dict[str, Any]) -> Node:
    declared = {**BASE, "scenarios": {"s": {"asset": "wallet", **scenario}}}
    book = perilscope.declare(declared).workspace.book
    context = Context(book, Valuation(book, {}), Drivers({}), Drivers({}), 1.0)
    line = operational.line(book.scenarios["s"], context)
    return fair.tree(book.scenarios["s"], context, Mean(line.moments()[0]))


def node(root: Node, path: str) -> Node:
    return next(found for found in root.walk() if found.path == path)


def test_a_gamma_rate_times_a_beta_share_is_a_gamma_rate() -> None:
    """Gamma(a + b) times Beta(a, b) is Gamma(a) exactly: mean and interval of the product."""
    a, b, rate = 3.0, 5.0, 2.0
    often = tree(
        {
            "frequency": {
                "threat_event_frequency": f"belief(gamma({a + b}, {rate})) per year",
                "vulnerability": f"belief(beta({a}, {b}))",
            },
            "magnitude": "1k",
        }
    ).children[0]
    law = stats.gamma(a, scale=1 / rate)
    assert often.mean == pytest.approx(law.mean(), rel=1e-12)
    # 1,024 values spread evenly in one of the two beliefs: a binomial error of 0.0068 at most
    assert law.cdf(often.low) == pytest.approx(0.05, abs=0.02)
    assert law.cdf(often.high) == pytest.approx(0.95, abs=0.02)


def test_one_belief_times_a_number_has_exact_ends() -> None:
    mu = 0.7
    law = stats.lognorm(s=0.5, scale=math.exp(mu))
    often = tree(
        {
            "frequency": {
                "threat_event_frequency": f"belief(lognormal(mu={mu}, sigma=0.5)) per year",
                "vulnerability": "30 %",
            },
            "magnitude": "1k",
        }
    ).children[0]
    assert often.low == pytest.approx(0.3 * law.ppf(0.05), rel=1e-12)
    assert often.high == pytest.approx(0.3 * law.ppf(0.95), rel=1e-12)
    assert often.mean == pytest.approx(0.3 * law.mean(), rel=1e-12)


def test_a_leaf_shows_quantiles_of_its_own_law() -> None:
    s = {
        "frequency": {
            "threat_event_frequency": "4 per year",
            "vulnerability": {
                "threat_capability": "beta(2, 3)",
                "resistance_strength": "uniform(0.2, 0.8)",
            },
        },
        "magnitude": "gamma(2, 0.001)",
    }
    root = tree(s)
    able, strong = node(root, "frequency.vulnerability").children
    assert (able.low, able.high) == pytest.approx(stats.beta(2, 3).interval(0.9), rel=1e-9)
    assert (strong.low, strong.high) == pytest.approx((0.23, 0.77), rel=1e-12)
    much = root.children[1]
    assert (much.low, much.high) == pytest.approx(
        stats.gamma(2, scale=1000).interval(0.9), rel=1e-9
    )
    # P(capability > strength): one minus the mean of the beta's distribution function
    levels = np.linspace(0.2, 0.8, 200_001)
    grid = float(np.mean(stats.beta(2, 3).sf((levels[1:] + levels[:-1]) / 2)))
    assert node(root, "frequency.vulnerability").mean == pytest.approx(grid, rel=1e-8)


def test_a_capped_exponential_loss_in_closed_form() -> None:
    """E min(X, c) = m (1 - exp(-c / m)); the scenario may happen again and again."""
    root = tree(
        {
            "frequency": "5 per year",
            "refilled": "yes",
            "magnitude": {"value": "exponential(3M)", "at_most": "wallet"},
        }
    )
    much = root.children[1]
    assert much.mean == pytest.approx(3e6 * (1 - math.exp(-2 / 3)), rel=1e-12)
    assert much.uncapped == pytest.approx(3e6, rel=1e-12)
    assert much.high == 2e6
    assert much.low == pytest.approx(-3e6 * math.log(0.95), rel=1e-9)


def test_a_secondary_loss_that_is_a_belief_from_a_holding_that_is_refilled() -> None:
    """100k each time, and with a believed chance p all that the wallet has: 100k + 1.9M p."""
    secondary = {"probability": "belief(beta(2, 6))", "magnitude": "5M"}
    root = tree(
        {
            "frequency": "1 per year",
            "refilled": "yes",
            "magnitude": {"primary": "100k", "secondary": secondary, "at_most": "wallet"},
        }
    )
    believed = stats.beta(2, 6)
    assert root.mean == pytest.approx(1e5 + 1.9e6 * 0.25, rel=1e-9)
    much = root.children[1]
    assert much.low == pytest.approx(1e5 + 1.9e6 * believed.ppf(0.05), rel=1e-3)
    assert much.high == pytest.approx(1e5 + 1.9e6 * believed.ppf(0.95), rel=1e-3)


def test_secondary_loss_is_its_probability_times_its_forms() -> None:
    root = tree(
        {
            "frequency": "0.5 per year",
            "magnitude": {
                "primary": {"response": "200k", "replacement": "uniform(0, 100k)"},
                "secondary": {
                    "probability": "belief(beta(1, 3))",
                    "magnitude": {"fines_and_judgements": "2M", "reputation": "400k"},
                },
            },
        }
    )
    assert node(root, "magnitude.primary").mean == pytest.approx(250e3, rel=1e-12)
    second = node(root, "magnitude.secondary")
    assert second.mean == pytest.approx(0.25 * 2.4e6, rel=1e-12)
    # linear in the one belief, so the ends are exact: Beta(1, 3) has F(x) = 1 - (1 - x)^3
    ends = [2.4e6 * (1 - (1 - u) ** (1 / 3)) for u in (0.05, 0.95)]
    assert (second.low, second.high) == pytest.approx(ends, rel=1e-9)
    whole = node(root, "magnitude")
    assert (whole.low, whole.high) == pytest.approx([250e3 + x for x in ends], rel=1e-9)
    assert (root.low, root.high) == pytest.approx([0.5 * (250e3 + x) for x in ends], rel=1e-6)


RATES = (
    "0.3 per year",
    "1 in 7 years",
    "belief(gamma(3, 2)) per year",
    "belief(0.5 to 2) per year",
)
CHANCES = ("20 %", "1 in 3", "belief(beta(2, 5))", "belief(uniform(0.1, 0.4))")
LOSSES = (
    "50k",
    "20k to 900k",
    "belief(30k to 200k)",
    "pert(1k, 5k, 90k)",
    "discrete(0: 40 %, 8k: 60 %)",
)
BETAS = ("beta(2, 3)", "uniform(0.1, 0.9)", "40 %")

leaf = st.sampled_from
contacts = st.fixed_dictionaries(
    {"contact_frequency": leaf(RATES), "probability_of_action": leaf(CHANCES)}
)
weakness = st.fixed_dictionaries(
    {"threat_capability": leaf(BETAS[:2]), "resistance_strength": leaf(BETAS)}
)
threats = st.fixed_dictionaries(
    {
        "threat_event_frequency": leaf(RATES) | contacts,
        "vulnerability": leaf(CHANCES) | weakness,
    }
)
forms = st.dictionaries(leaf(("response", "replacement", "reputation")), leaf(LOSSES), min_size=1)
much = st.fixed_dictionaries(
    {"primary": leaf(LOSSES) | forms},
    optional={
        "secondary": st.fixed_dictionaries(
            {"probability": leaf(CHANCES), "magnitude": leaf(LOSSES) | forms}
        )
    },
)
scenarios = st.fixed_dictionaries(
    {"frequency": leaf(RATES) | threats, "magnitude": leaf(LOSSES) | much},
    optional={"counts": leaf(("negative-binomial(2)", "poisson"))},
)


@given(scenarios)
def test_children_combine_and_the_root_is_the_mean_of_the_engine(scenario: dict[str, Any]) -> None:
    root = tree(scenario)
    for parent in root.walk():
        means = [child.mean for child in parent.children]
        near = 1e-12 if parent.path != "annual_loss" else _engine_is_near(scenario)
        if parent.joins == "times":
            assert parent.mean == pytest.approx(math.prod(means), rel=near)
        elif parent.joins == "plus":
            assert parent.mean == pytest.approx(math.fsum(means), rel=near)
        elif parent.joins == "exceeds":
            assert 0.0 <= parent.mean <= 1.0
        assert parent.low <= parent.high


def _engine_is_near(scenario: dict[str, Any]) -> float:
    """Gauss nodes give means exactly, but not of a lognormal belief; many stand on a lattice."""
    text = str(scenario)
    if text.count("belief") > 5:
        return 0.02
    return 1e-12 if "belief(0.5 to 2)" not in text and "belief(30k to 200k)" not in text else 1e-5
