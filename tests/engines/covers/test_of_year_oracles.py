# SPDX-License-Identifier: Apache-2.0
"""Terms of the year on whole losses, against sums over the number of events and mixtures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.covers.cover import Cover, Terms, ceded, net
from perilscope.engines.covers.of_year import OfYear
from perilscope.engines.laws.counts import Bernoulli, Poisson
from perilscope.engines.laws.distributions import Discrete, Exponential, Lognormal, Uniform

LEVELS = (0.95, 0.99, 0.999)
N = np.arange(1, 80)
RATE, SIZE = 3.0, 100.0
CHANCES = stats.poisson.pmf(N, RATE)


def line(key: str, counts: Any, loss: Any, **more: Any) -> Compound:
    return Compound(key, lambda *_: (counts, loss), **more)


def reached(x: float) -> float:
    """P(S <= x) for a Poisson number of exponential losses."""
    return math.exp(-RATE) + float(CHANCES @ special.gammainc(N, x / SIZE))


def limited(x: float) -> float:
    """E min(S, x)."""
    below = N * SIZE * special.gammainc(N + 1, x / SIZE)
    return float(CHANCES @ (below + x * special.gammaincc(N, x / SIZE)))


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize(("start", "limit"), [(0.0, 200.0), (150.0, 300.0), (250.0, math.inf)])
def test_one_line_by_a_sum_over_its_number(share: float, start: float, limit: float) -> None:
    register = Register([line("a", Poisson(RATE), Exponential(SIZE))])
    terms = Terms(share=share, annual_deductible=start, annual_limit=limit)
    law, paid = net(register, [Cover(("a",), terms)]), ceded(register, Cover(("a",), terms))
    assert isinstance(law, OfYear)
    a, b = start / share, (start + limit) / share
    mean = RATE * SIZE
    pays = share * ((mean if math.isinf(b) else limited(b)) - limited(a))
    assert paid.pays == pytest.approx(pays, rel=1e-6)
    assert law.mean == pytest.approx(mean - pays, rel=1e-6)
    assert paid.pays_something == pytest.approx(1.0 - reached(a), rel=1e-6)
    if math.isfinite(b):
        assert paid.exhausted == pytest.approx(1.0 - reached(b), rel=1e-4)
    for level in LEVELS:
        s = Register([line("a", Poisson(RATE), Exponential(SIZE))]).law().var(level)
        assert reached(s) == pytest.approx(level, abs=1e-6)
        v = s - min(max(share * s - start, 0.0), limit)
        assert law.var(level) == pytest.approx(v, rel=1e-9)
        # E[what is left; S > s] by quadrature over the tail
        t, w = np.polynomial.legendre.leggauss(400)
        x = s + (4000.0 - s) * (t + 1) / 2
        density = np.array([float(CHANCES @ stats.gamma.pdf(y, N, scale=SIZE)) for y in x])
        left = x - np.minimum(np.maximum(share * x - start, 0.0), limit)
        tail = float((w * density * left).sum()) * (4000.0 - s) / 2
        assert law.cvar(level) == pytest.approx(tail / (1.0 - level), rel=2e-4)
        assert law.error_at(level) < 1e-4


def test_beside_what_is_not_covered() -> None:
    """The other loss is drawn by quadrature: P(h(A) + B <= x) = E P(h(A) <= x - B)."""
    register = Register(
        [line("a", Poisson(RATE), Exponential(SIZE)), line("b", Bernoulli(0.2), Uniform(0, 900))]
    )
    cover = Cover(("a",), Terms(annual_deductible=150.0, annual_limit=300.0))
    law = net(register, [cover])

    def left(x: float) -> float:
        return 0.0 if x < 0 else reached(x if x < 150.0 else x + 300.0)

    t, w = np.polynomial.legendre.leggauss(600)
    for level in LEVELS:
        v = law.var(level)
        inside = float(w @ [left(v - y) for y in 450.0 * (t + 1)]) / 2
        assert 0.8 * left(v) + 0.2 * inside == pytest.approx(level, abs=2e-4)
        assert law.error_at(level) < 2e-3
    assert law.mean == pytest.approx(390.0 - (limited(450.0) - limited(150.0)), rel=1e-6)


def test_lines_that_share_a_belief_under_one_cover() -> None:
    rate = Shared("rate", Discrete((1.0, 4.0), (0.5, 0.5)))

    def both(rates: tuple[float, ...] | None) -> Register:
        def build(theta: Any, years: float) -> Any:
            return Poisson((theta or rates)[0]), Exponential(SIZE)

        beliefs = (rate,) if rates is None else ()
        return Register([Compound(key, build, beliefs=beliefs) for key in ("a", "b")])

    cover = Cover(("a", "b"), Terms(annual_deductible=300.0, annual_limit=400.0))
    law = net(both(None), [cover])
    given = [net(both((r,)), [cover]) for r in (1.0, 4.0)]
    assert law.mean == pytest.approx(sum(x.mean for x in given) / 2, rel=1e-5)
    for x in (50.0, 250.0, 500.0, 1500.0):
        known = sum(g.exceed(x) for g in given) / 2
        assert law.exceed(x) == pytest.approx(known, abs=1e-5)
    one = [Cover(("a",), Terms(annual_limit=400.0))]
    law, given = net(both(None), one), [net(both((r,)), one) for r in (1.0, 4.0)]
    for x in (50.0, 250.0, 500.0, 1500.0):
        known = sum(g.exceed(x) for g in given) / 2
        assert law.exceed(x) == pytest.approx(known, abs=2e-5)


def test_a_capped_holding_under_terms_of_the_year() -> None:
    lines = [line("a", Poisson(RATE), Exponential(SIZE), group="wallet")]
    register = Register(lines, caps={"wallet": 500.0})
    cover = Cover(("a",), Terms(annual_deductible=150.0, annual_limit=200.0))
    law = net(register, [cover])
    assert law.var(0.999) == pytest.approx(300.0, rel=1e-6)  # 500, of which 200 are paid
    assert law.mean == pytest.approx(limited(500.0) - (limited(350.0) - limited(150.0)), rel=1e-4)
    nothing = net(register, [Cover(("a",), Terms(deductible=500.0))])  # no event costs more
    assert nothing.mean == pytest.approx(limited(500.0), rel=1e-4)
    assert nothing.var(0.999) == pytest.approx(500.0, rel=1e-4)


def test_over_many_orders_of_magnitude() -> None:
    p, loss = 0.3, Lognormal(10.0, 6.3)
    register = Register([line("a", Bernoulli(p), loss)])
    law = net(register, [Cover(("a",), Terms(annual_deductible=1e6, annual_limit=5e6))])
    for level in LEVELS:
        s = math.exp(10.0 + 6.3 * float(stats.norm.ppf(1.0 - (1.0 - level) / p)))
        v = s - min(max(s - 1e6, 0.0), 5e6)
        assert law.var(level) == pytest.approx(v, rel=1e-4)
        assert abs(law.var(level) / v - 1.0) <= law.error_at(level)


def test_a_holding_that_no_cover_pays_for_keeps_its_cap_under_a_shared_factor() -> None:
    scale = Shared("year", Discrete((0.5, 2.0), (0.6, 0.4)))

    def two(factor: float | None) -> Register:
        def lines(key: str, rate: float, **more: Any) -> Compound:
            def build(theta: Any, years: float) -> Any:
                size = SIZE * (theta[0] if factor is None else factor)
                return Poisson(rate * years), Exponential(size)

            return Compound(key, build, (scale,) if factor is None else (), **more)

        return Register([lines("a", 2.0), lines("b", 3.0, group="wallet")], caps={"wallet": 200.0})

    cover = [Cover(("a",), Terms(annual_deductible=50.0, annual_limit=300.0))]
    law, given = net(two(None), cover), [(0.6, net(two(0.5), cover)), (0.4, net(two(2.0), cover))]
    assert law.mean == pytest.approx(math.fsum(w * each.mean for w, each in given), rel=1e-5)
    for x in (100.0, 330.0, 740.0, 1300.0):
        known = math.fsum(w * each.exceed(x) for w, each in given)
        assert law.exceed(x) == pytest.approx(known, abs=1e-4)
