# SPDX-License-Identifier: Apache-2.0
"""Shares of a move add up, do not depend on names, and are Shapley's by his own formula."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from perilscope.engines.portfolio.attribution import shares


@pytest.mark.parametrize("changes", [1, 2, 3, 4, 5, 7])
def test_shares_add_up_and_each_change_is_asked_for_once(changes: int) -> None:
    rng = np.random.default_rng(changes)
    table = rng.normal(size=(2**changes, 3))
    asked: list[frozenset[int]] = []

    def value(chosen: frozenset[int]) -> np.ndarray:
        asked.append(chosen)
        return table[sum(1 << i for i in chosen)]

    found = shares(value, changes)
    np.testing.assert_allclose(found.moved.sum(axis=0), table[-1] - table[0], atol=1e-12)
    assert len(asked) == len(set(asked)) <= max(16, 2 * changes)
    assert np.all(found.least <= found.moved + 1e-12)
    assert np.all(found.moved <= found.most + 1e-12)


def test_four_changes_are_shared_by_the_formula_over_sets() -> None:
    table = np.random.default_rng(1).normal(size=16)
    found = shares(lambda s: table[[sum(1 << i for i in s)]], 4).moved.ravel()
    for i in range(4):
        total = 0.0
        for size in range(4):
            for others in combinations([j for j in range(4) if j != i], size):
                weight = math.factorial(size) * math.factorial(3 - size) / math.factorial(4)
                mask = sum(1 << j for j in others)
                total += weight * (table[mask | 1 << i] - table[mask])
        assert found[i] == pytest.approx(total, abs=1e-12)


def test_what_does_nothing_gets_nothing_and_sums_are_shared_without_interplay() -> None:
    worth = np.array([5.0, 0.0, -2.0, 1.0, 3.0])
    found = shares(lambda s: np.array([worth[list(s)].sum()]), 5)
    np.testing.assert_allclose(found.moved.ravel(), worth)
    np.testing.assert_allclose(found.least, found.most, atol=1e-12)
