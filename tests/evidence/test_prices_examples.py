# SPDX-License-Identifier: Apache-2.0
"""Price files: the two forms, what is refused and where, what the gate lets through."""

from __future__ import annotations

import hashlib
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from perilscope.errors import AssessmentError, DataError, MisuseError
from perilscope.evidence.prices import History, gate, merge, parse_prices

START = date(2025, 1, 1)
LAST = date(2025, 1, 10)


def long(days: int = 10, **assets: float) -> list[str]:
    """A whole file in the long form; line i + 1 holds row i, the header is line 1."""
    rows = ["date,asset,close"]
    for day in range(days):
        rows += [f"{START + timedelta(day)},{name},{close}" for name, close in assets.items()]
    return rows


def parsed(rows: list[str], name: str = "p.csv") -> History:
    return parse_prices(name, "\n".join(rows).encode())


def refused(rows: list[str], *held: str) -> list[tuple[int, str, str]]:
    with pytest.raises(DataError) as error:
        gate(parsed(rows), held, LAST)
    assert all(fault.file == "p.csv" and fault.mend for fault in error.value.faults)
    return [(fault.line, fault.path, fault.what) for fault in error.value.faults]


def test_long_and_wide_say_the_same() -> None:
    tall = parsed(["date,asset,close", "2025-01-02,A,3", "2025-01-01,A,1", "2025-01-01,B,2"])
    wide = parsed(["date,A,B", "2025-01-01,1,2", "2025-01-02,3,"])
    assert tall.assets == wide.assets == ("A", "B")
    assert tall.days == wide.days == (date(2025, 1, 1), date(2025, 1, 2))
    expected = [[1.0, 2.0], [3.0, np.nan]]
    assert np.array_equal(tall.closes, expected, equal_nan=True)
    assert np.array_equal(wide.closes, expected, equal_nan=True)
    assert tall.lines.tolist() == [[3, 4], [2, 0]]
    assert wide.lines.tolist() == [[2, 2], [3, 0]]
    assert not tall.defects
    assert not wide.defects


@pytest.mark.parametrize(
    "header",
    ["Date,Symbol,Close,Open", "TIMESTAMP,Ticker,price,volume", " date , asset , close , token "],
)
def test_columns_by_other_names_and_more_of_them(header: str) -> None:
    history = parsed(["# a note", header, "2025-01-01T23:59:59Z,A,5,7", "", "# more"])
    assert history.assets == ("A",)
    assert history.closes.tolist() == [[5.0]]
    assert history.note == "a note\nmore"
    assert history.lines.tolist() == [[3]]


@pytest.mark.parametrize(
    ("data", "line", "told"),
    [
        (b"", 0, "empty"),
        (b"\n\n# only a note\n", 0, "empty"),
        (b"date,asset,close\n", 1, "no prices"),
        (b"asset,close\nA,1\n", 1, "no column date"),
        (b"date,close\n2025-01-01,1\n", 1, "none that names the asset"),
        (b"Date,Open,High,Low,Close\n2025-01-01,1,1,1,1\n", 1, "none that names the asset"),
        (b"date,symbol,open\n2025-01-01,A,1\n", 1, "none with the close"),
        (b"date,symbol,ticker,close\n2025-01-01,A,A,1\n", 1, "could all be the asset"),
        (b"date,asset,close,CLOSE\n2025-01-01,A,1,1\n", 1, "could all be the close"),
        (b"date\tasset\tclose\n2025-01-01\tA\t1\n", 1, "not separated by commas"),
        (b"date,A,A\n2025-01-01,1,1\n", 1, "two columns are called A"),
        (b"date,A,\n2025-01-01,1,1\n", 1, "column 3 has no name"),
        (b"date,asset,close\n01/02/2025,A,1\n", 2, "a date is wanted"),
        (b"date,asset,close\n20250102,A,1\n", 2, "a date is wanted"),
        (b"date,asset,close\n2025-02-30,A,1\n", 2, "a date is wanted"),
        (b"date,asset,close\n2025-01-011,A,1\n", 2, "a date is wanted"),
        (b"date,asset,close\n2025-01-01,A,1,000\n", 2, "4 cells and the header has 3"),
        (b"date,asset,close\n2025-01-01,,1\n", 2, "without an asset"),
        (b'date,asset,close\n2025-01-01,"A,1\n2025-01-02,A,1\n', 2, "not readable"),
        (b"date,asset,close\n2025-01-01,\xe9,1\n", 2, "not UTF-8"),
        ("date,asset,close\n".encode("utf-16"), 1, "UTF-16"),
    ],
)
def test_files_that_are_refused(data: bytes, line: int, told: str) -> None:
    with pytest.raises(DataError) as error:
        parse_prices("p.csv", data)
    assert [fault.line for fault in error.value.faults] == [line]
    assert told in error.value.faults[0].what


