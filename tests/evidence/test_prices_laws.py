# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come in: a history or a refusal with a line. What was written is read."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.errors import DataError
from perilscope.evidence.positions import parse_positions
from perilscope.evidence.prices import gate, merge, parse_prices

relaxed = settings(deadline=None)
pieces = st.sampled_from(
    [
        "date",
        "asset",
        "close",
        ",",
        "\n",
        "\r\n",
        '"',
        "#",
        "2025-01-01",
        "A",
        "1",
        "nan",
        "-",
        "\0",
    ]
)


@relaxed
@given(st.one_of(st.binary(max_size=200), st.lists(pieces).map(lambda p: "".join(p).encode())))
def test_any_bytes(data: bytes) -> None:
    for parse in (parse_prices, parse_positions):
        try:
            parse("f.csv", data)
        except DataError as error:
            odd = [one for one in error.faults if one.file != "f.csv" or not one.what]
            if odd or not error.faults:
                raise AssertionError(odd) from error


tables = st.integers(1, 4).flatmap(
    lambda k: st.lists(
        st.lists(st.one_of(st.none(), st.floats(1e-9, 1e9)), min_size=k, max_size=k),
        min_size=1,
        max_size=12,
    )
)


@relaxed
@given(tables, st.randoms(use_true_random=False))
def test_what_was_written_is_read(table: list[list[float | None]], random: object) -> None:
    days = [date(2025, 1, 1) + timedelta(row) for row in range(len(table))]
    names = [f"T{at}" for at in range(len(table[0]))]
    cells = [
        f"{day},{name},{price!r}"
        for day, row in zip(days, table, strict=True)
        for name, price in zip(names, row, strict=True)
        if price is not None
    ]
    wide = [
        ",".join([str(day), *("" if price is None else repr(price) for price in row)])
        for day, row in zip(days, table, strict=True)
    ]
    if not cells:
        return
    random.shuffle(cells)  # type: ignore[attr-defined]
    tall = parse_prices("p", "\n".join(["date,asset,close", *cells]).encode())
    flat = parse_prices("p", "\n".join([",".join(["date", *names]), *wide]).encode())
    for history in (tall, flat):
        assert not history.defects
        for row, day in zip(table, days, strict=True):
            for name, price in zip(names, row, strict=True):
                if price is not None:
                    at = history.days.index(day), history.assets.index(name)
                    assert history.closes[at] == price
        assert np.isfinite(history.closes).sum() == len(cells)


@relaxed
@given(st.sets(st.integers(0, 20), min_size=1), st.integers(0, 20))
def test_the_gate_passes_exactly_what_is_whole(kept: set[int], cut: int) -> None:
    rows = [f"{date(2025, 1, 1) + timedelta(day)},A,{day + 1}" for day in sorted(kept)]
    history = parse_prices("p", "\n".join(["date,asset,close", *rows]).encode())
    used = [day for day in sorted(kept) if day <= cut]
    whole = bool(used) and used == list(range(used[0], used[-1] + 1))
    try:
        found, _ = gate(history, ["A"], date(2025, 1, 1) + timedelta(cut))
    except DataError as error:
        assert not whole
        told = sum(int(f.what.split()[0]) if "days" in f.what else 1 for f in error.faults)
        assert not used or told == used[-1] - used[0] + 1 - len(used)
    else:
        assert whole
        assert found.closes[:, 0].tolist() == [day + 1.0 for day in used]


@relaxed
@given(st.integers(1, 9))
def test_one_file_in_two_parts_is_one_file(at: int) -> None:
    rows = [f"{date(2025, 1, 1) + timedelta(day)},A,{day + 1}" for day in range(10)]
    parts = [
        parse_prices(f"{n}", "\n".join(["date,asset,close", *part]).encode())
        for n, part in enumerate((rows[:at], rows[at:]))
    ]
    joined, whole = merge(parts), parse_prices("p", "\n".join(["date,asset,close", *rows]).encode())
    assert joined.days == whole.days
    assert joined.closes.tolist() == whole.closes.tolist()
