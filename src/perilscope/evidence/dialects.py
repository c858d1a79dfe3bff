# SPDX-License-Identifier: Apache-2.0
"""How exchanges and price services write prices, told by content and turned into one table.

A file of one asset says its name in its file name alone: ``BTCUSDT-1d-2025-01.csv``,
``BTC-USD.csv``, ``btc-usd-max.csv``, ``BTC_USDT-1d.json``. What the price is quoted in is kept
beside it: a price in USDT is not a price in USD.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from perilscope.evidence.table import Faults, Table, decode, read_table

QUOTES = (
    "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "DAI", "USD", "EUR", "GBP", "JPY", "TRY",
    "BRL", "BTC", "ETH", "BNB",
)  # fmt: skip
"""What prices are quoted in, the longer names first where one ends on another."""
_NAMES = {
    "bitcoin": "BTC", "ethereum": "ETH", "tether": "USDT", "solana": "SOL", "ripple": "XRP",
    "cardano": "ADA", "dogecoin": "DOGE", "litecoin": "LTC", "polkadot": "DOT", "tron": "TRX",
    "avalanche": "AVAX", "chainlink": "LINK", "uniswap": "UNI", "toncoin": "TON", "xrp": "XRP",
    "binancecoin": "BNB", "stellar": "XLM", "monero": "XMR", "dai": "DAI",
}  # fmt: skip
_KLINE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades",
    "taker_volume", "taker_quote_volume", "ignore",
)  # fmt: skip
DATE = (
    "date", "day", "datetime", "timestamp", "time", "open_time", "open time", "timeopen",
    "time_open", "snapped_at", "unix",
)  # fmt: skip
ASSET = ("asset", "symbol", "ticker", "token", "pair")
CLOSE = ("close", "price", "priceusd", "referencerateusd", "referencerate")
_MONEY = (
    "quote_volume", "quote asset volume", "quote_asset_volume", "volume usd", "volume usdt",
    "volume_usd", "total_volume", "volumeusd", "volume usdc",
)  # fmt: skip
_IN_MONEY = ("adj close", "adj_close", "marketcap", "market_cap")
"""Beside these columns a plain ``volume`` is in money."""
_WORDS = frozenset({
    "binance", "binanceus", "bitfinex", "bitget", "bitstamp", "bybit", "ccxt", "coinbase",
    "coingecko", "coinmarketcap", "coinmetrics", "cryptocompare", "deribit", "freqtrade", "gateio",
    "gemini", "htx", "huobi", "kraken", "kucoin", "mexc", "okx", "price", "prices", "yahoo",
    "yfinance",
})  # fmt: skip
"""Words in the name of a file that are of no asset."""
_METRIC = re.compile(r"(.+?)[ ._/:-]?(?:PriceUSD|ReferenceRateUSD)", re.IGNORECASE)


@dataclass(frozen=True)
class Sheet:
    """A table of prices whose columns have been told apart.

    Parameters
    ----------
    table : Table
    day : int
        Where the date stands.
    close, asset : int or None
        Where they stand; both None for one column per asset.
    name, quote : str
        Of the one asset of a file that names none in its rows.
    others : mapping of ``open``, ``high``, ``low``, ``volume``, ``traded`` to place
        ``volume`` is in money, ``traded`` a volume in a unit that the file does not tell.
    units : int or None
        Where a volume in units of the asset stands.
    dialect : str
        Who writes such files, in words.
    """

    table: Table
    day: int
    close: int | None = None
    asset: int | None = None
    name: str = ""
    quote: str = ""
    others: dict[str, int] = field(default_factory=dict)
    units: int | None = None
    dialect: str = "table"


def pair(text: str) -> tuple[str, str]:
    """Asset and what it is quoted in, of a symbol or the name of a file; empty where not said.

    Examples
    --------
    >>> pair("BTCUSDT-1h-2025-01"), pair("btc-usd-max"), pair("ETH/USDC:USDC"), pair("p")
    (('BTC', 'USDT'), ('BTC', 'USD'), ('ETH', 'USDC'), ('', ''))
    """
    stem = text.replace("\\", "/").rsplit("/", 1)[-1] if "." in text else text
    stem = re.sub(r"\.(csv|json|zip|txt|gz|feather|arrow|parquet)\b.*$", "", stem, flags=re.I)
    parts = [one for one in re.split(r"[^A-Za-z0-9]+", stem) if one]
    for word in parts:
        if word.casefold() in _NAMES:
            return _NAMES[word.casefold()], ""
    words = [one.upper() for one in parts if one.casefold() not in _WORDS]
    for at, word in enumerate(words):
        follows = words[at + 1] if at + 1 < len(words) else ""
        if follows in QUOTES and any(sign.isalpha() for sign in word):
            return word, follows
        for quote in QUOTES:
            if word.endswith(quote) and len(word) > len(quote) + 1:
                return word[: -len(quote)], quote
    if words and 2 <= len(words[0]) <= 10 and words[0][0].isalnum() and not words[0].isdigit():
        return words[0], ""
    return "", ""


def sheet(name: str, data: bytes, faults: Faults) -> Sheet:
    """The columns of a file of prices, whoever wrote it.

    Parameters
    ----------
    name : str
        Name of the file; names the asset where the rows do not.
    data : bytes
        Separated by commas or semicolons, or JSON.
    faults : Faults

    Raises
    ------
    DataError
        If it cannot be read as any of them, with what is missing.
    """
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in (b"[", b"{"):
        return _json(name, data, faults)
    first = head.splitlines()[0].decode("utf-8", "replace") if head else ""
    if re.match(r"https?://", first) and "," not in first:  # CryptoDataDownload signs its files
        text = decode(name, data)
        data = ("#" + text.lstrip("\ufeff").lstrip()).encode()
        rest = text.lstrip("\ufeff").lstrip().splitlines()[1:2]
        first = rest[0] if rest else ""
    cells = next(csv.reader([first]), [])
    if len(cells) in (11, 12) and re.fullmatch(r"\d{10,16}", cells[0].strip()):
        return _kline(name, data, faults, len(cells))
    mark = ";" if ";" in first and "," not in first.split(";")[0] else ","
    return _told_apart(name, read_table(name, data, faults, mark), faults)


def _kline(name: str, data: bytes, faults: Faults, width: int) -> Sheet:
    """Binance's daily or hourly bars, which have no header."""
    header = ",".join(_KLINE[:width]).encode()
    table = read_table(name, header + b"\n" + data.removeprefix(b"\xef\xbb\xbf"), faults)
    shifted = ((line - 1, row) for line, row in table.rows)
    asset, quote = pair(name)
    if not asset:
        faults.add(1, "these bars do not name their asset", "call the file like BTCUSDT-1d.csv")
        faults.refuse()
    others = {"open": 1, "high": 2, "low": 3, "volume": 7}
    table = Table(table.columns, 1, shifted, table.notes)
    return Sheet(table, 0, 4, None, asset, quote or "USDT", others, None, "Binance klines")