def test_every_fault_of_a_file_at_once() -> None:
    rows = long(A=1.0)
    rows[2], rows[4], rows[7] = "yesterday,A,1", "2025-01-04,A", "2025-01-07,,1"
    with pytest.raises(DataError) as error:
        parsed(rows)
    assert [fault.line for fault in error.value.faults] == [3, 5, 8]


def test_a_file_of_nonsense_does_not_flood() -> None:
    with pytest.raises(DataError) as error:
        parsed(["date,asset,close", *["nonsense"] * 5000])
    assert len(error.value.faults) == 101
    assert "4900 more" in error.value.faults[-1].what


@pytest.mark.parametrize(
    ("price", "told"),
    [
        ("0", "zero"),
        ("-3", "negative"),
        ("nan", "not a number"),
        ("inf", "not a number"),
        ("1e999", "not a number"),
        ("null", "no price"),
        ("", "no price"),
        ("abc", "'abc'"),
        ("1_000", "'1_000'"),
    ],
)
@pytest.mark.parametrize("row", [1, 5, 10])
def test_a_price_that_cannot_be(price: str, told: str, row: int) -> None:
    rows = long(A=1.0)
    rows[row] = f"{START + timedelta(row - 1)},A,{price}"
    [(line, path, what)] = refused(rows, "A")
    assert (line, path) == (row + 1, "A")
    assert told in what
    assert str(START + timedelta(row - 1)) in what


def test_such_a_price_in_the_wide_form() -> None:
    rows = ["date,A,B", "2025-01-01,1,1", "2025-01-02,0,x", "2025-01-03,1,1"]
    assert [(line, path) for line, path, _ in refused(rows, "A", "B")] == [(3, "A"), (3, "B")]
    rows[2] = "2025-01-02,,1"
    [(line, path, what)] = refused(rows, "A", "B")
    assert (line, path, what) == (4, "A", "2025-01-02 is missing")


def test_gaps_name_the_line_where_the_file_goes_on() -> None:
    rows = long(A=1.0)
    del rows[4], rows[6:8]
    found = refused(rows, "A")
    assert found == [
        (5, "A", "2025-01-04 is missing"),
        (7, "A", "2 days are missing, 2025-01-07 to 2025-01-08"),
    ]


def test_a_day_that_stands_twice() -> None:
    rows = long(A=1.0)
    rows.append("2025-01-03,A,1.0")
    [(line, _, what)] = refused(rows, "A")
    assert line == 12
    assert "first on line 4" in what


def test_all_faults_of_all_that_is_held() -> None:
    rows = long(A=1.0, B=2.0)
    rows[3] = "2025-01-02,A,0"  # line 4
    rows[6] = "2025-01-03,B,-1"  # line 7
    del rows[12]  # B on 2025-01-06
    rows.append("2025-01-01,B,2")
    assert [(line, path) for line, path, _ in refused(rows, "A", "B")] == [
        (4, "A"),
        (21, "B"),
        (7, "B"),
        (14, "B"),
    ]


def test_what_is_not_held_is_only_told() -> None:
    rows = long(A=1.0, B=2.0)
    rows[3], rows[8] = "2025-01-02,A,1", "2025-01-04,B,0"
    history, findings = gate(parsed(rows), ["A"], LAST)
    assert history.assets == ("A",)
    assert history.closes.shape == (10, 1)
    assert any("B (not held)" in one and "p.csv:9" in one and "zero" in one for one in findings)


