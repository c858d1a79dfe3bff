# SPDX-License-Identifier: Apache-2.0
"""The filter of regimes against every path of regimes listed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from perilscope.engines.forecasts.regimes import regimes
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask
from perilscope.engines.networks.network import Network, Node
from perilscope.errors import MisuseError


@pytest.mark.parametrize("count", [2, 3])
def test_every_path_of_regimes_listed(count: int) -> None:
    rng = np.random.default_rng(count)
    chain, start = rng.dirichlet(np.ones(count), count), rng.dirichlet(np.ones(count))
    sds = np.array([0.01, 0.03, 0.08])[:count]
    moves = rng.normal(0.0, 0.03, 5)
    total = np.zeros(count)
    for path in itertools.product(range(count), repeat=6):
        p = start[path[0]]
        for k, (a, b) in enumerate(itertools.pairwise(path)):
            p *= chain[a, b] * norm.pdf(moves[k], 0.0, sds[b])
        total[path[-1]] += p
    found = regimes(moves, sds, chain, start)
    np.testing.assert_allclose(found.probability, total / total.sum(), rtol=1e-12)
    assert found.log_likelihood == pytest.approx(math.log(total.sum()), rel=1e-12)
    np.testing.assert_allclose(found.without, start @ np.linalg.matrix_power(chain, 5))


def test_a_network_that_takes_the_likelihood_in_counts_nothing_twice() -> None:
    """Filter .40 from its own prior .10, network prior .02: .109, not .40."""
    node = Node("stress", ("no", "yes"), (), np.array([0.98, 0.02]))
    found = regimes(np.array([]), np.array([1.0, 2.0]), np.eye(2), np.array([0.9, 0.1]))
    told = type(found)(np.array([0.6, 0.4]), found.without, found.path, 0.0)
    answer = ask(Network((node,)), Findings(likelihood={"stress": told.likelihood.tolist()}))
    assert answer.marginals["stress"]["yes"] == pytest.approx(0.109, abs=5e-4)


def test_extreme_moves_are_filtered_and_nonsense_is_refused() -> None:
    chain = np.array([[0.9, 0.1], [0.1, 0.9]])
    found = regimes(np.array([5.0]), np.array([0.01, 0.05]), chain, np.array([1.0, 0.0]))
    assert found.probability[1] == 1.0
    for bad in (np.array([0.0, 1.0]), np.array([-1.0, 1.0]), np.array([np.nan, 1.0])):
        with pytest.raises(MisuseError, match="positive"):
            regimes(np.zeros(2), bad, chain, np.array([1.0, 0.0]))
    with pytest.raises(MisuseError, match="no number"):
        regimes(np.array([np.nan]), np.array([0.01, 0.05]), chain, np.array([1.0, 0.0]))
