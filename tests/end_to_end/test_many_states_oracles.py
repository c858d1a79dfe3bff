# SPDX-License-Identifier: Apache-2.0
"""Thousands of joint states of one network, listed: prices moved by it, and another horizon.

The network is a market that is calm or stressed and twelve events, four chains of three. Its 8,192
joint states are enumerated here, over two periods by the union of the events of any two states.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import perilscope

from . import chained

COUNT = 12
SIZES = [100_000 * (1 + (7 * i) % 11) for i in range(COUNT)]
Array = npt.NDArray[np.float64]


def row(i: int, before: int) -> float:
    """P(v_i = yes) given the market (first of three) or the node before."""
    if i % 3 == 0:
        return (0.03 + 0.002 * i, 0.25)[before]
    return (0.02, 0.5 - 0.02 * i)[before]


def book(horizon: str, shocks: str, held: str) -> str:
    return f"""
institution: {{name: Many, kind: hedge fund}}
currency: USD
as_of: 2026-11-20
horizon: {horizon}
{held}
assets: {{desk: {{kind: other, worth: 5M}}}}
networks:
  net:
    period: 1 year
{shocks}
    nodes:
      market: {{states: [calm, stressed], table: [0.85, 0.15]}}
{chained.nodes(COUNT, row)}
scenarios:
{chained.scenarios(SIZES)}"""


def states() -> tuple[Array, npt.NDArray[np.int64]]:
    """Probability of (market, events) and the events of each as bits."""
    chances, bits = [], []
    for p, market, hits in chained.states(COUNT, row):
        chances.append(p)
        bits.append(sum(x << i for i, x in enumerate((*hits, market))))
    return np.array(chances), np.array(bits)


def twice(law: Array) -> Array:
    """Law of the union of the bits of two independent draws, pair by pair."""
    found, every = np.zeros_like(law), np.arange(len(law))
    for bits, p in enumerate(law.tolist()):
        found += np.bincount(every | bits, p * law, len(law))
    return found


def losses() -> Array:
    """What each combination of bits loses; the market by itself nothing."""
    every = np.arange(2 ** (COUNT + 1))
    return np.asarray(sum(((every >> i) & 1) * size for i, size in enumerate(SIZES)), dtype=float)


def cvar(values: Array, chances: Array, level: float) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    x, p = values[order], chances[order]
    k = int(np.searchsorted(np.cumsum(p), level - 1e-12))
    return float(x[k]), float(x[k] + p @ np.maximum(x - x[k], 0.0) / (1.0 - level))


@pytest.fixture(scope="module")
def year() -> Array:
    chances, bits = states()
    return np.bincount(bits, chances, 2 ** (COUNT + 1))


def test_two_periods_are_the_union_of_two_draws(tmp_path: Path, year: Array) -> None:
    """Nothing is held: losses alone, one of them by a stressed market itself."""
    path = tmp_path / "book.yaml"
    own = "  s12: {asset: desk, frequency: from net.market=stressed, "
    own += "counts: at most one a year, magnitude: 50000}\n"
    path.write_text(book("2 years", "", "") + own)
    run = perilscope.quantify(path, engine="exact").document
    law, sizes = twice(year), losses()
    sizes = sizes + 50_000 * ((np.arange(len(sizes)) >> COUNT) & 1)
    found = run["enterprise_without_market"]
    mean = float(law @ sizes)
    assert found["ale"] == pytest.approx(mean / 2.0, rel=1e-9)
    for level in (0.95, 0.99, 0.999):
        var, tail = cvar(sizes, law, level)
        assert found["var"][f"{level:g}"] == pytest.approx(var)
        assert found["cvar"][f"{level:g}"] == pytest.approx(tail, rel=1e-9)


def fallen(folder: Path) -> str:
    """Prices of a coin that never moved by itself: what it loses is what the network does."""
    days = [date(2026, 11, 20) - timedelta(days=499 - k) for k in range(500)]
    wiggle = 1.0 + 1e-7 * np.array([(-1.0) ** k for k in range(500)])
    rows = [f"{day},{2000.0 * w:.6f}" for day, w in zip(days, wiggle.tolist(), strict=True)]
    (folder / "prices.csv").write_text("\n".join(["date,ETH", *rows]) + "\n")
    (folder / "positions.csv").write_text("asset,quantity,venue\nETH,600,\n")
    return (
        "positions: positions.csv\nprices: prices.csv\n"
        "market: {stale_after_days: 30}\ntokens: {ETH: {kind: coin}}"
    )


def test_a_node_that_moves_prices_does_so_in_the_states_that_it_drives_losses_in(
    tmp_path: Path, year: Array
) -> None:
    """8,192 joint states, prices fall by 30 % in half of them."""
    shocks = "    shocks: {market: {stressed: {ETH: -30 %}}}"
    held = fallen(tmp_path)
    path = tmp_path / "book.yaml"
    path.write_text(book("1 year", shocks, held))
    run = perilscope.quantify(path, engine="exact").document
    found = run["enterprise"]
    stressed = (np.arange(len(year)) >> COUNT) & 1
    everything = losses() + 0.3 * 600 * 2000.0 * stressed
    for level in (0.95, 0.99, 0.999):
        var, tail = cvar(everything, year, level)
        assert found["var"][f"{level:g}"] == pytest.approx(var, rel=1e-3)
        assert found["cvar"][f"{level:g}"] == pytest.approx(tail, rel=1e-3)
    _, tail = cvar(everything, year, 0.99)
    causes = {row["node"]: row for row in found["causes"] if row["state"] in ("yes", "stressed")}
    var = cvar(everything, year, 0.99)[0]
    beyond = np.maximum(everything - var, 0.0)
    for node, bit in (("market", COUNT), ("v4", 4)):
        hit = ((np.arange(len(year)) >> bit) & 1) == 1
        given = [float(year[x] @ beyond[x] / year[x].sum()) for x in (hit, ~hit)]
        assert causes[node]["probability"] == pytest.approx(float(year[hit].sum()), rel=1e-9)
        assert causes[node]["cvar_per_probability"] == pytest.approx(
            (given[0] - given[1]) / 0.01, rel=2e-3
        )
