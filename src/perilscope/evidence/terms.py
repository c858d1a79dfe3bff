# SPDX-License-Identifier: Apache-2.0
"""The terms of an instrument, as the columns of a positions file state them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date

from perilscope.evidence.table import number

SPOT = "spot"
INSTRUMENTS = (
    SPOT, "perpetual", "future", "call", "put", "pool", "staked", "loan", "deposit", "fund", "cash",
)  # fmt: skip
_ALSO = {
    "": SPOT, "perp": "perpetual", "swap": "perpetual", "futures": "future", "lp": "pool",
    "amm": "pool", "staking": "staked", "lst": "staked", "borrow": "loan", "lending": "deposit",
    "coin": SPOT,
}  # fmt: skip
NEEDS: Mapping[str, tuple[str, ...]] = {
    "future": ("expiry",),
    "call": ("strike", "expiry"),
    "put": ("strike", "expiry"),
    "pool": ("quote",),
    "loan": ("debt", "quote", "threshold"),
}
"""Columns that an instrument cannot do without."""


@dataclass(frozen=True)
class Terms:
    """What is agreed beside asset and quantity; what an instrument does not use is left out.

    Parameters
    ----------
    quote : str
        What it is priced, margined or owed in; empty is the currency of the book.
    entry, mark : float
        Price at which it was entered, and of the future today.
    margin : float
        Isolated margin that belongs to this position: in the quote, of an inverse contract in
        units of the asset. Without it the position draws on the whole account.
    maintenance : float
        Maintenance margin as a share of the position.
    funding : float
        Funding a day that longs pay, as a share of the position.
    inverse : bool
        Settled in the asset; ``quantity`` of a perpetual or future is then an amount of the quote.
    strike, vol, rate : float
    surface : str
        Of implied volatilities, where ``vol`` names one instead of stating a number.
    expiry : date
    lower, upper, liquidity : float
        Of a share of a pool.
    debt, threshold, penalty : float
        Of a loan, the debt in units of the quote.
    discount, widening, exit_days : float
        Of a staked coin.
    volume : float
        Money that changes hands on a usual day in the market of a perpetual or future.
    """

    quote: str = ""
    entry: float | None = None
    mark: float | None = None
    margin: float | None = None
    maintenance: float = 0.005
    funding: float = 0.0
    inverse: bool = False
    strike: float | None = None
    expiry: date | None = None
    vol: float | None = None
    surface: str = ""
    rate: float = 0.0
    lower: float = 0.0
    upper: float = math.inf
    liquidity: float | None = None
    debt: float | None = None
    threshold: float | None = None
    penalty: float = 0.05
    discount: float = 0.0
    widening: float = 0.1
    exit_days: float = 0.0
    volume: float | None = None


PLAIN = Terms()

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "quote": ("quote", "quote_asset", "debt_asset"),
    "entry": ("entry", "entry_price", "avg_price"),
    "mark": ("mark", "mark_price"),
    "margin": ("margin", "isolated_margin"),
    "maintenance": ("maintenance", "maintenance_margin"),
    "funding": ("funding", "funding_per_day"),
    "inverse": ("settled", "settlement"),
    "strike": ("strike",),
    "expiry": ("expiry", "maturity"),
    "vol": ("vol", "iv", "implied_vol", "volatility"),
    "rate": ("rate",),
    "lower": ("lower", "price_lower"),
    "upper": ("upper", "price_upper"),
    "liquidity": ("liquidity",),
    "debt": ("debt",),
    "threshold": ("threshold", "liquidation_threshold"),
    "penalty": ("penalty", "liquidation_penalty"),
    "discount": ("discount",),
    "widening": ("widening",),
    "exit_days": ("exit_days", "exit_queue"),
    "volume": ("market_volume", "daily_volume"),
}
"""Names of the columns, each with its synonyms."""

_ABOVE = ("entry", "mark", "strike", "vol", "upper", "liquidity", "volume")
_SHARES = ("maintenance", "threshold", "penalty", "discount")


class RowFaults:
    """Collects what is wrong with one row."""

    def __init__(self, add: Callable[[str, str], None]) -> None:
        self.add = add
        self.clean = True

    def __call__(self, what: str, mend: str) -> None:
        """Note one fault of the row."""
        self.clean = False
        self.add(what, mend)


def instrument(text: str, faults: RowFaults) -> str:
    """The instrument that a cell names.

    Examples
    --------
    >>> instrument("perp", RowFaults(lambda what, mend: None))
    'perpetual'
    """
    said = text.strip().casefold()
    found = _ALSO.get(said, said)
    if found not in INSTRUMENTS:
        faults(f"there is no instrument {text!r}", f"one of {', '.join(INSTRUMENTS)}")
        return SPOT
    return found


def terms(kind: str, cells: Mapping[str, str], faults: RowFaults) -> Terms:
    """The terms in the cells of one row, those of other instruments passed over.

    Examples
    --------
    >>> noted: list[str] = []
    >>> faults = RowFaults(lambda what, mend: noted.append(what))
    >>> terms("call", {"strike": "100000", "expiry": "2026-12-25", "vol": "55 %"}, faults).vol
    0.55
    >>> terms("call", {"strike": "-1"}, faults) == PLAIN, noted
    (False, ['strike is above zero, found -1', 'a call needs expiry'])
    """
    values: dict[str, object] = {}
    for name, text in cells.items():
        if not text:
            continue
        if name == "quote":
            values[name] = text
        elif name == "inverse":
            values[name] = _settled(text, faults)
        elif name == "vol" and number(text.rstrip("% ")) is None:
            values["surface"] = text
        elif name == "expiry":
            values[name] = _day(text, faults)
        else:
            values[name] = _amount(name, text, faults)
    for name in NEEDS.get(kind, ()):
        if name not in values:
            faults(f"a {kind} needs {name}", f"give it a column `{name}`")
    known = {field.name for field in fields(Terms)}
    found = Terms(**{k: v for k, v in values.items() if k in known})  # type: ignore[arg-type]
    if not found.lower < found.upper:
        faults(f"lower {found.lower:g} is not below upper {found.upper:g}", "the lower price first")
    return found


def _settled(text: str, faults: RowFaults) -> bool:
    said = text.casefold()
    if said not in ("linear", "inverse", "coin", "quote"):
        faults(f"settled is linear or inverse, found {text!r}", "inverse: paid in the asset")
    return said in ("inverse", "coin")


def _day(text: str, faults: RowFaults) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        faults(f"a date is wanted as expiry, found {text!r}", "write dates as 2026-11-20")
        return None


def _amount(name: str, text: str, faults: RowFaults) -> float:
    percent = text.endswith("%")
    value = number(text.rstrip("% "))
    if value is None or not math.isfinite(value):
        faults(f"a number is wanted as {name}, found {text!r}", "write a number like 1200.5 or 5 %")
        return 1.0 if name != "lower" else 0.0
    value = value / 100.0 if percent else value
    if name in _ABOVE and not value > 0.0:
        faults(f"{name} is above zero, found {text}", "leave it empty where it has no meaning")
        return 1.0
    if name in ("margin", "debt", "lower", "widening", "exit_days") and value < 0.0:
        faults(f"{name} is not below zero, found {text}", "write the amount without a sign")
    if name in _SHARES and not 0.0 <= value < 1.0:
        faults(f"{name} is a share from 0 to 1, found {text}", "write 0.05 or 5 %")
    return value
