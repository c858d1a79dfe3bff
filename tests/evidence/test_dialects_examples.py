# SPDX-License-Identifier: Apache-2.0
"""Files as exchanges and price services write them, each with figures set by hand."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

import perilscope
from perilscope.errors import DataError, MisuseError
from perilscope.evidence.calendar import Calendar
from perilscope.evidence.prices import parse_prices
from perilscope.evidence.quality import inspect
from perilscope.evidence.quotes import converted
from perilscope.sources.files import read_prices

DAYS = (date(2025, 1, 1), date(2025, 1, 2))
CLOSES = [94591.79, 96984.79]


def _stamp(day: date, scale: int, hour: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * scale


def _kline(scale: int) -> str:
    rows = []
    for day, close in zip(DAYS, CLOSES, strict=True):
        at = _stamp(day, scale)
        rows.append(
            f"{at},93576.00,95151.15,92888.00,{close},10373.32,{at + 86400 * scale - 1},"
            "975444950.2,1555497,5245.4,493281241.6,0"
        )
    return "\n".join(rows) + "\n"


CMC = (
    "\ufefftimeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp\n"
    '"2025-01-02T00:00:00.000Z";"2025-01-02T23:59:59.999Z";"2025-01-02T14:00:00.000Z";'
    '"2025-01-02T00:05:00.000Z";"2781";94416.28;97739.82;94201.57;96984.79;46009564411.23;'
    '1920000000000.1;"2025-01-02T23:59:59.999Z"\n'
    '"2025-01-01T00:00:00.000Z";"2025-01-01T23:59:59.999Z";"2025-01-01T20:00:00.000Z";'
    '"2025-01-01T01:05:00.000Z";"2781";93425.10;94929.86;92788.12;94591.79;24519888919.98;'
    '1870000000000.2;"2025-01-01T23:59:59.999Z"\n'
)
BARS = [
    [_stamp(day, 1000), 93576.0, 95151.15, 92888.0, close, 10373.32]
    for day, close in zip(DAYS, CLOSES, strict=True)
]
FILES = {
    "BTCUSDT-1d-2024-12.csv": (_kline(1000), "USDT"),
    "BTCUSDT-1d-2025-01.csv": (_kline(1_000_000), "USDT"),
    "Bitcoin_01_01_2025-02_01_2025_historical_data_coinmarketcap.csv": (CMC, ""),
    "BTC-USD.csv": (
        "Date,Open,High,Low,Close,Adj Close,Volume\n2025-01-01,1,2,1,94591.79,94591.79,2.4e10\n"
        "2025-01-02,1,2,1,96984.79,96984.79,46009564411\n",
        "USD",
    ),
    "btc-usd-max.csv": (
        "snapped_at,price,market_cap,total_volume\n"
        "2025-01-01 00:00:00 UTC,94591.79,1.87e12,2.4e10\n"
        "2025-01-02 00:00:00 UTC,96984.79,1.92e12,4.6e10\n",
        "USD",
    ),
    "btc.csv": (
        "time,PriceUSD,CapMrktCurUSD\n2025-01-01,94591.79,1.87e12\n2025-01-02,96984.79,1.92e12\n",
        "",
    ),
    "asset_metrics.csv": (
        "asset,time,PriceUSD\nbtc,2025-01-01T00:00:00.000000000Z,94591.79\n"
        "btc,2025-01-02T00:00:00.000000000Z,96984.79\n",
        "",
    ),
    "ccxt_BTC_USDT.json": (json.dumps(BARS), "USDT"),
    "metrics.csv": (
        "time,btc PriceUSD,btc TxCnt\n2025-01-01,94591.79,5\n2025-01-02,96984.79,6\n",
        "",
    ),
    "Binance_BTCUSDT_d.csv": (
        "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,"
        "Volume USDT,tradecount\n1735776000000,2025-01-02,BTC/USDT,1,2,1,96984.79,5,6,7\n"
        "1735689600000,2025-01-01,BTC/USDT,1,2,1,94591.79,5,6,7\n",
        "USDT",
    ),
    "yfinance.csv": (
        "Price,Close,High,Low,Open,Volume\nTicker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD\n"
        "Date,,,,,\n2025-01-01,94591.79,2,1,1,24519888919\n2025-01-02,96984.79,2,1,1,4.6e10\n",
        "USD",
    ),
    "BTC_USDT-1d.json": (json.dumps(BARS), "USDT"),
    "all.json": (json.dumps({"BTC/USDT": BARS}, indent=1), "USDT"),
    "semicolons.csv": ("date;asset;close\n2025-01-01;BTC;94591.79\n2025-01-02;BTC;96984.79\n", ""),
    "tz.csv": (
        "Datetime,asset,close\n2025-01-01 00:00:00+00:00,BTC,94591.79\n"
        "2025-01-02 00:00:00+00:00,BTC,96984.79\n",
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_writer_is_known_by_content(name: str) -> None:
    text, quote = FILES[name]
    history = parse_prices(name, text.encode())
    assert history.assets == ("BTC",)
    assert history.days == DAYS
    assert history.closes[:, 0].tolist() == CLOSES
    assert history.quotes.get("BTC", "") == quote
    assert not history.defects
    assert not history.bars


def test_volumes_are_money() -> None:
    kline = parse_prices("BTCUSDT-1d-2025-01.csv", _kline(1000).encode())
    assert kline.others["volume"][0, 0] == 975444950.2
    assert kline.others["high"][1, 0] == 95151.15
    units = parse_prices("BTC_USDT-1d.json", json.dumps(BARS).encode())
    assert units.others["volume"][0, 0] == pytest.approx(10373.32 * 94591.79)
    plain = parse_prices("p.csv", b"date,asset,close,volume\n2025-01-01,BTC,5,7\n")
    assert "volume" not in plain.others  # units or money? it does not say


def test_a_last_day_of_little_volume_is_seen_whatever_its_unit() -> None:
    lines = [f"2025-01-{day:02d},BTC,{100 + day % 3},{900 + day}" for day in range(1, 32)]
    whole = "date,asset,close,volume\n" + "\n".join([*lines, "2025-02-01,BTC,101,870"])
    cut = whole.replace(",870", ",40")
    found = [
        [each.kind for each in inspect(parse_prices("p.csv", text.encode()))]
        for text in (whole, cut)
    ]
    assert found == [[], ["partial-bar"]]


def test_null_is_no_price() -> None:
    text = b"Date,Open,High,Low,Close,Adj Close,Volume\n2025-01-01,null,null,null,null,null,null\n"
    history = parse_prices("BTC-USD.csv", text + b"2025-01-02,1,2,1,3,3,4\n")
    assert [(d.line, d.what) for d in history.defects] == [(2, "no price: null")]


def test_lines_are_those_of_the_file() -> None:
    broken = _kline(1000).replace("96984.79", "-1")
    assert parse_prices("BTCUSDT-1d.csv", broken.encode()).defects[0].line == 2
    bars = [*BARS, [_stamp(date(2025, 1, 3), 1000), 1.0, 1.0, 1.0, -5.0, 1.0]]
    text = "[\n" + ",\n".join(json.dumps(bar) for bar in bars) + "\n]"
    assert parse_prices("BTC_USDT-1d.json", text.encode()).defects[0].line == 4
    assert parse_prices("x_USDT.json", json.dumps(bars).encode()).defects[0].line == 1
    header = "date,asset,close\n2025-01-01,BTC,1\nnonsense,BTC,1\n"
    with pytest.raises(DataError) as error:
        parse_prices("p.csv", header.encode())
    assert error.value.faults[0].line == 3


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("BTC_USDT.json", "[[1,2", "not readable as JSON"),
        ("BTC_USDT.json", "[" * 100_000, "not readable as JSON"),
        ("BTC_USDT.json", '{"BTC/USDT": 5}', "bars are wanted"),
        ("BTC_USDT.json", "[[1, 2], 3]", "a bar is wanted"),
        ("1.csv", _kline(1000), "do not name their asset"),
        ("q.csv", "Date,Open,High,Low,Close\n2025-01-01,1,1,1,1\n", "none that names the asset"),
    ],
)
def test_files_that_are_refused(name: str, text: str, told: str) -> None:
    with pytest.raises(DataError) as error:
        parse_prices(name, text.encode())
    assert told in error.value.faults[0].what


def test_hours_become_days(tmp_path: Path) -> None:
    rows = ["timestamp,symbol,open,high,low,close"]
    price = 100.0
    for day in (1, 2, 3):
        for hour in range(24 if day < 3 else 5):
            price += 1.0
            stamp = _stamp(date(2025, 1, day), 1000, hour)
            rows.append(f"{stamp},ETH/USD,{price - 1},{price + 3},{price - 4},{price}")
    (tmp_path / "h.csv").write_text("\n".join(rows))
    history = read_prices(tmp_path / "h.csv")
    assert history.closes[:, 0].tolist() == [124.0, 148.0, 153.0]
    assert history.others["open"][:, 0].tolist() == [100.0, 124.0, 148.0]
    assert history.others["high"][:, 0].tolist() == [127.0, 151.0, 156.0]
    assert history.partial == {"ETH": "its bars end at 05:00"}
    assert not history.defects
    eight = read_prices(tmp_path / "h.csv", Calendar(cutoff=8))  # a day ends at 08:00
    assert [day.day for day in eight.days] == [31, 1, 2]
    assert eight.closes[:, 0].tolist() == [108.0, 132.0, 153.0]


def test_archives_and_columns(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-1d-2025-01.csv", _kline(1_000_000))
    (tmp_path / "BTCUSDT-1d-2025-01.zip").write_bytes(out.getvalue())
    assert read_prices(tmp_path).closes[:, 0].tolist() == CLOSES
    (tmp_path / "bad.zip").write_bytes(out.getvalue()[:100])
    with pytest.raises(DataError, match="not readable as a zip"):
        read_prices(tmp_path / "bad.zip")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-1d.csv", b"0" * (257 << 20))
    (tmp_path / "bomb.zip").write_bytes(out.getvalue())
    with pytest.raises(DataError, match="unpacks to more than"):
        read_prices(tmp_path / "bomb.zip")


def test_frames_of_several_libraries(tmp_path: Path) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    feather = pytest.importorskip("pyarrow.feather")
    long = {"date": list(DAYS), "asset": ["BTC"] * 2, "close": CLOSES}
    wide = pandas.DataFrame({"BTC": CLOSES}, index=pandas.to_datetime(list(DAYS)))
    arrow = polars.DataFrame(long).to_arrow()
    feather.write_feather(arrow, tmp_path / "p.feather", compression="uncompressed")
    found = [
        perilscope.read_prices(pandas.DataFrame(long)),
        perilscope.read_prices(wide),
        perilscope.read_prices(polars.DataFrame(long)),
        perilscope.read_prices(polars.DataFrame(long).lazy()),
        perilscope.read_prices(arrow),
        perilscope.read_prices(tmp_path / "p.feather"),
        perilscope.read_prices(BARS, name="BTC/USDT"),
    ]
    for history in found:
        assert history.assets == ("BTC",)
        assert history.days == DAYS
        assert history.closes[:, 0].tolist() == CLOSES
    with pytest.raises(MisuseError, match="are wanted, not int"):
        perilscope.read_prices(5)
    with pytest.raises(DataError, match="no column date"):
        perilscope.read_prices(pandas.DataFrame({"asset": ["BTC"], "close": [1.0]}))


def test_a_quote_is_a_price_of_its_own() -> None:
    bars = parse_prices("BTC_USDT-1d.json", json.dumps(BARS).encode())
    alone, notes = converted(bars)
    assert np.array_equal(alone.closes, bars.closes)
    assert "figures are in USDT" in notes[0]
    coin = parse_prices("p.csv", b"date,asset,close\n2025-01-01,USDT,0.95\n2025-01-02,USDT,1.01\n")
    from perilscope.evidence.history import merge

    both, notes = converted(merge([bars, coin]))
    assert both.closes[:, 0].tolist() == pytest.approx([0.95 * CLOSES[0], 1.01 * CLOSES[1]])
    assert "by the price of USDT" in notes[0]
