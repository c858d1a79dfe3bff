# SPDX-License-Identifier: Apache-2.0
"""What an exploit costs one's own position, against simulation and by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from perilscope.layers.protocol_loss import BANDS, EDGES, Position, Severity, bands

WEIGHTS = (0.25, 0.25, 0.2, 0.3)
N = 400_000


def drawn(p: float, part: float, exits: str) -> np.ndarray:
    """Losses of a deposit of 1, year by year, from the rules in words."""
    rng = np.random.default_rng(5)
    band = rng.choice(4, N, p=WEIGHTS)
    low, high = np.array(EDGES[:-1])[band], np.array(EDGES[1:])[band]
    lost = low + (high - low) * rng.random(N)
    left = 1.0 - lost  # of all that was locked
    if exits == "first":  # paid in full as long as anything is there
        paid = np.minimum(left, part)
    elif exits == "last":  # paid from what all others leave over
        paid = np.maximum(left - (1.0 - part), 0.0)
    else:
        paid = left * part
    return np.where(rng.random(N) < p, 1.0 - paid / part, 0.0)


@pytest.mark.parametrize("exits", ["first", "pro rata", "last"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.95])
@pytest.mark.parametrize("p", [0.004, 0.03, 0.4])
def test_figures_of_a_position_against_simulation(p: float, part: float, exits: str) -> None:
    position = Position(1.0, p, Severity(WEIGHTS), part, exits)  # type: ignore[arg-type]
    years = np.sort(drawn(p, part, exits))
    error = years.std() / math.sqrt(N)
    assert abs(position.expected - years.mean()) < 4.5 * error
    for level in (0.95, 0.99):
        over = max(1.0 - level, 1e-12)
        worst = years[int(N * level) :]
        se = worst.std() / math.sqrt(len(worst)) + 3.0 / math.sqrt(N * over) * 0.2
        assert abs(position.cvar(level) - worst.mean()) < 4.5 * se
        v = position.var(level)
        below, at_most = (years < v - 1e-9).mean(), (years <= v + 1e-9).mean()
        noise = 4.5 * math.sqrt(level * over / N)
        assert below - noise <= level <= at_most + noise


def test_pro_rata_by_hand() -> None:
    position = Position(1e6, 0.02, Severity((0.0, 0.0, 0.0, 1.0)), 0.1, "pro rata")
    assert position.share == pytest.approx(0.95)
    assert position.expected == pytest.approx(1e6 * 0.02 * 0.95)
    # half of the years of an exploit lie beyond: their shares are even between 95 % and 100 %
    assert position.var(0.99) == pytest.approx(0.95e6)
    assert position.cvar(0.99) == pytest.approx(0.975e6)
    assert position.var(0.95) == 0.0
    assert position.cvar(0.95) == pytest.approx(1e6 * 0.02 * 0.95 / 0.05)


def test_who_is_alone_in_a_protocol_bears_all_of_it() -> None:
    shares = [Position(1.0, 0.1, Severity(WEIGHTS), 1.0, e).share for e in ("first", "last")]  # type: ignore[arg-type]
    alike = Position(1.0, 0.1, Severity(WEIGHTS), 1.0).share
    assert shares == pytest.approx([alike, alike])


def test_bands_are_laws_and_move_with_what_helps() -> None:
    table = bands()
    assert table.sum(axis=-1) == pytest.approx(np.ones(table.shape[:-1]))
    worse = np.cumsum(table[1:], axis=-1)
    # axes: cause, pausable (no, yes), liquidity (thin, deep): less is lost where it can be stopped
    assert np.all(worse[:, 1] >= worse[:, 0] - 1e-15)
    assert np.all(worse[:, :, 1] >= worse[:, :, 0] - 1e-15)
    assert len(BANDS) == len(list(itertools.pairwise(EDGES)))
