# SPDX-License-Identifier: Apache-2.0
"""What is timed of market risk. Each part has a function that gives its cases; `GOALS` has all."""

from __future__ import annotations

from itertools import count

import numpy as np
from measure import Case
from peers import PeerError, Worker

from perilscope.engines.backtests import shortfall
from perilscope.engines.backtests.forecast_law import forecast_law
from perilscope.engines.portfolio import series
from perilscope.engines.portfolio.series import columns
from perilscope.engines.volatility import garch
from perilscope.engines.volatility.garch_rolling import roll
from perilscope.evidence.forecasts import Forecasts
from perilscope.monitoring.backtest import backtest

Z_ONE = "Z1, 10,000 simulated paths of 250 days"
Z_TWO = "Z2, 10,000 simulated paths of 250 days"
Z_THREE = "Z3, 10,000 simulated paths of 250 days"
EVERY_TEST = "every backtest of 250 days, simulated p-values and all"
FHS = "filtered history of 20 series on 1,000 days, GARCH refitted daily on 600, two threads"
FHS_ONE = "the same of 2 series, one thread"
FHS_TWO = "the same of 2 series, two threads"
FHS_ARCH = "the same of 2 series by arch (one thread), from 1 window in 50"
SHARE_ARCH = 50  # arch is timed on one window of so many, and the time multiplied

SIMULATED = "1,000,000 scenarios of 50 prices, 10 options, 20 perpetuals, revalued in full"
SIMULATED_ONE = "the same on one thread"
MORNING = "positions file to morning page, 50 positions, 25 of them instruments"
READ = "35,000 daily bars read"
INSPECTED = "their findings"

COLUMNS = "VaR and CVaR of 50 assets, 1,600 days"
EULER = "CVaR of 50 assets by asset, exact, 1,600 days"
EULER_MANY = "VaR and CVaR of 500 positions by position, with errors, 1,600 days"

GOALS = {
    COLUMNS: "as fast as skfolio, 40 times riskfolio-lib",
    f"{COLUMNS}, by skfolio": "",
    f"{COLUMNS}, by riskfolio-lib": "",
    EULER: "<= 0.1 ms",
    EULER_MANY: "<= 50 ms",
    Z_ONE: "<= 0.5 s",
    Z_TWO: "<= 0.5 s",
    Z_THREE: "<= 0.5 s",
    EVERY_TEST: "",
    SIMULATED: "<= 1.5 s",
    SIMULATED_ONE: "",
    MORNING: "<= 2 s",
    READ: "",
    INSPECTED: "",
    FHS: "<= 2 s",
    FHS_ONE: "",
    FHS_TWO: "",
    FHS_ARCH: "",
}
"""Cases of market risk and what they were built to stay under."""


def market() -> list[Case]:
    """Every case of market risk."""
    return [*allocated(), *backtests(), *filtered(), *revalued(), *mornings()]


def filtered() -> list[Case]:
    """Filtered historical simulation, fitted anew on every day."""
    if not garch.prepare():
        return []
    table = garch_series(20, 1599)
    roll(table[:1, :700], 600)  # compiled before the clock starts

    def ours(some: np.ndarray, threads: int) -> object:
        found = roll(some, 600, threads=threads)
        tails = []
        for _, mu, h, z in found.ahead():
            worst = np.partition(z, 14, axis=1)[:, :15]  # 2.5 % of 600 days
            sigma = np.sqrt(h[:, -1])
            tails.append((mu + sigma * worst.max(axis=1), mu + sigma * worst.mean(axis=1)))
        return tails

    return [
        Case(FHS, lambda: ours(table, 2)),
        Case(FHS_ONE, lambda: ours(table[:2], 1)),
        Case(FHS_TWO, lambda: ours(table[:2], 2)),
    ]


def by_arch(worker: Worker) -> list[Case]:
    """What arch takes for every window, from one window of so many."""
    table = garch_series(2, 1599)
    days = range(0, 1000, SHARE_ARCH)
    windows = [row[day : day + 600].tolist() for row in table for day in days]

    def ask() -> float:
        return float(worker.ask("arch", windows=windows)["seconds"]) * SHARE_ARCH

    return [Case(FHS_ARCH, ask, timed=True)]


def by_portfolio_tools(worker: Worker) -> list[Case]:
    """Historical VaR and CVaR of the same table by skfolio and riskfolio-lib."""
    moves = _table()
    ours = columns(-moves, 0.975)  # they take returns

    def asked(peer: str) -> Case:
        def ask() -> float:
            told = worker.ask("historical", peer=peer, days=1600, assets=50, level=0.975, again=21)
            if not np.allclose(told["cvar"], ours[1], rtol=1e-9):
                raise PeerError(f"{peer} finds another CVaR")
            return float(told["seconds"])

        return Case(f"{COLUMNS}, by {peer}", ask, timed=True)

    return [asked(peer) for peer in ("skfolio", "riskfolio-lib")]


def _table() -> np.ndarray:
    return np.asarray(0.03 * np.random.default_rng(1).standard_t(4, (1600, 50)))