def _place(table: Table, names: Sequence[str], faults: Faults) -> int | None:
    """Where the column of this meaning stands; its plain name wins over its synonyms."""
    places = table.places(names[:1]) or table.places(names)
    if len(places) > 1:
        both = " and ".join(table.columns[place] for place in places)
        faults.add(table.line, f"{both} could all be the {names[0]}", f"name one `{names[0]}`")
    return places[0] if places else None


def _told_apart(name: str, table: Table, faults: Faults) -> Sheet:
    lower = [column.casefold() for column in table.columns]
    if lower[:1] == ["price"] and "close" in lower and "date" not in lower:
        return _yahoo_levels(name, table, faults)
    day = table.places(DATE[:1])[:1] or table.places(DATE)[:1]
    asset, close = _place(table, ASSET, faults), _place(table, CLOSE, faults)
    mend = "the header is date,asset,close[,open,high,low,volume], or date and one column per asset"
    bars = {"open", "high", "low", "close"} <= set(lower)
    known = bars or not {"snapped_at", "priceusd", "referencerateusd"}.isdisjoint(lower)
    alone, quote = pair(name) if known and asset is None else ("", "")
    metrics = [one for one in table.columns if _METRIC.fullmatch(one)]
    if not day:
        what = f"there is no column date; there are {', '.join(table.columns)}"
        faults.add(table.line, what, mend)
    elif asset is None and close is not None and not alone:
        what = f"there is a column {table.columns[close]} but none that names the asset"
        faults.add(table.line, what, mend + "; or call the file like BTC-USD.csv")
    elif asset is not None and close is None:
        what = f"there is a column {table.columns[asset]} but none with the close"
        faults.add(table.line, what, mend)
    faults.refuse()
    if asset is None and close is None and metrics:
        return Sheet(_metrics(table), day[0], dialect="Coin Metrics")
    others = {} if close is None else _others(table, lower)
    units = _units(lower, others) if close is not None else None
    if close is not None and units is None and "volume" in lower and "volume" not in others:
        others["traded"] = lower.index("volume")
    return Sheet(
        table, day[0], close, asset, alone, quote, others, units, _writer(lower, asset is None)
    )


def _others(table: Table, lower: Sequence[str]) -> dict[str, int]:
    found = {key: lower.index(key) for key in ("open", "high", "low") if key in lower}
    money = [at for at, column in enumerate(lower) if column in _MONEY]
    if money:
        found["volume"] = money[0]
    elif "volume" in lower and any(each in lower for each in _IN_MONEY):
        found["volume"] = lower.index("volume")
    return found


def _units(lower: Sequence[str], others: dict[str, int]) -> int | None:
    """Where a volume in units stands, of writers who are known to write units."""
    known = "open_time" in lower or "open time" in lower
    return lower.index("volume") if known and "volume" in lower and "volume" not in others else None


