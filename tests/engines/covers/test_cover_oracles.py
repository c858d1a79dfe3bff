# SPDX-License-Identifier: Apache-2.0
"""Covers against enumeration, closed forms and a plain simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import poisson

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.covers.cover import Ceded, Cover, Terms, ceded, net
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Constant, Discrete, Exponential, Gamma, Lognormal
from perilscope.errors import AssessmentError, InexactError, MisuseError


@dataclass(frozen=True)
class Covered:
    """A cover by itself: what it pays, and the law net of it."""

    paid: Ceded
    net: LossLaw

    @property
    def pays(self) -> float:
        return self.paid.pays

    @property
    def pays_something(self) -> float:
        return self.paid.pays_something

    @property
    def exhausted(self) -> float:
        return self.paid.exhausted


def covered(register: Register, keys: list[str], terms: Terms) -> Covered:
    cover = Cover(tuple(keys), terms)
    return Covered(ceded(register, cover), net(register, [cover]))


def line(key: str, rate: float, law: object) -> Compound:
    return Compound(key, lambda _t, years: (Poisson(rate * years), law))  # type: ignore[arg-type,return-value]


def theft_and_error() -> Register:
    return Register(
        [
            line("theft", 0.4, Lognormal(13.0, 1.0)),
            line("error", 2.0, Lognormal(10.5, 0.9)),
            line("other", 0.5, Lognormal(11.5, 1.0)),
        ]
    )


def test_terms_of_the_year_on_events_of_one_size_by_enumeration() -> None:
    """Net of n events of 100: 100 n - min((90 n - 60)+, 250)."""
    register = Register([line("a", 1.3, Constant(100.0))])
    found = covered(register, ["a"], Terms(share=0.9, annual_deductible=60.0, annual_limit=250.0))
    n = np.arange(60)
    chance = np.array([math.exp(-1.3) * 1.3**k / math.factorial(k) for k in n])
    paid = np.minimum(np.maximum(90.0 * n - 60.0, 0.0), 250.0)
    assert found.pays == pytest.approx(float((chance * paid).sum()), rel=1e-9)
    assert found.pays_something == pytest.approx(1 - chance[0], rel=1e-9)
    assert found.exhausted == pytest.approx(float(chance[paid >= 250.0].sum()), rel=1e-6)
    net, level = 100.0 * n - paid, 0.95
    order = np.argsort(net, kind="stable")
    reached = np.cumsum(chance[order])
    var = net[order][np.searchsorted(reached, level)]
    tail = float((chance * np.maximum(net - var, 0.0)).sum()) / (1 - level)
    assert found.net.mean == pytest.approx(130.0 - found.pays, rel=1e-12)
    assert found.net.var(level) == pytest.approx(var, rel=1e-12)
    assert found.net.cvar(level) == pytest.approx(var + tail, rel=1e-9)


def test_terms_per_event_in_closed_form() -> None:
    """Of exponential losses what lies above d, and in a layer, is known."""
    register = Register([line("a", 1.5, Exponential(1000.0))])
    found = covered(register, ["a"], Terms(deductible=500.0, limit=2000.0, share=0.8))
    paid = 0.8 * 1000.0 * (math.exp(-0.5) - math.exp(-2.5)) * 1.5
    assert found.pays == pytest.approx(paid, rel=1e-9)
    assert found.net.mean == pytest.approx(1500.0 - paid, rel=1e-9)
    assert found.pays_something == pytest.approx(1 - math.exp(-1.5 * math.exp(-0.5)), rel=1e-9)


TERMS = Terms(deductible=50e3, limit=1.5e6, share=0.9, annual_deductible=200e3, annual_limit=1.2e6)


def test_both_kinds_of_terms_over_two_lines_against_a_simulation() -> None:
    register = theft_and_error()
    found = covered(register, ["theft", "error"], TERMS)
    rng, n = np.random.default_rng(6), 400_000
    gross, ceded = np.zeros(n), np.zeros(n)
    for rate, mu, sigma, paid in ((0.4, 13.0, 1.0, 1), (2.0, 10.5, 0.9, 1), (0.5, 11.5, 1.0, 0)):
        counts = rng.poisson(rate, n)
        x = rng.lognormal(mu, sigma, int(counts.sum()))
        year = np.repeat(np.arange(n), counts)
        gross += np.bincount(year, x, n)
        if paid:
            ceded += np.bincount(year, 0.9 * np.clip(x - 50e3, 0.0, 1.5e6), n)
    received = np.clip(ceded - 200e3, 0.0, 1.2e6)
    net = gross - received
    assert abs(received.mean() - found.pays) < 4.5 * received.std() / math.sqrt(n)
    assert abs(net.mean() - found.net.mean) < 4.5 * net.std() / math.sqrt(n)
    for level in (0.9, 0.95, 0.99, 0.999):
        v = found.net.var(level)
        hits, p = int(np.count_nonzero(net > v)), 1 - level
        assert abs(hits - n * p) < 4.5 * math.sqrt(n * p * (1 - p)), level
    some = int(np.count_nonzero(received > 0.0))
    p = found.pays_something
    assert abs(some - n * p) < 4.5 * math.sqrt(n * p * (1 - p))
    worn = int(np.count_nonzero(received >= 1.2e6))
    p = found.exhausted
    assert abs(worn - n * p) < 4.5 * math.sqrt(n * p * (1 - p))
    assert max(found.net.error.values()) < 0.02


def test_the_two_routes_agree_where_no_term_of_the_year_binds() -> None:
    """A limit of the year that is never reached is none: 1-D and 2-D give the same law."""
    register = theft_and_error()
    plain = Terms(deductible=50e3, limit=1.5e6, share=0.9)
    wide = Terms(deductible=50e3, limit=1.5e6, share=0.9, annual_limit=1e12)
    one, two = (covered(register, ["theft", "error"], t) for t in (plain, wide))
    assert two.pays == pytest.approx(one.pays, rel=1e-6)
    for level in (0.95, 0.99):
        assert two.net.cvar(level) == pytest.approx(one.net.cvar(level), rel=2e-3)
        gap = abs(two.net.cvar(level) / one.net.cvar(level) - 1)
        assert gap <= two.net.error[level] + one.net.error[level]


def test_a_cover_of_nothing_changes_nothing_and_one_of_all_leaves_nothing() -> None:
    register = theft_and_error()
    nothing = covered(register, ["theft"], Terms(share=0.0))
    assert nothing.pays == pytest.approx(0.0, abs=1e-9)
    assert nothing.net.cvar(0.99) == pytest.approx(register.law().cvar(0.99), rel=1e-6)
    everything = covered(Register([line("a", 1.0, Lognormal(10.0, 1.0))]), ["a"], Terms())
    assert everything.net.mean == pytest.approx(0.0, abs=1e-6)
    assert everything.net.var(0.99) == pytest.approx(0.0, abs=1e-6)


def test_more_limit_never_leaves_more_loss() -> None:
    register = theft_and_error()
    means = [
        covered(register, ["theft"], Terms(deductible=1e5, annual_limit=limit)).net.mean
        for limit in (1e5, 5e5, 2e6, math.inf)
    ]
    assert means == sorted(means, reverse=True)


def test_what_cannot_be_computed_is_refused() -> None:
    tied = Register([line("a", 1.0, Constant(1.0))], caps={})
    capped = Register(
        [Compound("a", lambda _t, y: (Poisson(y), Constant(5.0)), group="wallet")],
        caps={"wallet": 9.0},
    )
    with pytest.raises(InexactError, match="capped by a holding"):
        net(capped, [Cover(("a",), Terms(limit=2.0, annual_limit=3.0))])
    once = Compound("a", lambda _t, y: (Binomial(1, 1 - 0.5**y), Constant(5.0)), years=2.0)
    with pytest.raises(AssessmentError, match="which year"):
        covered(Register([once]), ["a"], Terms(annual_limit=5.0))
    held = replace(once, build=lambda _t, y: (Poisson(y), Constant(5.0)))
    driven = Register([held], mixtures=[((0.5, {"a": True}), (0.5, {"a": False}))])
    with pytest.raises(AssessmentError, match="which year"):
        covered(driven, ["a"], Terms(annual_limit=5.0))
    with pytest.raises(MisuseError, match="there is no line"):
        covered(tied, ["zz"], Terms())
    with pytest.raises(MisuseError, match="not be negative"):
        Terms(deductible=-1.0)


def test_two_covers_together_by_enumeration() -> None:
    """n events of 100 and m of 70 under terms of the year, k of 40 paid each by half."""
    register = Register(
        [
            line("a", 1.3, Constant(100.0)),
            line("b", 0.8, Constant(70.0)),
            line("c", 0.6, Constant(40.0)),
        ]
    )
    covers = [
        Cover(("a",), Terms(annual_limit=250.0)),
        Cover(("b",), Terms(deductible=20.0, annual_deductible=50.0)),
        Cover(("c",), Terms(share=0.5)),
    ]
    law = net(register, covers)
    chance = {
        k: [math.exp(-r) * r**n / math.factorial(n) for n in range(30)]
        for k, r in (("a", 1.3), ("b", 0.8), ("c", 0.6))
    }
    found: dict[float, float] = {}
    for n, p in enumerate(chance["a"]):
        left = 100.0 * n - min(100.0 * n, 250.0)
        for m, q in enumerate(chance["b"]):
            kept = 70.0 * m - max(50.0 * m - 50.0, 0.0)
            for k, r in enumerate(chance["c"]):
                total = left + kept + 20.0 * k
                found[total] = found.get(total, 0.0) + p * q * r
    mean = math.fsum(x * p for x, p in found.items())
    assert law.mean == pytest.approx(mean, rel=1e-9)
    assert math.fsum(ceded(register, cover).pays for cover in covers) == pytest.approx(
        130.0 + 56.0 + 24.0 - mean, rel=1e-9
    )
    order = sorted(found)
    reached = np.cumsum([found[x] for x in order])
    for level in (0.9, 0.99, 0.999):
        var = order[int(np.searchsorted(reached, level))]
        tail = math.fsum(p * max(x - var, 0.0) for x, p in found.items()) / (1 - level)
        assert law.var(level) == pytest.approx(var, abs=1e-6)
        assert law.cvar(level) == pytest.approx(var + tail, rel=1e-8)


def test_covers_of_different_lines_against_a_simulation() -> None:
    register = theft_and_error()
    theft = Terms(deductible=100e3, limit=1e6, annual_limit=1.5e6)
    error = Terms(share=0.8, annual_deductible=50e3)
    law = net(register, [Cover(("theft",), theft), Cover(("error",), error)])
    rng, n = np.random.default_rng(11), 400_000
    total = np.zeros(n)
    for rate, mu, sigma, terms in (
        (0.4, 13.0, 1.0, theft),
        (2.0, 10.5, 0.9, error),
        (0.5, 11.5, 1.0, None),
    ):
        counts = rng.poisson(rate, n)
        x = rng.lognormal(mu, sigma, int(counts.sum()))
        year = np.repeat(np.arange(n), counts)
        total += np.bincount(year, x, n)
        if terms is not None:
            each = terms.share * np.minimum(np.maximum(x - terms.deductible, 0.0), terms.limit)
            total -= terms.of_year(np.bincount(year, each, n))
    assert abs(total.mean() - law.mean) < 4.5 * total.std() / math.sqrt(n)
    for level in (0.9, 0.99, 0.999):
        hits, p = int(np.count_nonzero(total > law.var(level))), 1 - level
        assert abs(hits - n * p) < 4.5 * math.sqrt(n * p * (1 - p)), level


def test_two_covers_of_one_line_are_refused() -> None:
    with pytest.raises(AssessmentError, match="two covers pay for theft"):
        net(theft_and_error(), [Cover(("theft",), Terms()), Cover(("theft", "error"), Terms())])


def test_one_event_under_both_kinds_of_terms_in_closed_form() -> None:
    """Of one event at most what is left rises with the loss, so quantiles are known."""
    chance, mean = 0.3, 1000.0
    terms = Terms(500.0, 2000.0, 0.8, annual_deductible=300.0, annual_limit=900.0)
    one = Compound("a", lambda _t, _y: (Binomial(1, chance), Exponential(mean)))
    law = net(Register([one]), [Cover(("a",), terms)])

    def left(x: float) -> float:
        return x - float(terms.of_year(np.array([terms.of_event(x)]))[0])

    for level in (0.9, 0.95, 0.99, 0.999):
        x = mean * math.log(chance / (1 - level))
        assert abs(law.var(level) / left(x) - 1) < min(law.error_at(level), 1e-4)
        beyond = quad(lambda u: left(mean * math.log(chance / u)), 0.0, 1 - level, epsrel=1e-9)[0]
        assert law.cvar(level) == pytest.approx(beyond / (1 - level), rel=2e-5)


@pytest.mark.parametrize("shares", ["driver", "belief"])
def test_both_kinds_of_terms_where_lines_depend_on_one_another_by_enumeration(shares: str) -> None:
    """Losses of 100 and 70 under one cover and 40 beside it, all moved by one cause."""
    terms = Terms(20.0, 60.0, 0.5, annual_deductible=20.0, annual_limit=50.0)
    rates = {"a": (100.0, 1.3), "b": (70.0, 0.8), "c": (40.0, 0.6)}
    if shares == "driver":
        mixtures = [((0.3, dict.fromkeys("abc", True)), (0.7, dict.fromkeys("abc", False)))]
        lines = [line(key, rate, Constant(x)) for key, (x, rate) in rates.items()]
        register = Register(lines, mixtures=mixtures)  # type: ignore[arg-type]
        states = [(0.7, 0.0, False), (0.3, 1.0, True)]
    else:
        factor = Shared("factor", Discrete((0.5, 2.0), (0.6, 0.4)))
        register = Register(
            [
                Compound(
                    key,
                    lambda t, y, x=x, rate=rate: (Poisson(rate * t[0] * y), Constant(x)),  # type: ignore[misc]
                    beliefs=(factor,),
                )
                for key, (x, rate) in rates.items()
            ]
        )
        states = [(0.6, 0.5, False), (0.4, 2.0, False)]
    found: dict[float, float] = {}
    for weight, times, some in states:
        chance = {k: poisson.pmf(np.arange(40), r * times) for k, (_, r) in rates.items()}
        if some:
            chance = {k: np.append(0.0, p[1:]) / (1 - p[0]) for k, p in chance.items()}
        for n in range(16):
            for m in range(14):
                each = n * terms.of_event(100.0) + m * terms.of_event(70.0)
                kept = 100.0 * n + 70.0 * m - float(terms.of_year(np.array([each]))[0])
                for k in range(12):
                    p = weight * chance["a"][n] * chance["b"][m] * chance["c"][k]
                    found[kept + 40.0 * k] = found.get(kept + 40.0 * k, 0.0) + p
    law = net(register, [Cover(("a", "b"), terms)])
    assert law.mean == pytest.approx(math.fsum(x * p for x, p in found.items()), rel=1e-7)
    order = sorted(found)
    reached = np.cumsum([found[x] for x in order])
    for level in (0.9, 0.95, 0.99):
        var = order[int(np.searchsorted(reached, level))]
        tail = math.fsum(p * max(x - var, 0.0) for x, p in found.items()) / (1 - level)
        assert law.var(level) == pytest.approx(var, abs=1e-6)
        assert law.cvar(level) == pytest.approx(var + tail, rel=1e-6)


BOTH = Terms(deductible=50e3, limit=1.5e6, share=0.9, annual_deductible=200e3, annual_limit=1e6)
FULL = Terms(deductible=37e3, limit=611e3, annual_limit=913e3)  # of no common step
SUM = Terms(share=0.8, annual_deductible=50e3, annual_limit=2e6)


@pytest.mark.parametrize(
    ("covers", "years"),
    [
        ([(("a", "b"), BOTH)], 1.0),
        ([(("a",), FULL), (("b",), SUM)], 1.0),
        ([(("b",), BOTH)], 2.0),
        ([(("a",), SUM)], 2.5),
        ([(("a",), FULL)], 0.5),
    ],
)
def test_years_of_lines_that_share_a_belief_against_a_simulation(
    covers: list[tuple[tuple[str, ...], Terms]], years: float
) -> None:
    """Terms start anew in each year; the belief has one value for all of them."""
    bad = Shared("bad years", Gamma(4.0, 0.25))
    rates = {"a": (0.4, 13.0, 1.0), "b": (2.0, 10.5, 0.9), "c": (0.5, 11.5, 1.0)}

    def compound(key: str) -> Compound:
        rate, mu, sigma = rates[key]

        def build(t: tuple[float, ...], y: float) -> tuple[Poisson, Lognormal]:
            return Poisson(rate * y * (t[0] if t else 1.0)), Lognormal(mu, sigma)

        return Compound(key, build, (bad,) if key != "c" else (), years)

    register = Register([compound(key) for key in rates])
    made = [Cover(keys, terms) for keys, terms in covers]
    law = net(register, made)
    rng, n = np.random.default_rng(29), 200_000
    times, total = rng.gamma(4.0, 0.25, n), np.zeros(n)
    paid, some, worn = np.zeros(n), np.zeros(n, bool), np.zeros(n, bool)
    whole = int(years)
    for length in [1.0] * whole + ([years - whole] if years > whole else []):
        asked = {cover: np.zeros(n) for cover in made}
        for key, (rate, mu, sigma) in rates.items():
            counts = rng.poisson(rate * length * (times if key != "c" else 1.0), n)
            x = rng.lognormal(mu, sigma, int(counts.sum()))
            year = np.repeat(np.arange(n), counts)
            total += np.bincount(year, x, n)
            for cover, sums in asked.items():
                if key in cover.keys:
                    t = cover.terms
                    each = t.share * np.clip(x - t.deductible, 0.0, t.limit)
                    sums += np.bincount(year, each, n)
        for cover, sums in asked.items():
            received = cover.terms.of_year(sums)
            total -= received
            if cover is made[0]:
                paid += received
                some |= received > 0.0
                worn |= received >= cover.terms.annual_limit * (1 - 1e-9)
    first = ceded(register, made[0])
    assert abs(paid.mean() - first.pays) < 4.5 * paid.std() / math.sqrt(n)
    for hits, p in ((some, first.pays_something), (worn, first.exhausted)):
        assert abs(int(hits.sum()) - n * p) < 4.5 * math.sqrt(n * p * (1 - p)) + 1e-9
    assert abs(total.mean() - law.mean) < 4.5 * total.std() / math.sqrt(n)
    for level in (0.9, 0.99, 0.999):
        over, p = int(np.count_nonzero(total > law.var(level))), 1 - level
        assert abs(over - n * p) < 4.5 * math.sqrt(n * p * (1 - p)), level
        assert law.error_at(level) < 0.03
