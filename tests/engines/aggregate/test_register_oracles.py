# SPDX-License-Identifier: Apache-2.0
"""The exact engine against recursion, plain convolution, closed forms and published figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Bernoulli, Binomial, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
)

from ...reference import case
from ..lines import fixed

# --- the two lines that every engine must get right


def test_two_lines_of_constant_losses() -> None:
    law = Register(
        [
            fixed("exploit", Poisson(0.2), Constant(1_000_000.0)),
            fixed("phishing", Poisson(0.5), Constant(500_000.0)),
        ]
    ).law()
    assert law.mean == 450_000.0
    assert math.isclose(law.sd, math.sqrt(0.2 * 1e12 + 0.5 * 0.25e12), rel_tol=1e-12)
    pairs = zip(law.mass, law.grid.places, strict=True)
    own = math.sqrt(sum(m * (x - 450_000.0) ** 2 for m, x in pairs))
    assert math.isclose(own, law.sd, rel_tol=1e-12)
    assert math.isclose(law.none, math.exp(-0.7), rel_tol=1e-14)
    points = {a: law.var(a) for a in (0.49, 0.5, 0.75, 0.95, 0.99, 0.999)}
    assert points == brute_quantiles(points)
    assert round(law.exceed(999_999.99), 4) == 0.2551
    assert law.method == "exact, lattice"


def brute_quantiles(levels: Any) -> dict[float, float]:
    mass: dict[int, float] = {}
    for i in range(40):
        for j in range(60):
            p = math.exp(-0.7) * 0.2**i / math.factorial(i) * 0.5**j / math.factorial(j)
            mass[2 * i + j] = mass.get(2 * i + j, 0.0) + p
    found = {}
    for level in levels:
        total, k = 0.0, -1
        while total < level:
            k += 1
            total += mass.get(k, 0.0)
        found[level] = k * 500_000.0
    return found


# --- Panjer's recursion (Panjer 1981), written out


def panjer(law: Any, severity: Sequence[float], size: int) -> list[float]:
    match law:
        case Poisson():
            a, b = 0.0, law.mean
        case Binomial():
            a, b = -law.p / (1 - law.p), (law.n + 1) * law.p / (1 - law.p)
        case _:
            beta = law.mean / law.size
            a, b = beta / (1 + beta), (law.size - 1) * beta / (1 + beta)
    f = list(severity) + [0.0] * size
    g = [float(law.pgf(f[0]))]
    for s in range(1, size):
        total = math.fsum((a + b * j / s) * f[j] * g[s - j] for j in range(1, s + 1))
        g.append(total / (1 - a * f[0]))
    return g


@pytest.mark.parametrize("counts", [Poisson(3.0), Binomial(7, 0.3), NegativeBinomial(1.7, 2.5)])
def test_recursion_on_a_lattice(counts: Any) -> None:
    severity = [0.1, 0.3, 0.0, 0.35, 0.25]
    loss = Discrete(tuple(250.0 * k for k in range(5)), tuple(severity))
    law = Register([fixed("a", counts, loss)]).law()
    expected = panjer(counts, severity, 60)
    assert law.step == 250.0
    for k in range(60):
        assert law.mass[k] == pytest.approx(expected[k], abs=1e-13)
    assert law.none == pytest.approx(expected[0], rel=1e-13)
    over = 1.0 - sum(expected[:20])
    assert law.exceed(19 * 250.0) == pytest.approx(over, abs=1e-12)
    stop = law.mean - sum(min(k, 20) * 250.0 * p for k, p in enumerate(expected))
    stop -= 20 * 250.0 * (1.0 - sum(expected))
    assert law.mean - law.limited(5000.0) == pytest.approx(stop, rel=1e-9)


def test_plain_convolution_of_lines() -> None:
    a, b = [0.5, 0.2, 0.3], [0.6, 0.0, 0.0, 0.4]
    lines = [
        fixed("a", Bernoulli(1.0), Discrete((0.0, 100.0, 200.0), tuple(a))),
        fixed("b", Bernoulli(1.0), Discrete((0.0, 300.0), (0.6, 0.4))),
    ]
    law = Register(lines).law()
    for k in range(6):
        expected = sum(a[i] * b[k - i] for i in range(3) if 0 <= k - i < 4)
        assert law.mass[k] == pytest.approx(expected, abs=1e-14)


# --- closed forms


@pytest.mark.parametrize("name", ["CPEXP-0.7", "CPEXP-5", "CPEXP-50"])
def test_poisson_of_exponential(name: str) -> None:
    entry = case(name)
    law = Register([fixed("a", Poisson(entry["inputs"]["lam"]), Exponential(1.0))]).law()
    for x, p in entry["expected"]["cdf"].items():
        assert 1.0 - law.exceed(float(x)) == pytest.approx(p, abs=2e-7, rel=1e-6)
    for level, x in entry["expected"]["quantiles"].items():
        if float(level) < 0.9999:
            assert law.var(float(level)) == pytest.approx(x, rel=1e-6)


def test_poisson_of_lognormal() -> None:
    expected = case("CPLN-5-10.5-1.2")["expected"]
    law = Register([fixed("a", Poisson(5.0), Lognormal(10.5, 1.2))]).law()
    assert law.mean == pytest.approx(expected["mean"], rel=1e-13)
    assert law.sd == pytest.approx(expected["sd"], rel=1e-13)
    for name, level in (("VaR95", 0.95), ("VaR99", 0.99), ("VaR995", 0.995), ("VaR999", 0.999)):
        assert law.var(level) == pytest.approx(expected[name], rel=1e-5)


@pytest.mark.parametrize(
    "name",
    ["HUB-100000-1000000", "HUB-200000-2500000", "HUB-50000-5000000", "HUB-1000000-20000000"],
)
def test_one_certain_event_from_an_interval(name: str) -> None:
    entry = case(name)
    loss = Lognormal.from_quantiles(*entry["inputs"]["ci90"])
    law = Register([fixed("a", Bernoulli(1.0), loss)]).law()
    assert law.mean == pytest.approx(entry["expected"]["mean_exact"], rel=1e-9)
    assert law.var(0.99) == pytest.approx(entry["expected"]["q99"], rel=1e-5)
    assert law.var(0.5) == pytest.approx(entry["expected"]["median"], rel=1e-4)


def test_learned_rate_as_a_belief() -> None:
    entry = case("GP-01")["expected"]
    rate = Gamma(entry["post_shape"], 1.0 / entry["post_rate"])
    line = Compound("a", lambda theta, t: (Poisson(theta[0] * t), Constant(1.0)), beliefs=(rate,))
    law = Register([line]).law()
    assert law.mean == pytest.approx(entry["post_mean"], rel=1e-12)
    assert law.none == pytest.approx(entry["pred_P0_1yr"], rel=1e-9)


def test_a_gamma_belief_gives_the_negative_binomial_law() -> None:
    loss = Lognormal(12.0, 1.0)
    unsure = Compound("a", lambda th, t: (Poisson(th[0] * t), loss), beliefs=(Gamma(2.0, 0.5),))
    known = fixed("a", NegativeBinomial(2.0, 1.0), loss)
    one, other = Register([unsure]).law(), Register([known]).law()
    for level in (0.95, 0.99, 0.999):
        assert one.var(level) == pytest.approx(other.var(level), rel=1e-5)
        assert one.cvar(level) == pytest.approx(other.cvar(level), rel=1e-5)


# --- registers with published figures


def register_of(entry: dict[str, Any], spread: bool = False) -> list[Compound]:
    lines = []
    for row in entry["inputs"]["register"]:
        (kind, rate), (shape, *numbers) = row["freq"], row["sev"]
        loss = Lognormal.from_quantiles(*numbers) if shape == "lognormal90" else Beta.pert(*numbers)
        top = 3.0 * rate if kind == "poisson" else min(3.0 * rate, 1.0)
        belief = Beta.pert(0.3 * rate, rate, top) if spread else Constant(rate)
        law = Poisson if kind == "poisson" else Bernoulli
        lines.append(
            Compound(
                row["name"], lambda th, _, law=law, loss=loss: (law(th[0]), loss), beliefs=(belief,)
            )
        )
    return lines


@pytest.mark.parametrize("name", ["TRUTH-SEED_DIST", "TRUTH-REG20"])
def test_registers_with_converged_figures(name: str) -> None:
    entry = case(name)
    expected = entry["expected"]
    register = Register(register_of(entry))
    law = register.law()
    assert law.mean == pytest.approx(expected["mean"], rel=1e-12)
    assert law.sd == pytest.approx(expected["sd"], rel=1e-12)
    for level, label in ((0.95, "95"), (0.99, "99"), (0.999, "999")):
        assert law.var(level) == pytest.approx(expected[f"VaR{label}"], rel=1e-5)
        assert law.cvar(level) == pytest.approx(expected[f"TVaR{label}"], rel=1e-5)
        gaps = (
            law.var(level) / expected[f"VaR{label}"],
            law.cvar(level) / expected[f"TVaR{label}"],
        )
        # what is shown is three times the difference of two grids, so it covers and is loose
        assert max(abs(gap - 1.0) for gap in gaps) <= law.error[level] < 3e-4
        parts = register.contributions(level)
        assert math.isclose(math.fsum(parts.values()), law.cvar(level), rel_tol=1e-9)
    for x, p in expected["P_gt"].items():
        if p > 1e-4:
            assert law.exceed(float(x)) == pytest.approx(p, rel=2e-4)


def test_a_register_whose_rates_are_beliefs() -> None:
    truth, expected = case("TRUTH-REG20"), case("EPI-01")["expected"]
    law = Register(register_of(truth, spread=True)).law()
    for level, label in ((0.95, "VaR95"), (0.99, "VaR99"), (0.999, "VaR999")):
        assert law.var(level) == pytest.approx(expected[label], rel=1e-5)


def test_a_cap_beyond_the_grid_takes_nothing_from_the_mean() -> None:
    """Of Poisson(0.25) x Exponential(1000) hardly anything lies above 43,988."""
    loss = Exponential(1000.0)
    line = Compound("a", lambda _t, years: (Poisson(0.25 * years), loss), group="wallet")
    capped = Register([line], caps={"wallet": 43_988.0}).law()
    free = Register([Compound("a", lambda _t, years: (Poisson(0.25 * years), loss))]).law()
    assert capped.mean == pytest.approx(250.0, rel=1e-12)
    assert capped.sd == pytest.approx(math.sqrt(0.25 * 2.0) * 1000.0, rel=1e-9)
    assert capped.cvar(0.999) == pytest.approx(free.cvar(0.999), rel=1e-5)