def test_what_lies_outside_the_days_used_is_only_told() -> None:
    rows = long(A=1.0)
    rows += [f"{START + timedelta(day)},B,2" for day in range(5, 10)]
    rows[3] = "2025-01-03,A,0"
    history, findings = gate(parsed(rows), ["A", "B"], LAST)
    assert history.days[0] == date(2025, 1, 6)
    assert any("A (outside the days used)" in one and "p.csv:4" in one for one in findings)
    assert any("start on 2025-01-06, the first of B" in one for one in findings)


def test_a_gap_that_reaches_into_the_days_used_counts() -> None:
    rows = ["date,A,B", "2025-01-01,1,", "2025-01-04,1,1", "2025-01-05,1,1"]
    rows.insert(2, "2025-01-03,,1")
    [(line, path, what)] = refused(rows, "A", "B")
    assert (line, path) == (4, "A")
    assert "2025-01-02 to 2025-01-03" in what


def test_weekends_that_are_missing_are_called_so() -> None:
    days = [START + timedelta(day) for day in range(365)]
    rows = ["date,asset,close", *(f"{day},A,1" for day in days if day.weekday() < 5)]
    with pytest.raises(DataError) as error:
        gate(parsed(rows), ["A"], date(2026, 1, 1))
    assert "weekends" in error.value.faults[0].mend
    assert len(error.value.faults) == 21
    assert "more" in error.value.faults[-1].what


def test_prices_after_the_day_of_the_book_are_not_used() -> None:
    history, findings = gate(parsed(long(A=1.0)), ["A"], date(2025, 1, 7))
    assert history.days[-1] == date(2025, 1, 7)
    assert any("prices after 2025-01-07" in one for one in findings)


@pytest.mark.parametrize(("as_of", "stale"), [(15, False), (16, True)])
def test_old_prices_are_told(as_of: int, stale: bool) -> None:
    _, findings = gate(parsed(long(A=1.0)), ["A"], date(2025, 1, as_of))
    assert any("last prices are of 2025-01-10" in one for one in findings) is stale


def test_a_held_asset_without_prices() -> None:
    history, findings = gate(parsed(long(BTC=1.0)), ["btc", "BTC", "BTC"], LAST)
    assert history.assets == ("BTC",)
    assert findings[0].startswith("btc is held but has no prices in p.csv; the history has BTC")
    with pytest.raises(DataError, match="nothing that is held"):
        gate(parsed(long(BTC=1.0)), ["XYZ"], LAST)
    with pytest.raises(DataError, match="nothing that is held"):
        gate(parsed(long(BTC=1.0)), ["BTC"], date(2024, 1, 1))


def test_no_common_day() -> None:
    rows = ["date,A,B", "2025-01-01,1,", "2025-01-02,,1"]
    assert "no day on which all" in refused(rows, "A", "B")[0][2]


def test_what_passes_is_whole_and_in_the_order_asked_for() -> None:
    history, _ = gate(parsed(long(A=1.0, B=2.0, C=3.0)), ["C", "A"], LAST)
    assert history.assets == ("C", "A")
    assert history.closes.tolist() == [[3.0, 1.0]] * 10
    assert all(b - a == timedelta(1) for a, b in zip(history.days, history.days[1:], strict=False))


def test_price_is_the_last_usable_close() -> None:
    rows = long(A=1.0)
    rows[10] = "2025-01-10,A,0"
    rows[9] = "2025-01-09,A,7"
    history = parsed(rows)
    assert history.price("A", date(2025, 1, 8)) == 1.0
    assert history.last("A", date(2030, 1, 1)) == (date(2025, 1, 9), 7.0)
    with pytest.raises(AssessmentError, match=r"no price of A on or before 2024-12-31 in p\.csv"):
        history.price("A", date(2024, 12, 31))
    with pytest.raises(AssessmentError, match=r"no price of B in p\.csv"):
        history.price("B", LAST)