def garch_series(number: int, days: int) -> np.ndarray:
    """Series of GARCH processes with Student innovations, the same each time."""
    rng = np.random.default_rng(11)
    alpha, persistence = rng.uniform(0.03, 0.2, number), rng.uniform(0.85, 0.995, number)
    z = rng.standard_t(4, (days, number)) * np.sqrt(0.5)
    h, out = np.full(number, 16.0), np.empty((days, number))
    for day in range(days):
        out[day] = np.sqrt(h) * z[day]
        square = out[day] ** 2
        h = 16.0 * (1 - persistence) + alpha * square + (persistence - alpha) * h
    return out.T.copy()


def allocated() -> list[Case]:
    """Historical figures and their allocation."""
    from perilscope.engines.portfolio.euler import euler, slopes

    moves = _table()
    series.prepare()
    columns(moves, 0.975)  # compiled before the clock starts
    amounts, parts = np.full(50, 0.02), -np.repeat(moves, 10, axis=1)
    return [
        Case(COLUMNS, lambda: columns(moves, 0.975)),
        Case(EULER, lambda: slopes(moves, amounts, 0.975)),
        Case(EULER_MANY, lambda: euler(parts, 0.975)),
    ]


def backtests() -> list[Case]:
    """Tests of CVaR by simulation, and the whole catalogue; another seed each time."""
    from datetime import date, timedelta

    rng, turn = np.random.default_rng(1), count(1)
    sd = 0.02 * np.exp(0.3 * rng.standard_normal(250))
    loss, mean = sd * rng.standard_t(5, 250), np.zeros(250)
    loss[100] = 3.0 * sd[100]  # so that there is an exception
    var, cvar = 1.959964 * sd, 2.337803 * sd
    law = forecast_law(0.975, var, cvar, mean, sd)
    days = tuple(date(2026, 1, 1) + timedelta(k) for k in range(250))
    told = Forecasts("bench", days, loss, var, cvar, mean, sd)
    one, two, three = (
        shortfall.acerbi_szekely_z1,
        shortfall.acerbi_szekely_z2,
        shortfall.acerbi_szekely_z3,
    )
    return [
        Case(Z_ONE, lambda: one(loss, var, cvar, law, next(turn), 10_000)),
        Case(Z_TWO, lambda: two(loss, var, cvar, law, next(turn), 10_000)),
        Case(Z_THREE, lambda: three(loss, law, next(turn), 10_000)),
        Case(EVERY_TEST, lambda: backtest(told, 0.975, next(turn))),
    ]


def revalued() -> list[Case]:
    """A million scenarios of a book of 80 positions, another seed each time."""
    from datetime import date

    from perilscope.engines.forecasts.student_moves import Joint
    from perilscope.evidence.positions import Position
    from perilscope.evidence.terms import Terms
    from perilscope.layers.montecarlo import simulate
    from perilscope.layers.revaluation import Marks

    rng, turn = np.random.default_rng(1), count(1)
    assets = tuple(f"A{k}" for k in range(50))
    prices = rng.uniform(1.0, 3000.0, 50)
    law = Joint(
        np.zeros(50), np.linalg.cholesky(0.0009 * np.ones((50, 50)) + 0.0012 * np.eye(50)), 4.0
    )
    marks = Marks(dict(zip(assets, prices.tolist(), strict=True)), date(2026, 1, 1))
    lots = [Position(a, 1e6 / marks.prices[a]) for a in assets]
    for k in range(20):
        price = float(prices[k])
        terms = Terms(entry=price, margin=1.5e5)
        size = float(rng.uniform(-2.0, 1.0)) * 1e6 / price
        lots.append(Position(assets[k], size, instrument="perpetual", terms=terms))
    for k in range(10):
        price = float(prices[k])
        terms = Terms(strike=1.1 * price, expiry=date(2026, 2, 1), vol=0.7)
        size = float(rng.uniform(-1.0, 1.0)) * 1e6 / price
        lots.append(Position(assets[k], size, instrument="call" if k % 2 else "put", terms=terms))

    def run(threads: int | None) -> object:
        return simulate(lots, marks, law, assets, seed=next(turn), threads=threads).figure(0.975)

    return [Case(SIMULATED, lambda: run(None)), Case(SIMULATED_ONE, lambda: run(1))]


def mornings() -> list[Case]:
    """The morning page as a command, and what it rests on, of a book made for it."""
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from desk_book import written

    from perilscope.evidence.quality import inspect
    from perilscope.sources.files import read_prices

    folder = tempfile.TemporaryDirectory()
    path = written(Path(folder.name))
    history = read_prices(path.parent / "prices.csv")
    words = [sys.executable, "-m", "perilscope", "market", "morning", str(path)]

    def morning(_keep: object = folder) -> object:
        return subprocess.run(words, check=True, capture_output=True)

    return [
        Case(MORNING, morning),
        Case(READ, lambda: read_prices(path.parent / "prices.csv")),
        Case(INSPECTED, lambda: inspect(history)),
    ]
