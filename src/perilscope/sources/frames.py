# SPDX-License-Identifier: Apache-2.0
"""Prices from what is in memory: data frames of pandas, polars, Arrow and others, lists of bars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from perilscope.errors import DataError, Fault, MisuseError
from perilscope.evidence.calendar import UTC_DAYS, Calendar
from perilscope.evidence.dialects import text_of
from perilscope.evidence.history import History
from perilscope.evidence.prices import CELLS, parse_prices


def frame_prices(data: Any, name: str = "", calendar: Calendar = UTC_DAYS) -> History:
    """The price history in a data frame, or in bars as ccxt gives them.

    Parameters
    ----------
    data : data frame, list or dict
        Long (``date``, ``asset``, ``close``) or wide (``date`` and a column per asset), by any
        library that narwhals knows, lazy ones too; a pandas frame may have its dates in the index.
        Or bars
        ``[[time, open, high, low, close, volume], ...]``, also by symbol in a dict.
    name : str
        What errors call it; names the asset of bars without a symbol, like ``BTC/USDT``.
    calendar : Calendar, optional

    Raises
    ------
    MisuseError
        It is none of these, or narwhals is not installed.
    DataError
        As for a file; row n of the frame is line n + 1.

    Examples
    --------
    >>> bars = {"BTC/USDT": [[1577836800000, 7195.2, 7255.0, 7175.2, 7200.9, 16792.4]]}
    >>> frame_prices(bars).assets
    ('BTC',)
    """
    if isinstance(data, list | tuple | Mapping):
        try:
            text = json.dumps(data).encode()
        except (TypeError, ValueError) as error:
            raise MisuseError(f"these are not bars: {error}") from None
        return parse_prices(name or "bars.json", text, calendar)
    try:
        import narwhals
    except ImportError:
        raise MisuseError(
            "data frames need narwhals, which is an extra: pip install 'perilscope[frames]'"
        ) from None
    try:
        frame = narwhals.from_native(_dated(data))
    except TypeError:
        kind = type(data).__name__
        raise MisuseError(f"a path, a data frame or bars are wanted, not {kind}") from None
    if isinstance(frame, narwhals.LazyFrame):
        frame = frame.collect()
    called = name or "frame.csv"
    if frame.shape[0] * frame.shape[1] > CELLS:
        raise DataError([Fault(called, 0, 0, "", "this frame is too large for prices", "split it")])
    return parse_prices(called, text_of(list(frame.iter_rows()), frame.columns), calendar)


def _dated(data: Any) -> Any:
    """A pandas frame with the dates of its index as a column."""
    index = getattr(data, "index", None)
    if index is None or not hasattr(data, "reset_index"):
        return data
    if type(index).__name__ in ("DatetimeIndex", "PeriodIndex") or "date" in (index.name or ""):
        return data.rename_axis("date").reset_index()
    if type(index).__name__ == "MultiIndex":
        return data.reset_index()
    return data