def _writer(lower: Sequence[str], alone: bool) -> str:
    if "snapped_at" in lower:
        return "CoinGecko"
    if "timeopen" in lower:
        return "CoinMarketCap"
    if "adj close" in lower:
        return "Yahoo"
    if "priceusd" in lower or "referencerateusd" in lower:
        return "Coin Metrics"
    if "open_time" in lower or "open time" in lower:
        return "Binance klines"
    return "bars of one asset" if alone else "table"


def _metrics(table: Table) -> Table:
    """Coin Metrics' wide form: ``btc PriceUSD`` becomes BTC; other metrics are passed over."""
    keep = [0, *(at for at, one in enumerate(table.columns) if at and _METRIC.fullmatch(one))]

    def named(column: str) -> str:
        said = _METRIC.fullmatch(column)
        return said[1].upper() if said else column

    rows = ((line, [cells[at] for at in keep]) for line, cells in table.rows)
    return Table(tuple(named(table.columns[at]) for at in keep), table.line, rows, table.notes)


def _yahoo_levels(name: str, table: Table, faults: Faults) -> Sheet:
    """Read the file of yfinance with two more lines of header, Ticker and Date."""
    lower = [column.casefold() for column in table.columns]
    close = lower.index("close")
    said = next(table.rows, (0, [""] * len(lower)))[1]
    asset, quote = pair(said[close] or name)
    if not asset:
        faults.add(table.line, "no ticker is named", "call the file like BTC-USD.csv")
        faults.refuse()
    rows = ((line, row) for line, row in table.rows if row[0].strip().casefold() != "date")
    keys: tuple[str, ...] = ("open", "high", "low", "volume")
    others = {key: lower.index(key) for key in keys if key in lower}
    sheet = Table(table.columns, table.line, rows, table.notes)
    return Sheet(sheet, 0, close, None, asset, quote, others, None, "Yahoo")


# --- JSON -----------------------------------------------------------------------------------------


def _json(name: str, data: bytes, faults: Faults) -> Sheet:
    """Bars of ccxt or freqtrade, ``[[time, open, high, low, close, volume]]``, or by symbol."""
    text = decode(name, data)
    try:
        tree: Any = json.loads(text)
    except json.JSONDecodeError as error:
        faults.add(error.lineno, f"not readable as JSON: {error.msg}", "", error.colno)
        tree = None
    except (RecursionError, ValueError) as error:
        faults.add(1, f"not readable as JSON: {type(error).__name__}", "nesting is too deep")
        tree = None
    faults.refuse()
    if isinstance(tree, dict) and isinstance(tree.get("prices"), list):
        tree = _points(tree)
    found = tree if isinstance(tree, dict) else {"": tree}
    rows: list[tuple[int, list[str]]] = []
    lines = _lines(text)
    for key, bars in found.items():
        asset, quote = pair(str(key) or name)
        if not asset:
            faults.add(1, "these bars do not name their asset", "call the file like BTC_USDT.json")
        elif not isinstance(bars, list):
            faults.add(1, f"bars are wanted here, found {type(bars).__name__}", _BARS)
        else:
            rows += _bars(bars, asset, lines, faults)
    faults.refuse()
    columns = ("date", "asset", "open", "high", "low", "close", "volume")
    others = {"open": 2, "high": 3, "low": 4}
    quotes = {pair(str(key) or name)[1] for key in found}
    table = Table(columns, 1, iter(rows), [])
    quote = quotes.pop() if len(quotes) == 1 else ""
    return Sheet(table, 0, 5, 1, "", quote, others, 6, "bars in JSON")


_BARS = "write [[time, open, high, low, close, volume], ...], or the same by symbol"


def _points(tree: dict[str, Any]) -> list[Any]:
    """CoinGecko's answer as bars."""
    return [
        [each[0], None, None, None, each[1], None]
        for each in tree["prices"]
        if isinstance(each, list) and len(each) == 2
    ]


def _lines(text: str) -> Iterator[int]:
    """The line of every innermost list, in the order of the text; then 0 for ever."""
    line, before = 1, 0
    for found in re.finditer(r"\[\s*(?=[\d\"n-])", text):
        line += text.count("\n", before, found.start())
        before = found.start()
        yield line
    while True:
        yield 0


def _bars(
    bars: list[Any], asset: str, lines: Iterator[int], faults: Faults
) -> Iterator[tuple[int, list[str]]]:
    for bar in bars:
        line = next(lines)
        if not isinstance(bar, list) or len(bar) < 5:
            faults.add(line, f"a bar is wanted here, found {str(bar)[:40]}", _BARS)
            continue
        cells = ["" if cell is None else str(cell) for cell in bar[:6]] + [""] * (6 - len(bar[:6]))
        yield line, [cells[0], asset, *cells[1:6]]


def text_of(rows: Sequence[Sequence[object]], header: Sequence[str]) -> bytes:
    """Rows in memory as the comma-separated text that files are read from."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return out.getvalue().encode()
