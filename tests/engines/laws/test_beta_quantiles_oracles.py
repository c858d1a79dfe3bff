# SPDX-License-Identifier: Apache-2.0
"""Quantiles of a beta law at many probabilities at once against SciPy's one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betainc, betaincinv

from perilscope.engines.laws.beta_quantiles import quantiles
from perilscope.engines.laws.distributions import Beta

_FAR = 2.0 ** np.linspace(-47.0, -1.0, 900)
U = np.concatenate([_FAR, 1.0 - _FAR, np.linspace(0.0, 1.0, 400), np.full(3, 0.5)])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1.0, 5.0),
        (1.31, 4.69),
        (3.0, 3.0),
        (4.9, 1.1),
        (40.0, 3.0),
        (7.0, 70.0),
        (0.5, 0.5),
        (9.0, 0.1),
        (0.08, 18.0),
        (900.0, 800.0),
    ],
)
def test_each_is_the_quantile(a: float, b: float) -> None:
    found, wanted = quantiles(a, b, U), betaincinv(a, b, U)
    assert np.abs(found - wanted).max() <= 1e-14
    some = (wanted > 1e-280) & (U <= 0.5)
    assert np.abs(found[some] / wanted[some] - 1.0).max() <= 1e-13
    assert np.all((found >= 0.0) & (found <= 1.0))
    # the probability of what was found is what was asked for, where it can be told
    inner = some & (wanted < 1.0 - 1e-6)
    assert np.abs(betainc(a, b, found[inner]) / U[inner] - 1.0).max() <= 1e-12


def test_a_law_gives_the_same_few_and_many() -> None:
    law = Beta(2.2, 3.8, 1e5, 9e5)
    many = law.ppf(U)
    few = np.array([float(law.ppf(float(u))) for u in U[::37]])
    assert np.abs(many[::37] / few - 1.0).max() <= 1e-14
