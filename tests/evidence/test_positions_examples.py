# SPDX-License-Identifier: Apache-2.0
"""Position files: what is read, what is refused and where."""

from __future__ import annotations

import pytest

from perilscope.errors import DataError
from perilscope.evidence.positions import Position, parse_positions


def test_all_columns_in_any_order_and_case() -> None:
    data = (
        b"\xef\xbb\xbf# nightly\nVenue,Asset,ignored,Quantity,STRATEGY\nbinance, BTC ,x,1.5,carry\n"
    )
    assert parse_positions("p.csv", data) == (Position("BTC", 1.5, "binance", "carry", 3),)


def test_two_columns_are_enough_and_shorts_are_negative() -> None:
    found = parse_positions("p.csv", b"asset,quantity\r\nETH,-2e3\r\nETH,1\r\n")
    assert found == (Position("ETH", -2000.0, line=2), Position("ETH", 1.0, line=3))


def test_plain_names_win_over_synonyms() -> None:
    data = b"token,asset,amount,quantity\nx,BTC,9,1\n"
    assert parse_positions("p.csv", data) == (Position("BTC", 1.0, line=2),)


@pytest.mark.parametrize(
    ("data", "lines", "told"),
    [
        (b"", [0], "empty"),
        (b"asset,quantity\n", [1], "no positions"),
        (b"name,size\nBTC,1\n", [1, 1], "no column asset"),
        (b"symbol,ticker,quantity\nBTC,BTC,1\n", [1], "could be the asset"),
        (b"asset,quantity\nBTC,many\nETH,nan\nSOL,inf\nXRP,\n", [2, 3, 4, 5], "a quantity"),
        (b'asset,quantity\nBTC,"1,200"\n', [2], "'1,200'"),
        (b"asset,quantity\nBTC,1,200\n", [2], "3 cells"),
        (b"asset,quantity\n,5\n", [2], "without an asset"),
        (b"asset,quantity\nBTC,1e300\n", [2], "more than any asset has"),
        (b"asset,quantity\nBTC,1_000\n", [2], "'1_000'"),
        (b"asset\tquantity\nBTC\t1\n", [1], "commas"),
    ],
)
def test_refused(data: bytes, lines: list[int], told: str) -> None:
    with pytest.raises(DataError) as error:
        parse_positions("p.csv", data)
    assert [fault.line for fault in error.value.faults] == lines
    assert told in error.value.faults[0].what
    assert all(fault.mend for fault in error.value.faults)
