# SPDX-License-Identifier: Apache-2.0
"""Paths drawn slice by slice, against closed forms of what has no power of a matrix."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from perilscope.engines.laws.distributions import Exponential
from perilscope.engines.slices.paths import Sale, Walk, draw
from perilscope.errors import MisuseError

ONE, NONE = np.ones((1, 1)), np.zeros((1, 1), dtype=np.int64)
COIN = Walk(
    ONE, NONE, np.ones(1), ONE, ONE, ((),), {}, np.array([100.0]), np.array([[0.25], [-0.2]])
)
N = 100_000


def close(values: np.ndarray, mean: float) -> None:
    assert abs(values.mean() - mean) < 4.5 * values.std() / math.sqrt(len(values)) + 1e-9


def test_what_is_held_multiplies_and_what_is_restored_adds() -> None:
    """Up 25 % or down 20 %: after k ups of 10, 100 * 1.25^k * 0.8^(10-k)."""
    held, reset = draw(COIN, 0, 10, N, 1), draw(replace(COIN, hold=False), 0, 10, N, 2)
    k = np.arange(11)
    p, left = binom.pmf(k, 10, 0.5), 100.0 * 1.25**k * 0.8 ** (10 - k)
    close(held.loss, float(p @ (100.0 - left)))
    for x in (10.0, 50.0, 80.0):
        exact = float(p[100.0 - left > x + 1e-9].sum())
        assert abs((held.loss > x).mean() - exact) < 4.5 * math.sqrt(exact * (1 - exact) / N) + 1e-9
    close(reset.loss, -10 * 2.5)
    assert held.loss.max() < 100.0 < reset.loss.max()
    assert np.all(held.worst >= held.loss)


def test_a_sale_by_every_path_listed() -> None:
    sold = draw(replace(COIN, sale=Sale(0.7, 0.1)), 0, 8, N, 3)
    total = 0.0
    for moves in itertools.product((1.25, 0.8), repeat=8):
        worth, loss = 100.0, 0.0
        for move in moves:
            loss += worth - worth * move
            worth *= move
            if 0.0 < worth < 70.0:
                loss, worth = loss + 0.1 * worth, 0.0
        total += loss / 2**8
    close(sold.loss, total)


def test_costs_are_met_on_the_way_and_taken_holdings_move_no_more() -> None:
    """Alive to lost with 5 % a slice; half of the holding is gone after."""
    chances = np.array([[0.95, 0.05], [0.0, 1.0]])
    kinds = np.array([[0, 1], [2, 2]])
    walk = Walk(
        chances, kinds, np.ones(3), np.array([[1.0], [1.0], [0.5]]), np.ones((3, 1)),
        ((), ("theft",), ()), {"theft": Exponential(7.0)}, np.array([100.0]),
        np.array([[0.1], [-0.1]]), hold=False,
    )  # fmt: skip
    found = draw(walk, 0, 20, N, 4)
    lost = 1 - 0.95**20
    close(found.loss, 7.0 * lost)
    alive = sum(0.95**k for k in range(20))
    market = 100.0 * alive + 25.0 * (20 - alive)  # (100 * 0.1)^2 alive, (50 * 0.1)^2 after
    own = 2 * 49.0 * lost - (7.0 * lost) ** 2
    assert found.loss.var() == pytest.approx(market + own, rel=0.03)
    assert draw(walk, 1, 20, 1_000, 5).loss.var() == pytest.approx(25.0 * 20, rel=0.2)


def test_draws_are_named_and_a_sale_needs_what_runs_on() -> None:
    one, two = draw(COIN, 0, 5, 1_000, 1), draw(COIN, 0, 5, 1_000, 1)
    assert np.array_equal(one.loss, two.loss)
    assert not np.array_equal(one.loss, draw(COIN, 0, 5, 1_000, 1, "other").loss)
    with pytest.raises(MisuseError, match="run on"):
        replace(COIN, hold=False, sale=Sale(0.5, 0.1))
