# SPDX-License-Identifier: Apache-2.0
"""The book: everything an institution declares, as one frozen value."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import model_validator

from .assets import Asset, Venue
from .control import Control
from .cover import Cover
from .dependence import Copula, Factor, Shock, Unknown
from .estimate import Review, Value
from .expression import Num
from .feedback import Feedback
from .fields import Amount, refuse
from .frozen import FrozenDict
from .institution import Expert, Institution, MarketSettings, RuledOut, Strategy, Token
from .limit import Limit
from .names import TOKEN_SYMBOL, Day, Keyed, Name
from .network import ONE_YEAR, Network
from .protocol import Protocol
from .quantity import Quantity, spell, years
from .scenario import Flaw, Scenario, Threat
from .watch import Watch

CURRENCY = Name("a currency", re.compile(r"[A-Z]{3,5}"), "Three capital letters, like `USD`.")
MOST_YEARS = 50
FIVE_PERCENT = Quantity(Num(Decimal("0.05")), "rate", per="year")


class Book(Value):
    """What an institution has, fears, does and tolerates.

    Mappings keep the order of the file and their entries know their ids. A book that is not
    well-formed cannot exist; whether it can be assessed is for the layers to say.
    """

    institution: Institution
    currency: Annotated[str, CURRENCY]
    as_of: Annotated[date, Day()]
    horizon: Annotated[Quantity, Amount("years", "plain")] = ONE_YEAR
    title: str = ""
    note: str = ""
    tokens: Annotated[FrozenDict[str, Token], Keyed(TOKEN_SYMBOL)] = FrozenDict()
    venues: Annotated[FrozenDict[str, Venue], Keyed()] = FrozenDict()
    assets: Annotated[FrozenDict[str, Asset], Keyed()] = FrozenDict()
    protocols: Annotated[FrozenDict[str, Protocol], Keyed()] = FrozenDict()
    threats: Annotated[FrozenDict[str, Threat], Keyed()] = FrozenDict()
    vulnerabilities: Annotated[FrozenDict[str, Flaw], Keyed()] = FrozenDict()
    scenarios: Annotated[FrozenDict[str, Scenario], Keyed()] = FrozenDict()
    no_scenario: tuple[RuledOut, ...] = ()
    beliefs: Annotated[FrozenDict[str, Unknown], Keyed()] = FrozenDict()
    factors: Annotated[FrozenDict[str, Factor], Keyed()] = FrozenDict()
    shocks: Annotated[FrozenDict[str, Shock], Keyed()] = FrozenDict()
    copula: Copula | None = None
    covers: Annotated[FrozenDict[str, Cover], Keyed()] = FrozenDict()
    controls: Annotated[FrozenDict[str, Control], Keyed()] = FrozenDict()
    networks: Annotated[FrozenDict[str, Network], Keyed()] = FrozenDict()
    watches: Annotated[FrozenDict[str, Watch], Keyed()] = FrozenDict()
    feedback: Feedback | None = None
    limits: tuple[Limit, ...] = ()
    experts: Annotated[FrozenDict[str, Expert], Keyed()] = FrozenDict()
    positions: str | None = None
    prices: str | None = None
    incidents: str | None = None
    tests: str | None = None
    alerts: str | None = None
    observed_since: Annotated[date, Day()] | None = None
    # Spreads what a control costs once over its life; a common choice where none is declared.
    discount_rate: Annotated[Quantity, Amount("rate", "plain", percent=True)] = FIVE_PERCENT
    market: MarketSettings = MarketSettings()
    strategies: Annotated[FrozenDict[str, Strategy], Keyed()] = FrozenDict()
    review: Review | None = None
    owner: str = ""
    status: str = ""
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _looked_ahead(self) -> Book:
        if self.horizon_years > MOST_YEARS:
            what = f"`horizon: {spell(self.horizon)}` is too far ahead"
            raise refuse("range", what, f"At most {MOST_YEARS} years are looked ahead.")
        return self

    @property
    def horizon_years(self) -> float:
        """The horizon in years."""
        return years(self.horizon)
