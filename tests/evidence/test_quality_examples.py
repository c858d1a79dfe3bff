# SPDX-License-Identifier: Apache-2.0
"""Faults put into quiet prices one by one, and real crises that are no faults."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from perilscope.errors import DataError
from perilscope.evidence.admission import admit, screened
from perilscope.evidence.history import Defect, History
from perilscope.evidence.quality import Finding, inspect
from perilscope.sources.files import read_prices

START = date(2024, 1, 1)
N = 400
PRICES = Path(__file__).resolve().parents[3] / "shared" / "data" / "prices"


def walk(seed: int = 1, scale: float = 0.03, n: int = N) -> np.ndarray:
    steps = np.random.default_rng(seed).standard_t(4, n) * scale / 1.4
    return 100.0 * np.exp(np.cumsum(steps))


def made(**columns: np.ndarray) -> History:
    n = len(next(iter(columns.values())))
    days = tuple(START + timedelta(k) for k in range(n))
    return History(tuple(columns), days, np.column_stack(list(columns.values())), "p.csv")


def kinds(found: tuple[Finding, ...], *weights: str) -> list[tuple[str, str]]:
    return [(one.asset, one.kind) for one in found if one.weight in (weights or ("fails", "warns"))]


def test_quiet_prices_have_no_finding() -> None:
    for seed in range(20):
        assert kinds(inspect(made(A=walk(seed), B=walk(seed + 100, 0.08)))) == []


def _reused(x: np.ndarray) -> np.ndarray:
    x[200:] *= 1e-4 / x[200] * 1.0
    x[230:] *= 9.0 / x[230]
    x[205:230] = np.nan
    return x


def _tenfold(x: np.ndarray) -> np.ndarray:
    x[150] *= 10.0
    return x


def _unit(x: np.ndarray) -> np.ndarray:
    x[150:] *= 1000.0
    return x


def _stale(x: np.ndarray) -> np.ndarray:
    x[100:108] = x[100]
    return x


def _missing(x: np.ndarray) -> np.ndarray:
    x[50:52] = np.nan
    return x


def _ended(x: np.ndarray) -> np.ndarray:
    x[-30:] = np.nan
    return x


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_reused, "reused-ticker"),
        (_tenfold, "implausible-return"),
        (_unit, "implausible-return"),
        (_stale, "stale-price"),
        (_missing, "missing-days"),
        (_ended, "delisted"),
    ],
)
def test_each_fault_is_found_and_nothing_else(
    spoil: Callable[[np.ndarray], np.ndarray], kind: str
) -> None:
    history = made(A=spoil(walk(3)), B=walk(4))
    assert kinds(inspect(history), "fails") == [("A", kind)]
    found = admit(history, ["A", "B"])
    assert list(found.excluded) == ["A"]
    assert found.history.assets == ("B",)
    assert any(note.startswith("A is left out: ") for note in found.notes)
    let_in = admit(history, ["A", "B"], accept=["A"])
    assert let_in.history.assets == ("A", "B")
    assert np.isfinite(let_in.history.closes).all()
    assert list(let_in.accepted) == ["A"]
    assert any("IN SPITE OF" in note for note in let_in.notes)


def test_a_fault_outside_the_days_used_excludes_nothing() -> None:
    history = made(A=_reused(walk(3)), B=walk(4))
    found = admit(history, ["A", "B"], first=START + timedelta(230))
    assert not found.excluded
    assert len(found.history.days) == N - 230


def test_a_fall_that_goes_on_is_real() -> None:
    x = walk(5)
    x[200:] *= 0.05
    x[201:] *= 0.005
    assert kinds(inspect(made(A=x))) == []
    assert ("A", "extreme-move") in kinds(inspect(made(A=x)), "told")


def test_a_second_source_tells_glitches_from_moves() -> None:
    truth = walk(6)
    noise = np.exp(np.random.default_rng(1).normal(0, 0.001, N))
    ours = truth.copy()
    ours[120] *= 1.04
    ours[300] *= 1.5
    found = inspect(made(A=ours), second=made(A=truth * noise))
    assert [(one.first, one.kind, one.weight) for one in found if one.kind == "glitch"] == [
        (START + timedelta(300), "glitch", "fails"),
        (START + timedelta(120), "glitch", "warns"),
    ]
    assert "this source is out of line" in found[0].what
    back = truth.copy()
    back[200] *= 4.0  # both saw it: it happened
    both = inspect(made(A=back), second=made(A=back * noise))
    assert kinds(both) == []


@pytest.mark.parametrize("factor", [1.22, 0.82, 1.4])
def test_the_opening_after_it_denies_a_price(factor: float) -> None:
    """A fifth in a day and back is no rarity among coins, but not with this opening."""
    x = walk(7)
    opens = np.concatenate([[x[0]], x[:-1]])
    spoilt = x.copy()
    spoilt[99] *= factor
    days = made(A=x).days
    column = {"open": opens[:, None]}
    clean = History(("A",), days, x[:, None], "p.csv", others=column)
    false = History(("A",), days, spoilt[:, None], "p.csv", others=column)
    assert kinds(inspect(clean)) == []
    assert kinds(inspect(false), "fails") == [("A", "implausible-return")]


def test_a_day_that_moves_as_far_and_back_with_its_openings_is_a_market() -> None:
    x = walk(7)
    x[99] *= 1.22
    opens = np.concatenate([[x[0]], x[:-1]])  # the next day opens at the high close
    history = History(("A",), made(A=x).days, x[:, None], "p.csv", others={"open": opens[:, None]})
    assert kinds(inspect(history)) == []


def test_a_bar_that_is_not_over() -> None:
    x = walk(8)
    volume = np.full((N, 1), 1e9)
    volume[-1] = 5e7
    thin = History(("A",), made(A=x).days, x[:, None], "p.csv", others={"volume": volume})
    assert kinds(inspect(thin)) == [("A", "partial-bar")]
    assert len(admit(thin, ["A"]).history.days) == N - 1
    today = inspect(made(A=x), today=START + timedelta(N - 1))
    assert kinds(today) == [("A", "partial-bar")]


def test_what_the_reader_refused() -> None:
    defects = (
        Defect("A", START, "p.csv", 2, "this day stands twice, first on line 1", "x"),
        Defect("A", START, "p.csv", 3, "the price is zero", "x"),
        Defect("A", START, "p.csv", 4, "no price: null", "x"),
    )
    days = made(A=walk()).days
    history = History(("A",), days, walk()[:, None], "p.csv", defects=defects)
    assert kinds(inspect(history)) == [
        ("A", "duplicated-day"),
        ("A", "impossible-price"),
        ("A", "missing-price"),
    ]


def test_hours_of_an_impossible_day_are_told() -> None:
    x = _tenfold(walk(9))
    day = START + timedelta(150)
    seconds = np.array([(day.toordinal() - 719163) * 86400 + h * 3600 for h in range(24)])
    path = np.full(24, x[149])
    path[20:] = x[150]
    bars = {"A": (seconds, path)}
    found = inspect(History(("A",), made(A=x).days, x[:, None], "p.csv", bars=bars))
    assert found[0].path[19] == ("19:00", x[149])
    assert found[0].path[20] == ("20:00", x[150])


def test_nothing_left_is_said() -> None:
    with pytest.raises(DataError, match="none of the assets can be used"):
        admit(made(A=_tenfold(walk(3))), ["A", "ZZZ"])


def test_a_book_leaves_out_what_fails_and_leaves_gaps_to_the_gate() -> None:
    history = made(A=_tenfold(walk(3)), B=_missing(walk(4)), C=walk(5))
    _, kept, notes = screened(history, ["A", "B", "C"], history.days[-1])
    assert kept == ["B", "C"]
    assert "A is LEFT OUT" in notes[0]
    mended, kept, notes = screened(history, ["A", "B", "C"], history.days[-1], ["A", "B"])
    assert kept == ["A", "B", "C"]
    assert np.isfinite(mended.closes).all()
    assert len(notes) == 2


@pytest.mark.acceptance
def test_real_prices() -> None:
    if not PRICES.exists():
        pytest.skip("no real price history beside the project")
    binance = read_prices(PRICES / "binance_spot_daily_ohlcv_2021_2022.csv")
    yahoo = read_prices(PRICES / "yahoo_daily_ohlcv_2014_2024.csv")
    terra = read_prices(PRICES / "cmc_stablecoins_terra_daily_ohlcv_2017_2025.csv")
    # the new LUNA of 31 May 2022 under the old ticker; USDC and TUSD left Binance four days early
    assert sorted(kinds(inspect(binance))) == [
        ("LUNA", "reused-ticker"),
        ("TUSD", "delisted"),
        ("USDC", "delisted"),
    ]
    assert kinds(inspect(terra)) == []  # Terra's fall and USDC in March 2023 happened
    assert kinds(inspect(yahoo)) == [("AVAX", "missing-days")]
    glitches = {
        one.first for one in inspect(yahoo, assets=["BTC"], second=binance) if one.kind == "glitch"
    }
    assert {date(2021, 11, 25), date(2021, 12, 14)} <= glitches
    assert len(glitches) <= 3


def test_a_collapse_that_stays_is_told_and_kept() -> None:
    fallen = walk(3)
    fallen[150:] /= 100.0
    found = inspect(made(A=fallen, B=walk(4)))
    assert kinds(found, "fails") == []
    assert {one.kind for one in found} == {"extreme-move"}
    assert min(one.size for one in found) == pytest.approx(-0.99, abs=0.002)
