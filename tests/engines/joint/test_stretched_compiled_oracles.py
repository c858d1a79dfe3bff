# SPDX-License-Identifier: Apache-2.0
"""Clouds on the window: both loops against one scenario and one point after another."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint import stretched
from perilscope.engines.joint.clouds import Cloud
from perilscope.engines.joint.window import Window

pytest.importorskip("numba")

WINDOW = Window(Grid(0.5, 64), 20)
TOKENS = ("BTC", "ETH")


@pytest.fixture(params=["plain", "compiled"])
def loops(request, monkeypatch):
    stretched.prepare()
    if request.param == "plain":
        monkeypatch.delitem(sys.modules, stretched._COMPILED)


def made(tokens: int):
    rng = np.random.default_rng(tokens)
    losses = rng.normal(2.0, 9.0, 200)  # some beyond either end of the window
    weights = rng.dirichlet(np.ones(200))
    prices = {token: rng.lognormal(0.0, 0.8, 200) for token in TOKENS}
    places, mass = rng.gamma(2.0, 2.0, (tokens, 7)), rng.dirichlet(np.ones(7)) * 0.3
    return losses, weights, prices, Cloud(TOKENS[:tokens], places, mass, np.ones(1))


def each(losses, weights, prices, cloud):
    """Scenario, point, weight, and where on the window it stands, in steps."""
    for i, loss in enumerate(losses):
        start = max(loss, WINDOW.low)
        for k, mass in enumerate(cloud.mass):
            stolen = sum(prices[t][i] * cloud.places[j, k] for j, t in enumerate(cloud.tokens))
            yield i, k, weights[i] * mass, (start + stolen - WINDOW.low) / WINDOW.grid.step


@pytest.mark.parametrize("tokens", [1, 2])
@pytest.mark.usefixtures("loops")
def test_a_cloud_is_put_where_each_scenario_and_point_say(tokens: int):
    given = made(tokens)
    wanted = np.zeros(WINDOW.grid.points)
    for _, _, mass, at in each(*given):
        below = int(at)
        for place, share in ((below, 1.0 - at + below), (below + 1, at - below)):
            if place < WINDOW.grid.points:
                wanted[place] += mass * share
    assert 0.0 < wanted.sum() < 0.3 - 1e-3  # something lies beyond the window
    np.testing.assert_allclose(stretched.put(WINDOW, *given), wanted, rtol=0, atol=1e-15)


@pytest.mark.parametrize("tokens", [1, 2])
@pytest.mark.usefixtures("loops")
def test_values_are_read_where_a_cloud_is_put(tokens: int):
    losses, weights, prices, cloud = given = made(tokens)
    values = np.random.default_rng(5).random((3, WINDOW.grid.points))
    mean, priced = np.zeros((3, 200)), np.zeros((tokens, 7, 3))
    for i, k, _, at in each(*given):
        for r, row in enumerate(values):
            here = float(np.interp(at, np.arange(65), [*row, 0.0], right=0.0))
            mean[r, i] += cloud.mass[k] * here
            for t, token in enumerate(cloud.tokens):
                priced[t, k, r] += weights[i] * prices[token][i] * here
    got_mean, got = stretched.read(WINDOW, values, losses, prices, cloud, weights)
    np.testing.assert_allclose(got_mean, mean, rtol=0, atol=1e-14)
    np.testing.assert_allclose(np.stack(got), priced, rtol=0, atol=1e-14)
    alone, nothing = stretched.read(WINDOW, values, losses, prices, cloud)
    assert nothing == []
    np.testing.assert_array_equal(alone, got_mean)
