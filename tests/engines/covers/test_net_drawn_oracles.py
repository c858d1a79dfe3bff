# SPDX-License-Identifier: Apache-2.0
"""Losses net of covers: simulated ones against the exact engine, as counts above a loss."""

from __future__ import annotations

import math

import pytest

from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.covers.cover import Cover, Terms, net
from perilscope.engines.covers.insured import Contract, recovered
from perilscope.engines.laws.counts import NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import Beta, Gamma, Lognormal, Pareto, Uniform
from perilscope.engines.simulation.draws import Draws

BAD = Shared("bad years", Gamma(4.0, 0.25))
BOTH = Terms(deductible=50e3, limit=1.5e6, share=0.9, annual_deductible=200e3, annual_limit=1e6)
EVENT, SUM = Terms(deductible=50e3, limit=1e6, share=0.5), Terms(share=0.8, annual_limit=4e5)
N = 131_072


def lines(years: float) -> list[Compound]:
    return [
        Compound(
            "a",
            lambda t, y: (Poisson(0.4 * t[0] * y), Lognormal(13.0, 1.0)),
            (BAD,),
            years,
        ),
        Compound(
            "b",
            lambda t, y: (NegativeBinomial(3.0 * y, 2.0 * y), Lognormal(t[0], 0.9)),
            (Uniform(10.2, 10.8),),
            years,
            scale=Beta(8.0, 2.0),
        ),
        Compound("c", lambda t, y: (Poisson(0.5 * t[0] * y), Pareto(3.0, 2e5)), (BAD,), years),
    ]


DRIVEN: Mixture = ((0.2, {"a": True, "b": True}), (0.8, {"a": False, "b": True}))


@pytest.mark.parametrize(
    ("years", "mixtures", "covers"),
    [
        (1.0, [], [Cover(("a", "c"), BOTH), Cover(("b",), EVENT)]),
        (1.0, [DRIVEN], [Cover(("a", "b"), BOTH)]),
        (2.0, [], [Cover(("a",), BOTH)]),
        (2.5, [], [Cover(("a", "c"), SUM)]),
    ],
)
def test_both_engines_agree_on_what_covers_leave(
    years: float, mixtures: list[Mixture], covers: list[Cover]
) -> None:
    mine = lines(years)
    law = net(Register(mine, mixtures=mixtures), covers)
    contracts = [Contract(str(i), cover.keys, cover.terms) for i, cover in enumerate(covers)]
    drawn = Draws(recovered(mine, mixtures, {}, contracts, draws=N, seed=7).net)
    assert abs(drawn.mean - law.mean) < 4.5 * drawn.standard_error_of_mean
    for level in (0.9, 0.95, 0.99, 0.999):
        v = law.var(level)
        x = v + 3.0 * law.step_at(v)
        p = law.exceed(x)
        hits = int(drawn.exceed_counts(x))
        assert abs(hits - N * p) < 4.5 * math.sqrt(N * p * (1 - p)), level
