# SPDX-License-Identifier: Apache-2.0
"""Simulation against closed forms and reference cases, within four standard errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Bernoulli, Binomial, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Uniform,
)
from perilscope.engines.simulation.draws import Draws
from perilscope.engines.simulation.simulation import simulate

from ...reference import case

DRAWS = 400_000


def compound(key: str, counts: Any, loss: Any, **more: Any) -> Compound:
    return Compound(key, lambda theta, years: (counts, loss), **more)


def assert_mean(draws: np.ndarray, wanted: float) -> None:
    """Within four standard errors: once in some 16,000 times it is not."""
    error = draws.std(ddof=1) / math.sqrt(len(draws))
    assert abs(draws.mean() - wanted) <= 4 * error, (draws.mean(), wanted, error)


def assert_chance(hits: float, wanted: float, n: int) -> None:
    error = math.sqrt(max(wanted * (1 - wanted), 1 / n) / n)
    assert abs(hits - wanted) <= 4 * error, (hits, wanted, error)


@pytest.mark.parametrize(
    ("counts", "loss"),
    [
        (Poisson(0.5), Lognormal(2, 0.8)),
        (Bernoulli(0.03), Beta.pert(1, 3, 9)),
        (Binomial(12, 0.2), Exponential(4)),
        (NegativeBinomial(0.7, 2.5), Gamma(2, 3)),
        (Poisson(1.2).given_some(), Uniform(1, 5)),
        (Binomial(4, 0.1).given_some(), Constant(2.0)),
    ],
)
def test_mean_spread_and_chance_of_no_loss(counts, loss):
    drawn = simulate([compound("a", counts, loss)], draws=DRAWS, seed=11)
    assert_mean(drawn.total, counts.mean * loss.mean)
    variance = counts.mean * loss.variance + counts.variance * loss.mean**2
    assert_mean((drawn.total - counts.mean * loss.mean) ** 2, variance)
    assert_chance(drawn.none, counts.zero, DRAWS)


def test_a_gamma_belief_about_a_rate_makes_a_negative_binomial():
    line = Compound(
        "a", lambda theta, years: (Poisson(theta[0] * years), Constant(1.0)), (Gamma(1.5, 0.8),), 2
    )
    drawn = simulate([line], draws=DRAWS, seed=12)
    law = stats.nbinom(1.5, 1 / (1 + 0.8 * 2))
    for k in range(6):
        assert_chance(float(np.mean(drawn.total == k)), float(law.pmf(k)), DRAWS)


def test_a_belief_about_a_probability_and_a_size():
    line = Compound(
        "a",
        lambda theta, years: (Bernoulli(theta[0]), Exponential(10.0 * theta[1])),
        (Beta(2, 48), Uniform(1, 3)),
    )
    drawn = simulate([line], draws=DRAWS, seed=13)
    assert_mean(drawn.total, 0.04 * 20)
    assert_chance(drawn.none, 0.96, DRAWS)
    # P(L > 25) = 0.04 E exp(-2.5 / m), m uniform on (1, 3)
    m = np.linspace(1, 3, 20_001)
    wanted = 0.04 * float(np.trapezoid(np.exp(-2.5 / m), m)) / 2
    assert_chance(float(drawn.exceed(25.0)), wanted, DRAWS)


def test_a_control_with_uncertain_efficacy():
    keep = Beta(3, 5)
    line = compound("a", Poisson(2.0), Constant(1.0), keep=keep, scale=Constant(2.0))
    drawn = simulate([line], draws=DRAWS, seed=14)
    assert_mean(drawn.total, 2 * 2 * keep.mean)
    u = (np.arange(20_000) + 0.5) / 20_000
    assert_chance(drawn.none, float(np.mean(np.exp(-2 * keep.ppf(u)))), DRAWS)


def test_a_cap_in_each_of_several_years():
    line = Compound(
        "a",
        lambda theta, years: (Poisson(1.5 * years), Constant(1.0)),
        years=2.5,
        group="g",
    )
    drawn = simulate([line], caps={"g": 2.0}, draws=DRAWS, seed=15)

    def capped(rate: float) -> float:
        return rate_mean(np.minimum(np.arange(60), 2), rate)

    def rate_mean(values: np.ndarray, rate: float) -> float:
        return float(np.sum(values * stats.poisson(rate).pmf(np.arange(60))))

    assert_mean(drawn.total, 2 * capped(1.5) + capped(0.75))


def test_a_driven_line_over_years_has_its_events_in_some_of_them():
    line = Compound(
        "a",
        lambda theta, years: (Poisson(0.4 * years), Constant(1.0)),
        years=3.0,
        group="g",
    )
    states = ((0.35, {"a": True}), (0.65, {"a": False}))
    drawn = simulate([line], [states], caps={"g": 1e9}, draws=DRAWS, seed=16)
    assert_chance(drawn.none, 0.65, DRAWS)
    law = stats.poisson(1.2)
    for k in range(1, 6):
        wanted = 0.35 * float(law.pmf(k)) / (1 - math.exp(-1.2))
        assert_chance(float(np.mean(drawn.total == k)), wanted, DRAWS)


def test_a_driven_line_with_a_belief():
    line = Compound(
        "a", lambda theta, years: (Poisson(theta[0]), Constant(1.0)), (Uniform(0.5, 2),)
    )
    states = ((0.2, {"a": True}), (0.8, {"a": False}))
    drawn = simulate([line], [states], draws=DRAWS, seed=17)
    rate = np.linspace(0.5, 2, 20_001)
    wanted = float(np.trapezoid(rate / -np.expm1(-rate), rate)) / 1.5
    assert_mean(drawn.total, 0.2 * wanted)


def test_standard_errors_are_those_of_the_law():
    # exponential losses of certain events: quantile and tail mean have known errors
    n = 200_000
    drawn = simulate([compound("a", Bernoulli(1.0), Exponential(1.0))], draws=n, seed=18)
    for a in (0.9, 0.99):
        assert drawn.var_error(a) == pytest.approx(math.sqrt(a / (1 - a) / n), rel=0.15)
        # Var (X - v)+ = 2(1-a) - (1-a)^2
        wanted = math.sqrt((2 * (1 - a) - (1 - a) ** 2) / n) / (1 - a)
        assert drawn.cvar_error(a) == pytest.approx(wanted, rel=0.15)
        assert abs(drawn.var(a) + math.log(1 - a)) < 4 * drawn.var_error(a)
        assert abs(drawn.cvar(a) + math.log(1 - a) - 1) < 4 * drawn.cvar_error(a)


def from_reference(rows: list[Any]) -> list[Compound]:
    counts = {"poisson": Poisson, "bernoulli": Bernoulli}
    losses = {"lognormal90": Lognormal.from_quantiles, "pert": Beta.pert}
    lines = []
    for row in rows:
        (count, rate), (law, *arguments) = row["freq"], row["sev"]
        lines.append(compound(row["name"], counts[count](rate), losses[law](*arguments)))
    return lines


def assert_reference(drawn: Draws, wanted: dict[str, Any]) -> None:
    assert_mean(drawn.total, wanted["mean"])
    assert_mean((drawn.total - wanted["mean"]) ** 2, wanted["sd"] ** 2)
    for x, p in wanted["P_gt"].items():
        assert_chance(float(drawn.exceed(float(x))), p, drawn.count)
    for name, level in (("95", 0.95), ("99", 0.99), ("999", 0.999)):
        # the quantile is right when the share above it is
        assert_chance(float(drawn.exceed(wanted["VaR" + name])), 1 - level, drawn.count)
        assert abs(drawn.var(level) - wanted["VaR" + name]) < 4.5 * drawn.var_error(level)
        assert abs(drawn.cvar(level) - wanted["TVaR" + name]) < 4.5 * drawn.cvar_error(level)


@pytest.mark.acceptance
@pytest.mark.parametrize("identity", ["TRUTH-SEED_DIST", "TRUTH-REG20"])
def test_reference_registers(identity):
    known = case(identity)
    lines = from_reference(known["inputs"]["register"])
    assert_reference(simulate(lines, draws=1_000_000, seed=1), known["expected"])


@pytest.mark.acceptance
@pytest.mark.parametrize("identity", ["CPEXP-0.7", "CPEXP-5", "CPEXP-50"])
def test_reference_compound_exponential(identity):
    known = case(identity)
    line = compound("a", Poisson(known["inputs"]["lam"]), Exponential(known["inputs"]["mean"]))
    drawn = simulate([line], draws=DRAWS, seed=19)
    for x, p in known["expected"]["cdf"].items():
        assert_chance(1 - float(drawn.exceed(float(x))), p, DRAWS)
    for level, x in known["expected"]["quantiles"].items():
        assert_chance(float(drawn.exceed(x)), 1 - float(level), DRAWS)


@pytest.mark.acceptance
def test_reference_compound_lognormal():
    known = case("CPLN-5-10.5-1.2")
    given, wanted = known["inputs"], known["expected"]
    line = compound("a", Poisson(given["lam"]), Lognormal(given["mu"], given["sigma"]))
    drawn = simulate([line], draws=DRAWS, seed=20)
    assert_mean(drawn.total, wanted["mean"])
    for name, level in (("95", 0.95), ("99", 0.99), ("995", 0.995), ("999", 0.999)):
        assert_chance(float(drawn.exceed(wanted["VaR" + name])), 1 - level, DRAWS)


@pytest.mark.acceptance
def test_reference_loss_models_exercise():
    known = case("LM-9.57")
    values = [float(k) for k in known["inputs"]["fx"]]
    loss = Discrete(values, list(known["inputs"]["fx"].values()))
    drawn = simulate([compound("a", Poisson(known["inputs"]["lam"]), loss)], draws=DRAWS, seed=21)
    assert_chance(1 - float(drawn.exceed(3.0)), known["expected"]["P_le_3"], DRAWS)
