# SPDX-License-Identifier: Apache-2.0
"""The past year of a run: VaR of today's holdings on each day, by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import norm

from perilscope.book.load import load_text
from perilscope.evidence.calendar import Calendar
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.evidence.terms import Terms
from perilscope.layers.desk import Desk
from perilscope.layers.drivers import Drivers
from perilscope.layers.network_evidence import drivers
from perilscope.layers.past import day_by_day, past_year

AS_OF = date(2026, 3, 10)
BARE = f"institution: {{name: Desk, kind: fund}}\nas_of: {AS_OF}\ncurrency: USD\n"
PEG = """
tokens: {ETH: {kind: coin}}
networks:
  peg:
    nodes:
      depeg: {states: [no, yes], table: [0.001, 0.999]}
    shocks: {depeg: {yes: {ETH: -30 %}}}
"""
PRICES = {"BTC": 50.0, "ETH": 30.0}
LOTS = (Position("BTC", 2.0), Position("ETH", -1.0))
PUT = Position("BTC", 3.0, instrument="put",
               terms=Terms(strike=45.0, expiry=AS_OF + timedelta(90), vol=0.7))  # fmt: skip


def history(n: int = 800) -> History:
    rng = np.random.default_rng(2)
    closes = np.exp(np.cumsum(0.03 * rng.standard_normal((n, 2)), axis=0))
    days = tuple(AS_OF - timedelta(n - 1 - k) for k in range(n))
    return History(("BTC", "ETH"), days, closes * (np.array([50.0, 30.0]) / closes[-1]))


def desk(lots: tuple[Position, ...] = LOTS, n: int = 800, text: str = "") -> Desk:
    book = load_text(BARE + text)
    known = drivers(book, ()) if text else Drivers({})
    return Desk(lots, PRICES, book, history(n), known)


def black_put(s: float, k: float, vol: float, years: float) -> float:
    d = (math.log(s / k) + 0.5 * vol * vol * years) / (vol * math.sqrt(years))
    return float(k * norm.cdf(vol * math.sqrt(years) - d) - s * norm.cdf(-d))


def checked(loss: np.ndarray, var: np.ndarray, at: int) -> None:
    row = len(loss) - 365 + at
    before = np.sort(loss[row - 365 : row])
    assert var[at] == pytest.approx(before[math.ceil(365 * 0.975) - 1])


def test_var_and_losses_by_hand() -> None:
    held = history()
    found = past_year(desk())
    assert found is not None
    moves = held.closes[1:] / held.closes[:-1] - 1.0
    loss = -(moves @ [100.0, -30.0])
    told = found.told
    assert (len(told.days), found.window, told.name) == (365, 365, "historical")
    assert told.days[-1] == held.days[-1]
    assert told.loss == pytest.approx(loss[-365:])
    for at in (0, 200, 364):
        checked(loss, told.var, at)
    assert told.exceptions == int((told.loss > told.var).sum())


def test_instruments_are_revalued_on_every_day() -> None:
    held = history()
    found = past_year(desk((*LOTS, PUT)))
    assert found is not None
    moves = held.closes[1:] / held.closes[:-1] - 1.0
    now = black_put(50.0, 45.0, 0.7, 90 / 365)
    puts = [3.0 * (now - black_put(50.0 * (1 + m), 45.0, 0.7 * math.exp(abs(math.log1p(m))),
                                   89 / 365)) for m in moves[:, 0]]  # fmt: skip
    loss = -(moves @ [100.0, -30.0]) + puts
    assert found.told.loss == pytest.approx(loss[-365:])
    for at in (0, 200, 364):
        checked(loss, found.told.var, at)


def test_the_method_of_the_book_is_rolled() -> None:
    held = history()
    moves = held.closes[1:] / held.closes[:-1] - 1.0
    loss = -(moves @ [100.0, -30.0])
    found = past_year(desk(), "normal")
    assert found is not None
    assert found.told.name == "normal"
    before = loss[-365 - 1 : -1]
    want = before.mean() + norm.ppf(0.975) * before.std()
    assert found.told.var[-1] == pytest.approx(want)


def test_the_hybrid_method_mixes_states_with_todays_probabilities() -> None:
    held = history()
    found = past_year(desk(text=PEG), "hybrid")
    assert found is not None
    assert found.told.name == "hybrid"
    ends = held.closes[1:] / held.closes[:-1]
    calm = -((ends - 1.0) @ [100.0, -30.0])
    hit = -((ends * [1.0, 0.7] - 1.0) @ [100.0, -30.0])
    assert found.told.loss == pytest.approx(calm[-365:])
    row = len(calm) - 365
    rows = slice(row - 365, row)
    both = np.concatenate([calm[rows], hit[rows]])
    day = 1.0 - 0.001 ** (1 / 365.25)  # of a state that is likely within the year
    mass = np.concatenate([np.full(365, (1.0 - day) / 365), np.full(365, day / 365)])
    order = np.argsort(both)
    place = int(np.searchsorted(np.cumsum(mass[order]), 0.975 - 1e-12))
    assert found.told.var[0] == pytest.approx(both[order][place])


def test_short_histories_and_nothing_that_moves() -> None:
    assert past_year(None) is None
    assert past_year(desk(n=100)) is None
    assert past_year(desk((Position("XYZ", 1.0),))) is None
    some = past_year(desk(n=200))
    assert some is not None
    assert len(some.told.days) == 99
    assert some.window == 100


def test_positions_day_by_day_till_they_expire_or_are_liquidated() -> None:
    """A put, a perpetual with a margin of its own and spot, by plain formulas."""
    closes = np.array([[100.0], [95.0], [80.0], [90.0]])
    days = tuple(date(2026, 1, d) for d in (1, 2, 3, 4))
    told = History(("BTC",), days, closes)
    put = Position("BTC", 2.0, instrument="put",
                   terms=Terms(strike=100.0, expiry=days[2], vol=0.5))  # fmt: skip
    perp = Position("BTC", 1.0, instrument="perpetual",
                    terms=Terms(entry=100.0, margin=10.0, maintenance=0.0))  # fmt: skip
    found = day_by_day([Position("BTC", 1.0), put, perp], told, days[0], days[3], Calendar())
    worth = [
        2.0 * black_put(100.0, 100.0, 0.5, 2 / 365),
        2.0 * black_put(95.0, 100.0, 0.5, 1 / 365),
        2.0 * 20.0,
    ]
    assert found == pytest.approx(
        [5.0 + worth[0] - worth[1] + 5.0, 15.0 + worth[1] - worth[2] + 5.0, -10.0]
    )
