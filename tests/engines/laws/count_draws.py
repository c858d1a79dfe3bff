# SPDX-License-Identifier: Apache-2.0
"""How far draws of a law of counts are from the law."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perilscope.engines.laws.counts import CountLaw

WAYS = ("sample", "events", "some")
"""All periods, events by their periods, and periods given that they have some."""
FAR = 2.6
"""Beyond this once in some 700,000 times (Kolmogorov)."""


def gap(law: CountLaw, way: str, seed: int, pmf: Callable[[CountLaw], np.ndarray]) -> float:
    """The largest gap of the distribution functions of 20,000 draws and of the law, scaled."""
    n, rng = 20_000, np.random.default_rng(seed)
    if way == "sample":
        drawn = law.sample(rng, n)
    elif way == "events":
        drawn = np.bincount(law.events(rng, n), minlength=n)
    else:
        drawn, law = law.sample_some(rng, n), law.given_some()
    assert len(drawn) == n
    wanted = np.maximum(pmf(law), 0)
    seen = np.bincount(drawn, minlength=len(wanted))[: len(wanted)]
    return float(np.max(np.abs(np.cumsum(seen) / n - np.cumsum(wanted)))) * np.sqrt(n)
