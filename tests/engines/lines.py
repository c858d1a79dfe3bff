# SPDX-License-Identifier: Apache-2.0
"""Lines of loss in which nothing is unknown, and registers of them that nobody chose."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import Constant, Exponential, Lognormal


def fixed(key: str, counts: Any, loss: Any, **more: Any) -> Compound:
    """A line of these counts and this loss, whatever the period."""
    return Compound(key, lambda *_: (counts, loss), **more)


losses = st.one_of(
    st.builds(Exponential, st.floats(1e3, 1e6)),
    st.builds(Constant, st.integers(1, 1000).map(lambda k: k * 1e3)),
    st.builds(Lognormal, st.floats(7.0, 13.0), st.floats(0.3, 1.8)),
)
counts = st.one_of(
    st.builds(Poisson, st.floats(0.02, 8.0)),
    st.builds(Bernoulli, st.floats(0.02, 1.0)),
    st.builds(NegativeBinomial, st.floats(0.5, 3.0), st.floats(0.05, 4.0)),
)
registers = st.lists(st.tuples(counts, losses), min_size=1, max_size=4).map(
    lambda pairs: [fixed(f"line {i}", n, x) for i, (n, x) in enumerate(pairs)]
)