def test_merging_files() -> None:
    early = parsed(long(5, A=1.0), "1.csv")
    late = parsed(["date,asset,close", *(f"2025-01-{d:02},A,2" for d in range(6, 11))], "2.csv")
    other = parsed(long(10, B=3.0), "3.csv")
    history, findings = gate(merge([early, late, other]), ["A", "B"], LAST)
    assert history.closes[:, 0].tolist() == [1.0] * 5 + [2.0] * 5
    assert history.closes[:, 1].tolist() == [3.0] * 10
    assert history.source == "1.csv, 2.csv, 3.csv"
    assert len(history.digest) == 64
    assert len(findings) == 1  # only ten days
    again = merge([early, late, parsed(long(3, A=1.0), "4.csv")])
    with pytest.raises(DataError) as error:
        gate(again, ["A"], LAST)
    assert [(fault.file, fault.line) for fault in error.value.faults] == [
        ("4.csv", 2),
        ("4.csv", 3),
        ("4.csv", 4),
    ]
    assert "first in 1.csv:2" in error.value.faults[0].what


def test_a_gap_between_files_names_the_file_that_goes_on() -> None:
    late = parsed(["date,asset,close", "2025-01-07,A,2"], "2.csv")
    with pytest.raises(DataError) as error:
        gate(merge([parsed(long(5, A=1.0), "1.csv"), late]), ["A"], LAST)
    assert [(f.file, f.line, f.what) for f in error.value.faults] == [
        ("2.csv", 2, "2025-01-06 is missing")
    ]


def test_a_history_made_in_python() -> None:
    days = (date(2025, 1, 1), date(2025, 1, 2))
    kept, _ = gate(History(("A",), days, np.array([[1.0], [2.0]])), ["A"], LAST, stale_after=30)
    assert kept.closes.tolist() == [[1.0], [2.0]]
    with pytest.raises(MisuseError):
        History(("A",), days, np.ones((3, 1)))
    with pytest.raises(MisuseError):
        History(("A",), days[::-1], np.ones((2, 1)))
    with pytest.raises(MisuseError):
        merge([])


def test_digest_is_of_the_content() -> None:
    data = "\n".join(long(A=1.0)).encode()
    assert parse_prices("x", data).digest == hashlib.sha256(data).hexdigest()


def test_a_table_too_large_to_be_prices_is_refused_before_memory_is_taken() -> None:
    rows = [f"{START + timedelta(day)},A{day},1" for day in range(5000)]
    with pytest.raises(DataError, match="more than a price history holds"):
        parsed(["date,asset,close", *rows])


def test_sixteen_thousand_prices_are_read_quickly() -> None:
    rows = ["date,asset,close,open,high,low,volume"]
    for day in range(2000):
        rows += [f"{START + timedelta(day)},A{i},{day + i + 0.123},1,2,3,4e9" for i in range(8)]
    data = "\n".join(rows).encode()
    spent = []
    for _ in range(5):
        start = time.process_time()
        history = parse_prices("p.csv", data)
        spent.append(time.process_time() - start)
    assert history.closes.shape == (2000, 8)
    assert min(spent) < 0.08


PRICES = Path(__file__).resolve().parents[3] / "shared" / "data" / "prices"


@pytest.mark.acceptance
def test_real_history() -> None:
    files = sorted(PRICES.glob("*.csv"))
    if not files:
        pytest.skip("no real price history beside the project")
    histories = {path.name: parse_prices(path.name, path.read_bytes()) for path in files}
    yahoo = histories["yahoo_daily_ohlcv_2014_2024.csv"]
    assert yahoo.last("BTC", date(2020, 3, 12)) == (
        date(2020, 3, 12),
        pytest.approx(4970.79, abs=0.005),
    )
    coins = histories["cmc_stablecoins_terra_daily_ohlcv_2017_2025.csv"]
    assert coins.price("USDC", date(2023, 3, 11)) == pytest.approx(0.9715, abs=5e-4)
    with pytest.raises(DataError, match=r"AVAX: \d+ days are missing, .* to 2020-09-21"):
        gate(yahoo, ["AVAX", "BTC"], date(2024, 12, 6))
    after = gate(yahoo, ["BTC", "ETH"], date(2024, 12, 6))[0]
    assert len(after.days) > 2500
    assert np.isfinite(after.closes).all()
