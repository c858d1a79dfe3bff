# SPDX-License-Identifier: Apache-2.0
"""Scenarios against closed forms and brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import perilscope
from perilscope.engines.laws.distributions import Beta, Constant, Uniform
from perilscope.engines.laws.overcome import overcome

BASE = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {
        "wallet": {"kind": "wallet", "worth": "2M"},
        "vault": {
            "kind": "wallet",
            "holds": {"ETH": "1000"},
            "belongs_to": "clients",
            "liable": "40 %",
        },
    },
    "tokens": {"ETH": {"kind": "coin", "price": "3000"}},
}


def run(scenarios: dict[str, Any], **more: Any) -> perilscope.Run:
    settings = {"engine": "exact", **more.pop("settings", {})}
    book = {**BASE, **more, "scenarios": scenarios}
    return perilscope.quantify(perilscope.declare(book), **settings)


def test_a_tree_thins_the_law_of_counts() -> None:
    """Contacts 52 a year, 5 % act, 20 % succeed: Poisson with rate 0.52, here with fixed losses."""
    tree = {
        "asset": "wallet",
        "frequency": {
            "threat_event_frequency": {
                "contact_frequency": "52 per year",
                "probability_of_action": "5 %",
            },
            "vulnerability": "20 %",
        },
        "magnitude": "100k",
    }
    law = run({"s": tree}).result.laws["s"]
    assert law.mean == pytest.approx(52_000, rel=1e-12)
    assert law.sd == pytest.approx(1e5 * math.sqrt(0.52), rel=1e-12)
    assert law.none == pytest.approx(math.exp(-0.52), rel=1e-12)
    for level in (0.9, 0.95, 0.99, 0.999):
        assert law.var(level) == 1e5 * stats.poisson.ppf(level, 0.52)


def test_negative_binomial_counts_are_thinned_as_a_law() -> None:
    """Thinning a negative binomial keeps its size: variance m + m²/size with the thinned mean."""
    s = {
        "asset": "wallet",
        "frequency": {"threat_event_frequency": "10 per year", "vulnerability": "30 %"},
        "counts": "negative-binomial(2)",
        "magnitude": "1",
    }
    law = run({"s": s}).result.laws["s"]
    assert law.sd**2 == pytest.approx(3 + 9 / 2, rel=1e-12)
    assert law.none == pytest.approx((2 / (2 + 3)) ** 2, rel=1e-12)


def test_capability_against_strength_by_the_beta_integral() -> None:
    """P(X > Y) for two betas, by a sum that is exact for whole parameters (Evan Miller 2015)."""
    a1, b1, a2, b2 = 12, 4, 2, 5

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    exact = sum(
        math.exp(
            log_beta(a1 + i, b2 + b1) - math.log(b2 + i) - log_beta(1 + i, b2) - log_beta(a1, b1)
        )
        for i in range(a2)
    )
    # the sum gives P(second > first) for first ~ Beta(a1, b1), second ~ Beta(a2, b2)
    assert overcome(Beta(a2, b2), Beta(a1, b1)) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ("capability", "strength", "expected"),
    [
        (Constant(0.6), Constant(0.5), 1.0),
        (Constant(0.5), Constant(0.5), 0.0),
        (Uniform(0, 1), Constant(0.3), 0.7),
        (Uniform(0.5, 1.5), Uniform(0, 1), 0.875),
    ],
)
def test_capability_against_strength_in_closed_form(
    capability: Any, strength: Any, expected: float
) -> None:
    assert overcome(capability, strength) == pytest.approx(expected, abs=1e-5)


def test_drawn_beliefs_agree_with_numbers() -> None:
    shapes = np.array([2.0, 3.0, 5.0])
    drawn = overcome(Beta(shapes, np.full(3, 3.0)), Beta(5.0, 2.0))
    one_by_one = [overcome(Beta(a, 3.0), Beta(5.0, 2.0)) for a in shapes.tolist()]
    assert np.allclose(drawn, one_by_one, atol=2e-4)


def test_a_holding_is_lost_at_most_once_a_year() -> None:
    """Two certain thefts of the whole wallet: with the cap the year costs min(sum, worth)."""
    s = {
        "asset": "wallet",
        "frequency": "3 per year",
        "magnitude": {"value": "1.5M", "at_most": "wallet"},
    }
    p = stats.poisson.pmf(np.arange(60), 3.0)
    capped = float(np.sum(p * np.minimum(1.5e6 * np.arange(60), 2e6)))
    found = run({"s": s})
    assert found.ale == pytest.approx(capped, rel=1e-6)
    refilled = run({"s": {**s, "refilled": "yes"}})
    assert refilled.ale == pytest.approx(4.5e6, rel=1e-9)


def test_two_scenarios_share_one_holding() -> None:
    theft = {
        "asset": "wallet",
        "frequency": "1 per year",
        "magnitude": {"value": "2M", "at_most": "wallet"},
    }
    error = {
        "asset": "wallet",
        "frequency": "2 per year",
        "magnitude": {"value": "1M", "at_most": "wallet"},
    }
    n, m = np.meshgrid(np.arange(40), np.arange(40))
    weight = stats.poisson.pmf(n, 1.0) * stats.poisson.pmf(m, 2.0)
    expected = float(np.sum(weight * np.minimum(2e6 * n + 1e6 * m, 2e6)))
    assert run({"a": theft, "b": error}).ale == pytest.approx(expected, rel=1e-6)


def test_a_theft_of_clients_tokens_costs_what_we_are_liable_for() -> None:
    s = {"asset": "vault", "frequency": "1 in 10 years", "magnitude": "50 ETH"}
    assert run({"s": s}).ale == pytest.approx(0.1 * 50 * 3000 * 0.4, rel=1e-12)
    share = {**s, "magnitude": "10 % of vault"}
    assert run({"s": share}).ale == pytest.approx(0.1 * 0.1 * 1000 * 3000 * 0.4, rel=1e-12)
    money = {**s, "magnitude": "200k"}
    assert run({"s": money}).ale == pytest.approx(20_000, rel=1e-12)


@pytest.mark.parametrize("years", ["6 months", "1 year", "3 years"])
def test_horizons_by_the_rule_of_each_law(years: str) -> None:
    h = {"6 months": 0.5, "1 year": 1.0, "3 years": 3.0}[years]
    poisson = {"asset": "wallet", "frequency": "1 in 5 years", "magnitude": "1M"}
    once = {**poisson, "counts": "at most one a year"}
    found = run({"p": poisson, "b": once}, horizon=years).result.laws
    assert found["p"].none == pytest.approx(math.exp(-0.2 * h), rel=1e-12)
    assert found["b"].none == pytest.approx(0.8**h, rel=1e-12)
    assert found["p"].mean / h == pytest.approx(200_000, rel=1e-12)


def test_secondary_loss_is_part_of_the_event() -> None:
    s = {
        "asset": "wallet",
        "frequency": "1 in 2 years",
        "magnitude": {
            "primary": {"response": "50k", "replacement": "150k"},
            "secondary": {"probability": "1 in 4", "magnitude": "2M"},
        },
    }
    law = run({"s": s}).result.laws["s"]
    second = 0.75 * 2e5**2 + 0.25 * 2.2e6**2
    assert law.mean == pytest.approx(0.5 * 7e5, rel=1e-12)
    assert law.sd == pytest.approx(math.sqrt(0.5 * second), rel=1e-12)


def test_belief_and_chance_are_different_laws() -> None:
    """One unknown rate for the horizon: variance grows by the variance of the mean."""
    s = {"asset": "wallet", "frequency": "belief(gamma(mean=4, sd=4)) per year", "magnitude": "1"}
    law = run({"s": s}).result.laws["s"]
    assert law.mean == pytest.approx(4, rel=1e-9)
    assert law.sd**2 == pytest.approx(4 + 16, rel=1e-9)
    # gamma mixture of Poisson is negative binomial with size 1: geometric
    assert law.none == pytest.approx(1 / 5, rel=1e-4)


def test_a_network_drives_two_scenarios_together() -> None:
    network = {
        "period": "1 year",
        "nodes": {"storm": {"states": ["no", "yes"], "table": ["90 %", "10 %"]}},
    }
    s = {
        "asset": "wallet",
        "frequency": "from weather.storm",
        "counts": "at most one a year",
        "magnitude": "1M",
    }
    other = {**s, "distinct_because": "two halves of one storm", "magnitude": "2M"}
    found = run({"a": s, "b": other}, networks={"weather": network})
    assert found.ale == pytest.approx(300_000, rel=1e-9)
    assert found.exceed(2.5e6) == pytest.approx(0.1, rel=1e-9)
    assert found.exceed(0) == pytest.approx(0.1, rel=1e-9)
    sure = perilscope.quantify(
        perilscope.declare(
            {**BASE, "networks": {"weather": network}, "scenarios": {"a": s, "b": other}}
        ),
        engine="both",
        years=20_000,
        evidence={"storm": "yes"},
    )
    assert sure.ale == pytest.approx(3e6, rel=1e-9)
    assert sure.draws()["total"].min() == 3e6


K = np.arange(400)


def quantile(pmf: Any, level: float) -> int:
    return int(np.searchsorted(np.cumsum(pmf), level))


@pytest.mark.parametrize("years", [0.5, 1.0, 2.5])
def test_years_in_which_nothing_can_happen_are_thinned_as_a_law(years: float) -> None:
    """Each year is barred by itself: brute-force sum over its years; a part of one has its own."""
    s = {
        "asset": "wallet",
        "frequency": {"threat_event_frequency": "7 per year", "vulnerability": "20 %"},
        "counts": "zero-inflated(30 %)",
        "magnitude": "1",
    }
    law = run({"s": s}, horizon=f"{years * 12:g} months").result.laws["s"]
    pmf = 1.0 * (K == 0)
    for length in [1.0] * int(years) + [years % 1] * (years % 1 > 0):
        year = 0.3 * (K == 0) + 0.7 * stats.poisson.pmf(K, 1.4 / 0.7 * length)
        pmf = np.convolve(pmf, year)[: len(K)]
    mean = float((pmf * K).sum())
    assert law.mean == pytest.approx(1.4 * years, rel=1e-12)
    assert law.sd**2 == pytest.approx(float((pmf * K**2).sum()) - mean**2, rel=1e-9)
    assert law.none == pytest.approx(pmf[0], rel=1e-9)
    for level in (0.5, 0.95, 0.99, 0.999):
        assert law.var(level) == quantile(pmf, level)


def test_a_rate_drawn_anew_each_year_by_brute_force() -> None:
    s = {
        "asset": "wallet",
        "frequency": "3 per year",
        "counts": "mixed-poisson(uniform(0.5, 1.5))",
        "magnitude": "1",
    }
    law = run({"s": s}).result.laws["s"]
    # E of a Poisson probability over a uniform rate is a difference of gamma functions
    pmf = (stats.gamma.cdf(4.5, K + 1) - stats.gamma.cdf(1.5, K + 1)) / 3.0
    assert law.sd**2 == pytest.approx(3 + 9 / 12, rel=1e-12)
    assert law.none == pytest.approx(pmf[0], rel=1e-9)
    for level in (0.5, 0.95, 0.99, 0.999):
        assert law.var(level) == quantile(pmf, level)


def test_a_rate_drawn_anew_is_another_law_than_one_unknown_rate() -> None:
    """The same spread as chance and as belief: alike over one year, not over four."""
    once = {
        "asset": "wallet",
        "frequency": "belief(gamma(mean=2, sd=1)) per year",
        "magnitude": "1",
    }
    anew = {
        "asset": "wallet",
        "frequency": "2 per year",
        "counts": "mixed-poisson(gamma(mean=1, sd=0.5))",
        "magnitude": "1",
    }
    one, four = (run({"u": once, "a": anew}, horizon=h).result.laws for h in ("1 year", "4 years"))
    assert one["u"].sd == pytest.approx(one["a"].sd, rel=1e-9)
    assert four["u"].sd ** 2 == pytest.approx(8 + 16, rel=1e-9)
    assert four["a"].sd ** 2 == pytest.approx(8 + 4, rel=1e-9)


def test_an_infinite_mean_is_refused_unless_a_holding_bounds_it() -> None:
    """E min(X, c) of a generalised Pareto law in closed form (Hosking and Wallis 1987)."""
    s = {
        "asset": "wallet",
        "frequency": "1 in 10 years",
        "counts": "at most one a year",
        "magnitude": "gpd(shape=1.25, scale=100k)",
    }
    refused = run({"s": s}).result
    assert not refused.laws
    assert "no finite mean" in refused.joined.failed[0].reason
    capped = run({"s": s | {"magnitude": {"value": s["magnitude"], "at_most": "wallet"}}})
    wanted = 1e5 / (1 - 1.25) * (1 - (1 + 1.25 * 2e6 / 1e5) ** (1 - 1 / 1.25))
    assert capped.ale == pytest.approx(0.1 * wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "frequency", "says"),
    [
        ("mixed-poisson(gamma(4, 2))", "1 per year", "has the mean 2, not 1"),
        ("mixed-poisson(pareto(1.5, 0.3333333333333333))", "1 per year", "finite variance"),
        ("mixed-poisson(normal(1, 0.3))", "1 per year", "never negative"),
        ("mixed-poisson(lognormal(mean=1, sd=1))", "1e9 per year", "negative-binomial"),
        ("mixed-poisson(metalog(p1=1, p50=2, p99=2.1, low=0))", "1 per year", "would be negative"),
        ("zero-inflated(30 %)", "from weather.storm", "does not go with"),
        ("mixed-poisson(gamma(4, 4))", "from weather.storm", "does not go with"),
        ("binomial(2)", "belief(uniform(1, 3)) per year", "at most 2 chances"),
    ],
)
def test_counts_that_cannot_be_are_refused_with_the_reason(
    counts: str, frequency: str, says: str
) -> None:
    network = {
        "period": "1 year",
        "nodes": {"storm": {"states": ["no", "yes"], "table": ["90 %", "10 %"]}},
    }
    s = {"asset": "wallet", "frequency": frequency, "counts": counts, "magnitude": "1M"}
    (failure,) = run({"s": s}, networks={"weather": network}).result.joined.failed
    assert says in failure.reason


def test_capability_as_a_mixture_against_strength_by_quantiles() -> None:
    """P(capability > strength) is the mean of the strength's law at the capability."""
    s = {
        "asset": "wallet",
        "frequency": {
            "threat_event_frequency": "10 per year",
            "vulnerability": {
                "threat_capability": "mixture(beta(2, 5): 70 %, beta(5, 2): 30 %)",
                "resistance_strength": "metalog(p10=20 %, p90=80 %, low=0, high=1)",
            },
        },
        "magnitude": "1",
    }
    # two terms and both ends: the logit of the strength is logistic
    scale = math.log(4) / math.log(9)
    able = (stats.beta(2, 5), stats.beta(5, 2))
    strength = stats.logistic(scale=scale)
    wins = [a.expect(lambda x: strength.cdf(math.log(x / (1 - x)))) for a in able]
    found = run({"s": s}).result.laws["s"].mean
    assert found == pytest.approx(10 * (0.7 * wins[0] + 0.3 * wins[1]), rel=1e-6)
