# SPDX-License-Identifier: Apache-2.0
"""Beliefs integrated: what is known in closed form is found to be so, and only that."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import nbinom, norm

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.expansion import parts
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Exponential,
    Gamma,
    Lognormal,
    Scaled,
)

LOSS = Exponential(1000.0)


def rated(**more: Any) -> Compound:
    """Poisson events at a rate believed to be gamma with shape 2 and mean 0.6."""
    belief = more.pop("belief", Gamma(2.0, 0.3))
    return Compound("a", lambda th, t: (Poisson(th[0] * t), LOSS), beliefs=(belief,), **more)


def test_a_gamma_belief_about_a_rate_is_a_negative_binomial_law() -> None:
    (only,) = parts(rated())
    assert only.counts == ((1.0, NegativeBinomial(2.0, 0.6)),)
    (scaled,) = parts(rated(belief=Scaled(Gamma(2.0, 0.1), 3.0), years=2.0, keep=Constant(0.5)))
    assert scaled.counts[0][1].mean == pytest.approx(0.6)
    law = Register([rated()]).law()
    assert law.none == pytest.approx(1.3**-2.0, rel=1e-14)
    assert law.sd == pytest.approx(1000.0 * math.sqrt(0.6 * 2.0 + 0.18), rel=1e-12)


def test_other_beliefs_stand_beside_it() -> None:
    line = Compound(
        "a",
        lambda th, t: (Poisson(th[0] * t).thin(th[1]), LOSS),
        beliefs=(Gamma(2.0, 0.3), Beta(2.0, 3.0)),
    )
    (only,) = parts(line)
    assert {type(law) for _, law in only.counts} == {NegativeBinomial}
    mean = math.fsum(w * law.mean for w, law in only.counts)
    assert mean == pytest.approx(0.6 * 0.4, rel=1e-12)
    # over a beta(2, 3) belief q with density 12 q (1 - q)²: E (1 + 0.3 q)^-2, by many slices
    slices = [(i + 0.5) / 20_000 for i in range(20_000)]
    none = sum(12 * q * (1 - q) ** 2 * (1 + 0.3 * q) ** -2 for q in slices) / 20_000
    assert Register([line]).law().none == pytest.approx(none, rel=1e-8)


@pytest.mark.parametrize(
    "build",
    [
        lambda th, t: (Poisson(th[0] ** 2 * t), LOSS),
        lambda th, t: (Poisson(0.1 + th[0] * t), LOSS),
        lambda th, t: (Bernoulli(min(th[0], 1.0)), LOSS),
        lambda th, t: (Poisson(th[0] * t), Exponential(1000.0 + th[0])),
        lambda th, t: (NegativeBinomial(1.0, th[0] * t), LOSS),
    ],
)
def test_nothing_else_is_taken_for_a_rate(build: Any) -> None:
    found = parts(Compound("a", build, beliefs=(Gamma(2.0, 0.3),)))
    shapes = [x.size for part in found for _, x in part.counts if isinstance(x, NegativeBinomial)]
    assert 2.0 not in shapes


def test_a_driven_line_is_not_mixed_before_its_driver() -> None:
    found = parts(rated(), driven=True)
    assert all(law.zero == pytest.approx(0.0) for part in found for _, law in part.counts)


def test_over_several_capped_years_the_belief_is_common_to_the_years() -> None:
    line = Compound(
        "a",
        lambda th, t: (Poisson(th[0] * t), Constant(100.0)),
        beliefs=(Gamma(2.0, 0.3),),
        years=2.0,
        group="safe",
    )
    law = Register([line], caps={"safe": 100.0}).law()
    none = [(1.0 + n * 0.3) ** -2.0 for n in (0, 1, 2)]  # E exp(-n theta)
    assert law.none == pytest.approx(none[2], rel=1e-9)
    assert law.exceed(150.0) == pytest.approx(none[0] - 2 * none[1] + none[2], rel=1e-4)
    assert law.mean == pytest.approx(200.0 * (1.0 - none[1]), rel=1e-6)


@pytest.mark.parametrize("sd", [0.3, 0.6, 1.0, 1.4])
def test_a_belief_about_the_median_of_a_loss_in_closed_form(sd: float) -> None:
    """Of one event at most the loss is lognormal, its variance that of both."""
    line = Compound(
        "a",
        lambda t, _y: (Bernoulli(0.3), Lognormal(np.log(t[0]), 1.2)),
        (Lognormal(12.0, sd),),
    )
    law, loss = Register([line]).law(), norm(12.0, math.hypot(1.2, sd))
    for level in (0.9, 0.95, 0.99, 0.999):
        value = math.exp(float(loss.isf((1 - level) / 0.3)))
        off = abs(law.var(level) / value - 1)
        assert off < 1e-5
        assert off <= law.error_at(level) < 5e-4


@pytest.mark.parametrize("shape", [0.44, 2.0, 9.0])
def test_a_believed_rate_and_a_believed_sum_in_closed_form(shape: float) -> None:
    """Of n events that all cost the same unknown sum the total is n times that sum."""
    line = Compound(
        "a",
        lambda t, y: (Poisson(t[0] * y), Constant(t[1])),
        (Gamma(shape, 0.4 / shape), Lognormal(12.6, 0.7)),
    )
    law, n = Register([line]).law(), np.arange(1, 400)
    chance = nbinom.pmf(n, shape, 1.0 / (1.0 + 0.4 / shape))
    for level in (0.9, 0.95, 0.99, 0.999):
        apart = (math.log(law.var(level)) - np.log(n) - 12.6) / 0.7
        assert float((chance * norm.sf(apart)).sum()) == pytest.approx(1 - level, rel=1e-6)
        tail = float((chance * n * math.exp(12.6 + 0.245) * norm.sf(apart - 0.7)).sum())
        assert law.cvar(level) == pytest.approx(tail / (1 - level), rel=1e-6)
        assert law.error_at(level) < 1e-5
