# SPDX-License-Identifier: Apache-2.0
"""What a limit measures, in the words people use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .quantity import Quantity, QuantityError, parse, plain

Kind = Literal[
    "expected_loss",
    "loss_in_year",
    "balance",
    "market_var",
    "market_cvar",
    "annual_var",
    "annual_cvar",
    "chance_above",
    "gross",
    "net",
    "leverage",
    "concentration",
    "liquidation",
    "stress",
    "drawdown",
    "contribution",
]
SPELLINGS = (
    "`expected loss per year`, `loss in a 1-in-100 year`, `mean loss beyond a 1-in-100 year`, "
    "`balance at one exchange`, `1-day CVaR 97.5 %`, `weekly VaR 99 %`, `annual VaR 99.5 %`, "
    "`chance of losing more than 5M in a year`, `gross exposure`, `net exposure`, `leverage`, "
    "`concentration in one asset`, `days to liquidate`, `loss in stress 2022-05-12`, `worst stress "
    "loss`, `drawdown over 30 days`, `contribution to 1-day CVaR 97.5 %` (of a scope)"
)
PLAIN = ("leverage", "liquidation")
"""Measures that are plain numbers: times the net assets, and days."""


@dataclass(frozen=True)
class MeasureSpec:
    """A measure as read from a limit.

    Parameters
    ----------
    kind : str
        Which measure.
    level : Decimal, optional
        Confidence level, 0.99 for one year in a hundred.
    days : int, optional
        Horizon of a market measure.
    amount : Quantity, optional
        The loss whose exceedance is limited.
    text : str
        As written.
    subject : str
        The kind of venue whose balance is limited (``venue`` for any), what is concentrated, or
        the episode of a stress (empty for the worst).
    """

    kind: Kind
    level: Decimal | None = None
    days: int | None = None
    amount: Quantity | None = None
    text: str = ""
    subject: str = ""


_RARE = re.compile(r"(loss in|mean loss beyond) a 1[- ]in[- ](\d+) year")
_BALANCE = re.compile(r"balance at one (exchange|custodian|issuer|provider|bank|venue)")
_MARKET = re.compile(r"(\d+[- ]day|daily|weekly) (VaR|CVaR) (.+)")
_SPANS = {"daily": 1, "weekly": 7}  # markets that never close
_ANNUAL = re.compile(r"annual (VaR|CVaR) (.+)")
_CONCENTRATION = re.compile(r"concentration in one (asset|venue|strategy|issuer)")
_STRESS = re.compile(r"loss in stress (\S+)")
_CONTRIBUTION = re.compile(r"contribution to (\d+)[- ]day CVaR (.+)")
_DRAWDOWN = re.compile(r"drawdown over (\d+) days")
_WORDS: dict[str, Kind] = {
    "expected loss per year": "expected_loss",
    "gross exposure": "gross",
    "net exposure": "net",
    "leverage": "leverage",
    "days to liquidate": "liquidation",
    "worst stress loss": "stress",
}
_CHANCE = re.compile(r"chance of losing more than (.+) in (?:a|one) year")


def measure(text: str, currency: str = "USD", tokens: frozenset[str] | None = None) -> MeasureSpec:
    """Read a measure.

    Raises
    ------
    QuantityError
        If no measure is written like this.

    Examples
    --------
    >>> measure("loss in a 1-in-100 year").level
    Decimal('0.99')
    >>> measure("10-day VaR 99 %").days, measure("weekly VaR 99 %").days
    (10, 7)
    """
    folded = " ".join(text.split())
    if folded in _WORDS:
        return MeasureSpec(_WORDS[folded], text=folded)
    if found := _CONCENTRATION.fullmatch(folded):
        return MeasureSpec("concentration", text=folded, subject=found[1])
    if found := _STRESS.fullmatch(folded):
        return MeasureSpec("stress", text=folded, subject=found[1])
    if found := _CONTRIBUTION.fullmatch(folded):
        return MeasureSpec("contribution", _level(found[2]), _days(found[1]), text=folded)
    if found := _DRAWDOWN.fullmatch(folded):
        return MeasureSpec("drawdown", days=_days(found[1]), text=folded)
    if found := _RARE.fullmatch(folded):
        level = 1 - 1 / Decimal(found[2]) if int(found[2]) > 1 else None
        if level is None:
            raise QuantityError("one year in one is no rare year", f"Allowed: {SPELLINGS}.")
        kind: Kind = "loss_in_year" if found[1] == "loss in" else "annual_cvar"
        return MeasureSpec(kind, level, text=folded)
    if found := _BALANCE.fullmatch(folded):
        return MeasureSpec("balance", text=folded, subject=found[1])
    if found := _MARKET.fullmatch(folded):
        kind = "market_var" if found[2] == "VaR" else "market_cvar"
        days = _SPANS.get(found[1]) or _days(found[1].removesuffix("day").rstrip("- "))
        return MeasureSpec(kind, _level(found[3]), days, text=folded)
    if found := _ANNUAL.fullmatch(folded):
        kind = "annual_var" if found[1] == "VaR" else "annual_cvar"
        return MeasureSpec(kind, _level(found[2]), text=folded)
    if found := _CHANCE.fullmatch(folded):
        amount = parse(found[1], "money", currency, tokens)
        if plain(amount.node) is None:
            raise QuantityError("the loss in a limit is a plain sum of money")
        return MeasureSpec("chance_above", amount=amount, text=folded)
    raise QuantityError(f"no measure is called {folded!r}", f"Allowed: {SPELLINGS}.")


def _level(text: str) -> Decimal:
    level = plain(parse(text, "probability").node)
    if level is None or not Decimal("0.5") <= level < 1:
        raise QuantityError(
            f"{text} is not a confidence level", "Between 50 % and 100 %, like `97.5 %`."
        )
    return level


def _days(text: str) -> int:
    days = int(text[:6])
    if not 1 <= days <= 366:
        raise QuantityError(f"a market measure over {text} days", "Between 1 and 366 days.")
    return days
