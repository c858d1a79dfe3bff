# SPDX-License-Identifier: Apache-2.0
"""Every law a book may write, against closed forms and against scipy.stats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from perilscope.beliefs.law import point, reading, together
from perilscope.book.quantity import Call, Node, Quantity, parse
from perilscope.engines.laws.distributions import Constant, Gamma, Lognormal, Scaled, Sometimes
from perilscope.errors import AssessmentError

Z, Z90 = stats.norm.ppf([0.95, 0.9])
SHAPE = math.log(math.log(10) / math.log(10 / 9)) / math.log(25)
"""Of the Weibull law whose 90 % quantile is 25 times its 10 % quantile."""


def money(text: str) -> Quantity:
    return parse(text, "money", "USD", frozenset({"ETH", "USDC"}))


def num(text: str) -> Node:
    return parse(text, "money").node


PEERS: list[tuple[str, Any]] = [
    ("pert(50k, 400k, 1.55M)", stats.beta(29 / 15, 61 / 15, 50_000, 1_500_000)),
    ("triangular(10k, 30k, 90k)", stats.triang(0.25, 10_000, 80_000)),
    ("uniform(10k, 30k)", stats.uniform(10_000, 20_000)),
    ("normal(1M, 200k)", stats.norm(1e6, 2e5)),
    (
        "lognormal(p5=200k, p95=2.5M)",
        stats.lognorm(math.log(12.5) / (2 * Z), scale=math.sqrt(200_000 * 2_500_000)),
    ),
    (
        "lognormal(mean=500k, sd=1M)",
        stats.lognorm(math.sqrt(math.log(5)), scale=500_000 / math.sqrt(5)),
    ),
    ("lognormal(median=400k, p95=2.5M)", stats.lognorm(math.log(6.25) / Z, scale=400_000)),
    ("lognormal(mu=12, sigma=1.5)", stats.lognorm(1.5, scale=math.exp(12))),
    ("gamma(mean=200k, sd=100k)", stats.gamma(4, scale=50_000)),
    ("gamma(shape=3, scale=20k)", stats.gamma(3, scale=20_000)),
    ("exponential(50k)", stats.expon(scale=50_000)),
    ("weibull(0.8, 50k)", stats.weibull_min(0.8, scale=50_000)),
    ("pareto(2.5, 10k)", stats.pareto(2.5, scale=10_000)),
    ("pert(0, 330k, 2M, lambda=2)", stats.beta(1.33, 2.67, 0, 2_000_000)),
    ("gpd(shape=0.4, scale=200k)", stats.genpareto(0.4, scale=200_000)),
    ("gpd(shape=0, scale=200k)", stats.expon(scale=200_000)),
    (
        "gpd(shape=-0.2, scale=200k, threshold=1M)",
        stats.genpareto(-0.2, loc=1_000_000, scale=200_000),
    ),
    (
        "lognormal(p10=20k, p90=500k)",
        stats.lognorm(math.log(25) / (2 * Z90), scale=math.sqrt(20_000 * 500_000)),
    ),
    (
        "weibull(p10=20k, p90=500k)",
        stats.weibull_min(SHAPE, scale=500_000 / math.log(10) ** (1 / SHAPE)),
    ),
    (
        "250k to 8M",
        stats.lognorm(math.log(32) / (2 * Z), scale=math.sqrt(250_000 * 8_000_000)),
    ),
]


@pytest.mark.parametrize(("text", "peer"), PEERS, ids=[t for t, _ in PEERS])
def test_a_law_of_losses_is_the_law_of_that_name(text: str, peer: Any) -> None:
    read = reading(money(text))
    assert read.beliefs == ()
    law = read.value(())
    assert law.mean == pytest.approx(peer.mean(), rel=1e-10)
    levels = np.array([0.01, 0.05, 0.5, 0.95, 0.999])
    assert law.ppf(levels) == pytest.approx(peer.ppf(levels), rel=1e-8)


@pytest.mark.parametrize(("text", "peer"), PEERS, ids=[t for t, _ in PEERS])
def test_a_price_keeps_the_family_and_scales_every_quantile(text: str, peer: Any) -> None:
    law = reading(money(text), price=lambda _unit: 3.5).value(())
    assert not isinstance(law, Scaled)
    assert law.mean == pytest.approx(3.5 * peer.mean(), rel=1e-10)
    assert float(law.ppf(0.9)) == pytest.approx(3.5 * peer.ppf(0.9), rel=1e-8)


def integrated(law: Any) -> float:
    """Mean as the integral of the quantile function over the logit of the probability."""
    z = np.linspace(-34, 34, 1 << 15)
    weights = expit(z) * expit(-z)
    return float(integrate.trapezoid(law.ppf(expit(z)) * weights, z))


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("gamma(p10=20k, p90=500k)", {0.1: 20e3, 0.9: 500e3}),
        ("quantiles(p5=10k, p50=31.6k, p95=100k)", {0.5: 31.6e3, 0.95: 100e3}),
        ("metalog(p10=10k, p50=20k, p90=40k, low=0)", {0.1: 10e3, 0.5: 20e3, 0.9: 40e3}),
        ("metalog(p10=10k, p50=20k, p90=60k, low=1k, high=90k)", {0.5: 20e3, 0.9: 60e3}),
        ("spliced(lognormal(p5=10k, p95=800k), pareto(2.5, 1M), at=1M, above=5 %)", {0.95: 1e6}),
        ("spliced(10k to 800k, gpd(shape=0.2, scale=90k, threshold=700k), at=700k)", {}),
        ("mixture(lognormal(p5=10k, p95=90k): 70 %, pert(10k, 50k, 1M): 30 %)", {}),
    ],
)
@pytest.mark.parametrize("price", [1.0, 3.5])
def test_a_law_made_of_others_has_its_quantiles_and_its_mean(
    text: str, levels: dict[float, float], price: float
) -> None:
    law = reading(money(text), price=lambda _unit: price).value(())
    assert not isinstance(law, Scaled)
    exact = "quantiles" not in text
    for level, value in levels.items():
        assert float(law.ppf(level)) == pytest.approx(price * value, rel=1e-9 if exact else 5e-3)
    assert law.mean == pytest.approx(integrated(law), rel=1e-5)


@pytest.mark.parametrize(
    ("text", "levels", "mean"),
    [
        ("mixture(0: 50 %, exponential(20k): 50 %)", {0.4: 0.0, 0.75: 20e3 * math.log(2)}, 10e3),
        ("empirical(12k, 40k, 55k, 40k)", {0.25: 12e3, 0.5: 40e3, 0.75: 40e3, 1: 55e3}, 36_750),
    ],
)
def test_laws_with_atoms(text: str, levels: dict[float, float], mean: float) -> None:
    law = reading(money(text), price=lambda _unit: 2.0).value(())
    assert law.mean == pytest.approx(2 * mean, rel=1e-12)
    for level, value in levels.items():
        assert float(law.ppf(level)) == pytest.approx(2 * value, rel=1e-9)


def test_a_body_goes_on_as_the_tail_with_the_probability_it_had() -> None:
    text = "spliced(lognormal(mean=100k, sd=100k), pareto(2.5, 1M), at=500k)"
    law, body = reading(money(text)).value(()), stats.lognorm(math.sqrt(math.log(2)))
    beyond = body.sf(500_000 / (100_000 / math.sqrt(2)))
    assert 1 - float(law.cdf(500_000)) == pytest.approx(beyond, rel=1e-9)
    assert 1 - float(law.cdf(2e6)) == pytest.approx(beyond * 2**-2.5, rel=1e-9)


def test_beliefs_inside_the_parts_of_a_law() -> None:
    like = "spliced(lognormal(median={}, p95=800k), gpd(shape=0.2, scale={}), at=1M)"
    read = reading(money(like.format("belief(20k to 40k)", "belief(uniform(1M, 3M))")))
    assert len(read.beliefs) == 2
    other = reading(money(like.format("30k", "2M"))).value(())
    assert read.value((30e3, 2e6)) == other
    many = read.value((np.array([30e3, 25e3]), np.array([2e6, 1e6])))
    assert np.shape(many.mean) == (2,)
    assert np.ravel(many.mean)[0] == pytest.approx(other.mean, rel=1e-12)
    drawn = many.sample(np.random.default_rng(1), 2)
    assert drawn.shape == (2,)


def test_a_mixture_with_an_unknown_part() -> None:
    read = reading(money("mixture(belief(1M to 3M): 25 %, uniform(0, 10k): 75 %)"))
    assert read.value((2e6,)).mean == pytest.approx(0.25 * 2e6 + 0.75 * 5e3)
    assert read.mean == pytest.approx(0.25 * read.beliefs[0].mean + 3750, rel=1e-10)


def test_belief_in_a_law_of_laws_is_one_belief() -> None:
    text = "mixture(uniform(0, 10k): 75 %, pert(10k, 50k, 1M): 25 %)"
    chance = reading(money(text)).value(())
    read = reading(money(f"belief({text})"))
    assert read.beliefs == (chance,)
    assert read.value((5.0,)) == Constant(5.0)


def test_quantiles_of_a_share_stay_inside_it() -> None:
    quantity = money("quantiles(p5=10 %, p50=20 %, p95=60 %) of binance")
    law = reading(quantity, worth=lambda _id: 1e6).value(())
    assert law.support == (0.0, 1e6)
    assert float(law.ppf(0.5)) == pytest.approx(2e5, rel=0.05)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metalog(p1=10k, p50=20k, p99=21k, low=0)", "density would be negative between"),
        ("metalog(p10=10k, p50=20k, p90=40k)", "can be negative.*`low=0`"),
        ("gamma(p1=1000000, p99=1000001)", "no gamma law has quantiles"),
        ("spliced(10 to 20, gpd(shape=0.2, scale=10k), at=1e-9)", "nothing below"),
        ("spliced(1k to 9k, exponential(10), at=5M, above=5 %)", "nothing above"),
    ],
)
def test_a_law_of_laws_that_cannot_be(text: str, says: str) -> None:
    with pytest.raises(AssessmentError, match=says):
        reading(money(text))


def test_tokens_are_priced_and_the_currency_is_asked_for_as_well() -> None:
    prices = {"ETH": 3_000.0, "USD": 1.0}
    assert point(money("1200 ETH"), price=prices.__getitem__) == 3_600_000.0
    assert point(money("250k"), price=prices.__getitem__) == 250_000.0


@pytest.mark.parametrize(
    ("text", "per_year"),
    [
        ("0.2 per year", 0.2),
        ("1 in 5 years", 0.2),
        ("1 in 60 years", 1 / 60),
        ("2 per month", 24.0),
        ("1 in 6 months", 2.0),
        ("1 per day", 365.25),
        ("2 per week", 2 * 365.25 / 7),
    ],
)
def test_rates_come_out_per_year(text: str, per_year: float) -> None:
    assert point(parse(text, "rate")) == pytest.approx(per_year, rel=1e-15)


def test_a_believed_rate_stays_a_gamma_law_in_another_period() -> None:
    read = reading(parse("belief(gamma(2, 10)) per month", "rate"))
    assert read.beliefs == (Gamma(2.0, 0.1 * 12),)
    assert read.alone == read.beliefs[0]
    assert read.value((0.7,)) == Constant(0.7)
    assert read.mean == pytest.approx(2.4, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("belief(beta(2, 48))", stats.beta(2, 48)),
        ("belief(beta(mean=0.04, sd=0.02))", None),
        ("belief(pert(1 %, 4 %, 20 %))", stats.beta(1 + 12 / 19, 1 + 64 / 19, 0.01, 0.19)),
        ("belief(uniform(1 %, 3 %))", stats.uniform(0.01, 0.02)),
    ],
)
def test_believed_probabilities(text: str, peer: Any) -> None:
    (law,) = reading(parse(text, "probability")).beliefs
    if peer is None:
        assert law.mean == pytest.approx(0.04, rel=1e-12)
        assert law.second - law.mean**2 == pytest.approx(0.02**2, rel=1e-9)
    else:
        assert float(law.ppf(0.3)) == pytest.approx(peer.ppf(0.3), rel=1e-9)


def test_a_to_b_for_a_probability_is_the_beta_law_with_those_ends() -> None:
    (law,) = reading(parse("belief(2 % to 9 %)", "probability")).beliefs
    assert law.support == (0.0, 1.0)
    assert [float(law.cdf(0.02)), float(law.cdf(0.09))] == pytest.approx([0.05, 0.95], abs=1e-9)


def test_in_a_valuation_a_bare_law_is_a_belief() -> None:
    read = reading(money("600k to 2M"), as_belief=True)
    assert isinstance(read.beliefs[0], Lognormal)
    assert read.value((1e6,)) == Constant(1e6)
    assert reading(money("600k"), as_belief=True).beliefs == ()


def test_a_belief_inside_a_law_stays_outside_the_chance() -> None:
    read = reading(money("lognormal(median=belief(pert(300k, 400k, 600k)), p95=2.5M)"))
    assert len(read.beliefs) == 1
    for median in (300_000.0, 450_000.0):
        law = read.value((median,))
        assert float(law.ppf(0.5)) == pytest.approx(median, rel=1e-12)
        assert float(law.ppf(0.95)) == pytest.approx(2.5e6, rel=1e-12)


def test_several_beliefs_inside_a_law_keep_their_order() -> None:
    text = "lognormal(median=belief(uniform(1M, 2M)), p95=belief(uniform(5M, 9M)))"
    read = reading(money(text), price=lambda _unit: 2.0)
    law = read.value((1.5e6, 6e6))
    assert float(law.ppf(0.5)) == pytest.approx(3e6, rel=1e-12)
    assert float(law.ppf(0.95)) == pytest.approx(12e6, rel=1e-12)


def test_beliefs_as_arrays_give_one_law_for_each_entry() -> None:
    read = reading(money("lognormal(median=belief(pert(300k, 400k, 600k)), p95=2.5M)"))
    medians = np.array([300_000.0, 400_000.0, 3e6])  # the last is above the p95: no spread left
    law = read.value((medians,))
    drawn = law.sample(np.random.default_rng(1), 3)
    assert drawn.shape == (3,)
    single = read.value((400_000.0,))
    assert law.mean[1] == pytest.approx(single.mean, rel=1e-14)  # type: ignore[index]
    assert law.mean[2] == pytest.approx(3e6, rel=1e-6)  # type: ignore[index]


def test_a_law_made_impossible_by_its_own_belief_is_refused() -> None:
    with pytest.raises(AssessmentError, match="lognormal needs 0 < median <= p95"):
        reading(money("lognormal(median=belief(uniform(1M, 3M)), p95=2.5M)"))


def test_an_array_inside_an_impossible_corner_is_held_at_the_edge() -> None:
    read = reading(money("pert(belief(normal(100k, 1k)), 110k, 200k)"))
    law = read.value((np.array([100_000.0, 150_000.0]),))
    assert np.all(np.isfinite(law.mean))


def test_shares_of_something_are_laws_of_money() -> None:
    quantity = money("pert(30 %, 70 %, 100 %) of binance")
    law = reading(quantity, worth={"binance": 11.4e6}.__getitem__).value(())
    assert law.support == (pytest.approx(0.3 * 11.4e6), pytest.approx(11.4e6))
    assert law.mean == pytest.approx(11.4e6 * (0.3 + 4 * 0.7 + 1) / 6, rel=1e-12)
    assert point(money("5 % of net_assets"), worth=lambda _id: 182e6) == pytest.approx(9.1e6)


def test_a_believed_share_is_one_belief_in_money() -> None:
    quantity = money("belief(beta(2, 2)) of binance")
    (law,) = reading(quantity, worth=lambda _id: 4e6).beliefs
    assert (law.support, law.mean) == ((0.0, 4e6), 2e6)


def test_a_share_without_a_worth_is_refused() -> None:
    with pytest.raises(AssessmentError, match="nothing says what binance is worth"):
        reading(money("5 % of binance"))


def test_discrete_outcomes() -> None:
    law = reading(money("discrete(0: 50 %, 1M: 25 %, 2M: 25 %)")).value(())
    assert law.mean == 750_000.0
    assert law.second == 0.25e12 + 1e12


def test_discrete_outcomes_with_a_believed_value() -> None:
    read = reading(money("discrete(0: 50 %, belief(1M to 3M): 50 %)"))
    assert read.value((2e6,)).mean == 1e6
    assert read.mean == pytest.approx(read.beliefs[0].mean / 2, rel=1e-10)


def test_a_belief_about_a_law_that_is_a_belief_is_integrated_by_its_quantile() -> None:
    read = reading(money("lognormal(mean=belief(uniform(1M, 3M)), sd=500k)"), as_belief=True)
    assert len(read.beliefs) == 2
    law = Lognormal.from_mean_sd(2e6, 5e5)
    z = stats.norm.ppf(0.9)
    assert read.number((2e6, z)) == pytest.approx(float(law.ppf(0.9)), rel=1e-12)
    assert read.number((np.array([2e6]), np.array([z]))) == pytest.approx([float(law.ppf(0.9))])
    assert read.mean == pytest.approx(2e6, rel=1e-9)


def test_a_law_inside_a_law_is_refused() -> None:
    inside = Call("uniform", (("low", num("1M")), ("high", num("2M"))))
    law = Call("lognormal", (("median", inside), ("p95", num("9M"))))
    with pytest.raises(AssessmentError, match="only a number or belief"):
        reading(Quantity(law, "money", "USD"))


def test_a_chance_is_no_number() -> None:
    with pytest.raises(AssessmentError, match="write belief"):
        reading(money("1M to 2M")).number(())


def test_readings_together_see_their_own_beliefs() -> None:
    chance = reading(parse("belief(beta(2, 8))", "probability"))
    loss = reading(money("lognormal(median=belief(uniform(1M, 2M)), p95=9M)"))

    def combine(laws: Any) -> Any:
        return Sometimes(laws[0].mean, laws[1])

    both = together([chance, loss], combine)
    expected = 0.25 * loss.value((1.5e6,)).mean
    assert both.value((0.25, 1.5e6)).mean == pytest.approx(expected, rel=1e-14)


def test_the_mean_of_a_law_without_one_is_infinite() -> None:
    assert point(money("pareto(1, 10k)")) == math.inf
