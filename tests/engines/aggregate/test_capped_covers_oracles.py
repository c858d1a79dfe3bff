# SPDX-License-Identifier: Apache-2.0
"""Covers of holdings that are capped by the year: exact laws against enumeration and simulation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pytest
from scipy.stats import nbinom

from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.covers.cover import Cover, Terms, ceded, net
from perilscope.engines.covers.insured import Contract, recovered
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.counts import Binomial, CountLaw, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import Capped, Constant, Distribution, Gamma, Lognormal
from perilscope.engines.simulation.draws import Draws

from ..holdings import outcomes, poisson, quantile, tail

EVERY = Terms(deductible=40.0, limit=50.0, share=0.5)
LIMIT = Terms(limit=60.0)
NOTHING = Terms(share=0.0)
Law = Mapping[float, float]


def line(key: str, counts: CountLaw, size: Distribution, group: str = "wallet") -> Compound:
    return Compound(key, lambda _t, _y: (counts, size), group=group)


def negative_binomial(size: float, mean: float, most: int) -> list[float]:
    return [float(p) for p in nbinom.pmf(range(most + 1), size, size / (size + mean))]


KINDS = {
    "poisson and poisson": (
        (Poisson(0.6), poisson(0.6, 10), 100.0, EVERY),
        (Poisson(0.4), poisson(0.4, 9), 70.0, NOTHING),
    ),
    "poisson and binomial": (
        (Poisson(0.9), poisson(0.9, 13), 100.0, NOTHING),
        (Binomial(2, 0.5), [0.25, 0.5, 0.25], 70.0, EVERY),
    ),
    "two covers": (
        (NegativeBinomial(2.0, 0.5), negative_binomial(2.0, 0.5, 16), 100.0, EVERY),
        (Binomial(2, 0.5), [0.25, 0.5, 0.25], 70.0, LIMIT),
    ),
    "negative binomial alone": (
        (NegativeBinomial(2.0, 0.8), negative_binomial(2.0, 0.8, 30), 100.0, EVERY),
    ),
    "at most one": ((Binomial(1, 0.3), [0.7, 0.3], 300.0, EVERY),),
}


def same(found: LossLaw, law: Law) -> None:
    assert found.grid.lattice
    assert found.mean == pytest.approx(math.fsum(x * p for x, p in law.items()), rel=1e-7)
    for value in law:
        beyond = math.fsum(p for x, p in law.items() if x > value + 1e-6)
        assert found.exceed(value + 1e-6) == pytest.approx(beyond, abs=3e-8)
    for level in (0.9, 0.99):
        assert found.var(level) == pytest.approx(quantile(law, level), rel=1e-9)
        assert found.cvar(level) == pytest.approx(tail(law, level), rel=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_events_that_take_a_holding_in_turn_by_enumeration(name: str) -> None:
    kinds = KINDS[name]
    register = Register(
        [line(str(i), counts, Constant(size)) for i, (counts, _, size, _) in enumerate(kinds)],
        caps={"wallet": 250.0},
    )
    covers = [Cover((str(i),), terms) for i, (*_, terms) in enumerate(kinds) if terms.share > 0.0]
    found = outcomes([(chances, size, terms.of_event) for _, chances, size, terms in kinds], 250.0)
    left: dict[float, float] = defaultdict(float)
    paid: dict[float, float] = defaultdict(float)
    for (lost, pays), p in found.items():
        left[round(lost - pays, 6)] += p
        paid[pays] += p
    same(net(register, covers), left)
    each = [ceded(register, cover) for cover in covers]
    mean = math.fsum(x * p for x, p in paid.items())
    assert math.fsum(one.pays for one in each) == pytest.approx(mean, rel=1e-7)
    if len(covers) == 1:
        assert each[0].pays_something == pytest.approx(1.0 - paid[0.0], abs=3e-8)


def test_terms_of_the_year_of_one_holding_by_enumeration() -> None:
    """Of thefts of 100 and of 70 a half above 40 each, and of that what lies from 20 to 60."""
    terms = Terms(deductible=40.0, share=0.5, annual_deductible=20.0, annual_limit=40.0)
    register = Register(
        [
            line("a", Poisson(0.9), Constant(100.0)),
            line("b", Binomial(2, 0.5), Constant(70.0)),
            line("c", Binomial(1, 0.2), Constant(50.0)),
        ],
        caps={"wallet": 250.0},
    )
    kinds = [
        (poisson(0.9, 12), 100.0, terms.of_event),
        ([0.25, 0.5, 0.25], 70.0, terms.of_event),
        ([0.8, 0.2], 50.0, lambda _loss: 0.0),
    ]
    left: dict[float, float] = defaultdict(float)
    mean = some = worn = 0.0
    for (lost, sums), p in outcomes(kinds, 250.0).items():
        paid = min(max(sums - 20.0, 0.0), 40.0)
        left[round(lost - paid, 6)] += p
        mean, some, worn = mean + p * paid, some + p * (paid > 0.0), worn + p * (paid >= 40.0)
    cover = Cover(("a", "b"), terms)
    same(net(register, [cover]), left)
    found = ceded(register, cover)
    assert found.pays == pytest.approx(mean, rel=1e-7)
    assert found.pays_something == pytest.approx(some, abs=3e-8)
    assert found.exhausted == pytest.approx(worn, abs=3e-8)


def smooth(cap: float) -> Register:
    return Register(
        [
            line("theft", Poisson(0.4), Lognormal(13.0, 1.2)),
            line("error", NegativeBinomial(3.0, 2.0), Lognormal(11.0, 0.9)),
            line("other", Poisson(0.5), Lognormal(12.0, 1.0), group=""),
        ],
        caps={"wallet": cap},
    )


def test_a_holding_that_is_never_used_up_is_no_cap() -> None:
    cover = Cover(("theft", "error"), Terms(deductible=5e4, limit=1e6, share=0.9))
    free = Register(list(smooth(1e9).lines.values()))
    held = smooth(1e9)
    assert ceded(held, cover).pays == pytest.approx(ceded(free, cover).pays, rel=1e-6)
    some = ceded(free, cover).pays_something
    assert ceded(held, cover).pays_something == pytest.approx(some, rel=1e-6)
    for level in (0.9, 0.99, 0.999):
        exact = net(free, [cover]).cvar(level)
        assert net(held, [cover]).cvar(level) == pytest.approx(exact, rel=2e-6)


def test_a_share_of_each_event_is_a_share_of_the_capped_sum() -> None:
    register = Register(list(smooth(1.0).lines.values())[:2], caps={"wallet": 1.5e6})
    gross, left = register.law(), net(register, [Cover(("theft", "error"), Terms(share=0.3))])
    assert left.mean == pytest.approx(0.7 * gross.mean, rel=1e-5)
    for level in (0.9, 0.95, 0.98):
        assert left.var(level) == pytest.approx(0.7 * gross.var(level), rel=5e-4)  # the guide's
        assert left.cvar(level) == pytest.approx(0.7 * gross.cvar(level), rel=2e-5)
        assert abs(left.var(level) / 0.7 / gross.var(level) - 1) <= left.error_at(level) + 1e-7


def near(drawn: Draws, law: LossLaw) -> None:
    """Mean, and counts beyond the exact VaR, in standard errors."""
    n = drawn.count
    assert abs(drawn.mean - law.mean) < 4.5 * drawn.standard_error_of_mean
    for level in (0.8, 0.9, 0.95, 0.99, 0.999):
        x = law.var(level) + 3.0 * law.step_at(law.var(level))
        p = law.exceed(x)
        hits = int(drawn.exceed_counts(x))
        assert abs(hits - n * p) <= 4.5 * math.sqrt(n * p * (1 - p)), level


def test_lines_of_any_kind_against_a_plain_simulation() -> None:
    """Two covers on one wallet of 1.5M, event by event."""
    cap, n, rng = 1.5e6, 120_000, np.random.default_rng(8)
    thefts, errors = rng.poisson(0.4, n), rng.negative_binomial(3.0, 3.0 / 5.0, n)
    left, paid = np.zeros(n), np.zeros((n, 2))
    for i in range(n):
        x = np.append(rng.lognormal(13.0, 1.2, thefts[i]), rng.lognormal(11.0, 0.9, errors[i]))
        kind = np.append(np.zeros(thefts[i]), np.ones(errors[i])).astype(int)
        rest = cap
        for k in rng.permutation(len(x)):
            loss = min(x[k], rest)
            rest -= loss
            pays = min(max(loss - 5e4, 0.0), 1e6) if kind[k] == 0 else 0.5 * max(loss - 2e4, 0.0)
            paid[i, kind[k]] += pays
            left[i] += loss - pays
    others = np.repeat(np.arange(n), rng.poisson(0.5, n))
    left += np.bincount(others, rng.lognormal(12.0, 1.0, len(others)), n)
    covers = [
        Cover(("theft",), Terms(deductible=5e4, limit=1e6)),
        Cover(("error",), Terms(deductible=2e4, share=0.5)),
    ]
    register = smooth(cap)
    near(Draws(left), net(register, covers))
    for k, cover in enumerate(covers):
        found, own = ceded(register, cover), paid[:, k]
        assert abs(own.mean() - found.pays) < 4.5 * own.std() / math.sqrt(n)
        p = found.pays_something
        assert abs((own > 0).mean() - p) < 4.5 * math.sqrt(p * (1 - p) / n)


def test_terms_of_the_year_of_one_holding_against_events_drawn() -> None:
    terms = Terms(deductible=5e4, limit=1e6, share=0.9, annual_deductible=1e5, annual_limit=1.2e6)
    register, cover = smooth(2.5e6), Cover(("theft", "error"), terms)
    contract = Contract("c", cover.keys, terms)
    lines = list(register.lines.values())
    drawn = recovered(lines, [], {"wallet": 2.5e6}, [contract], draws=196_608, seed=10)
    near(Draws(drawn.net), net(register, [cover]))
    found, paid = ceded(register, cover), drawn.paid["c"]
    assert abs(paid.mean() - found.pays) < 4.5 * paid.std() / math.sqrt(len(paid))
    for p, seen in ((found.pays_something, paid > 0.0), (found.exhausted, drawn.used["c"])):
        assert abs(seen.mean() - p) < 4.5 * math.sqrt(p * (1 - p) / len(paid))
    assert net(register, [cover]).mean == pytest.approx(register.law().mean - found.pays, rel=5e-5)


BAD = Shared("bad years", Gamma(4.0, 0.25))
DRIVEN: Mixture = ((0.2, {"a": True, "c": True}), (0.8, {"a": False, "c": True}))


@pytest.mark.parametrize(
    ("years", "mixtures"), [(1.0, []), (2.5, []), (1.0, [DRIVEN])], ids=["factor", "years", "net"]
)
def test_shared_beliefs_networks_and_years_against_events_drawn(
    years: float, mixtures: list[Mixture]
) -> None:
    size = Capped(Lognormal(13.0, 1.2), 1.5e6)
    factor = (BAD,) if years == 1.0 and not mixtures else ()

    def rate(of: float) -> object:
        return lambda t, y: (Poisson(of * (t[0] if t else 1.0) * y), size)

    mine = [
        Compound("a", rate(0.5), factor, years, group="wallet"),  # type: ignore[arg-type]
        Compound("b", rate(0.3), factor, years, group="wallet"),  # type: ignore[arg-type]
        Compound("c", rate(0.2), factor, years),  # type: ignore[arg-type]
    ]
    cover = Cover(("a", "c"), Terms(deductible=1e5, limit=1e6, share=0.9))
    register = Register(mine, mixtures=mixtures, caps={"wallet": 1.5e6})
    contract = Contract("c", cover.keys, cover.terms)
    drawn = recovered(mine, mixtures, {"wallet": 1.5e6}, [contract], draws=196_608, seed=9)
    near(Draws(drawn.net), net(register, [cover]))
    found, paid = ceded(register, cover), drawn.paid["c"]
    assert abs(paid.mean() - found.pays) < 4.5 * paid.std() / math.sqrt(len(paid))
    p = found.pays_something
    assert abs((paid > 0).mean() - p) < 4.5 * math.sqrt(p * (1 - p) / len(paid))


def test_the_error_shown_covers_what_more_points_change(monkeypatch: pytest.MonkeyPatch) -> None:
    register = smooth(1.5e6)
    cover = Cover(("theft", "error"), Terms(deductible=37e3, limit=611e3, share=0.9))
    levels = (0.9, 0.95, 0.99)
    before = net(register, [cover])
    monkeypatch.setattr("perilscope.engines.aggregate.capped_covers._BY_WORK", ((1_000, 2048),))
    after = net(register, [cover])
    for level in levels:
        apart = abs(before.cvar(level) / after.cvar(level) - 1)
        assert apart <= min(before.error_at(level), 1e-4), level
        assert abs(before.var(level) / after.var(level) - 1) <= before.error_at(level), level
