# SPDX-License-Identifier: Apache-2.0
"""Fits of many days made at once against fits made one by one."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.forecasts import models, volatility_models
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.rolling import rolled
from perilscope.engines.volatility import garch


@pytest.mark.parametrize("name", ["garch", "garch-t", "fhs", "conditional-evt"])
def test_at_once_is_as_day_by_day(name: str) -> None:
    if not garch.prepare():
        pytest.skip("without numba this takes too long")
    rng = np.random.default_rng(5)
    scale = 0.01 * np.exp(np.cumsum(0.05 * rng.standard_normal(330)))[:, None]
    moves = np.clip(scale * rng.standard_t(5, (330, 2)), -0.5, 0.5)
    words = models.named(name), Sample(moves, np.array([0.6, 0.4])), 0.975, 30, 300
    volatility_models._FITS.clear()
    alone = rolled(*words)
    made = len(volatility_models._FITS)
    volatility_models._FITS.clear()
    together = rolled(*words, at_once=True)
    assert len(volatility_models._FITS) == made  # nothing was fitted again one by one
    for key in ("var", "cvar", "pit"):
        np.testing.assert_allclose(getattr(together, key), getattr(alone, key), rtol=2e-4)
