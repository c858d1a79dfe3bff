# SPDX-License-Identifier: Apache-2.0
"""Who is assessed, in what it counts, and who gave estimates."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from .estimate import Entry, Estimate, Value
from .fields import Amount
from .names import Count, Day, Ref
from .quantity import Quantity


class Institution(Value):
    """The institution: its kind and size choose methods and scale limits."""

    name: str
    kind: str = ""
    net_assets: Annotated[Estimate, Amount("money", "valuation")] | None = None
    people: Annotated[int, Count()] | None = None
    transactions_per_year: Annotated[int, Count()] | None = None
    withdrawals_per_year: Annotated[int, Count()] | None = None
    owner: str = ""
    note: str = ""


class Token(Entry):
    """A token that quantities may be counted in; its symbol is its id."""

    kind: Literal["coin", "stablecoin", "other"] = "other"
    issuer: Annotated[str, Ref("venue")] | None = None
    peg: str | None = None
    price: Annotated[Estimate, Amount("money", "valuation")] | None = None
    # what changes hands in a day over all venues that we use
    daily_volume: Annotated[Quantity, Amount("money", "plain")] | None = None
    # what stands in the order books on one side within 1 % of the price
    depth: Annotated[Quantity, Amount("money", "plain")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        shape = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [shape["properties"]["kind"], shape]}


class Expert(Entry):
    """Someone whose estimates stand in the book."""

    role: str = ""
    calibrated: str = ""


class Strategy(Entry):
    """A strategy of the desk, by the name that positions give it, and what it earns."""

    earns: Annotated[Quantity, Amount("rate", percent=True)] | None = None


class MarketSettings(Value):
    """How the trading portfolio is measured."""

    drift: Annotated[Quantity, Amount("rate", "plain", percent=True)] | None = None
    # Where none is named: hybrid when a network moves the price of something held, else historical.
    default: Literal["historical", "normal", "student-t", "hybrid", ""] = ""
    stale_after_days: Annotated[int, Count()] = 5
    # Assets that are used whatever is found in their prices; every page says so.
    accept: tuple[str, ...] = ()
    # Where `market tournament` logs its champions, which the morning page shows.
    champions: str = ""
    # Quoted implied volatilities, which options name in the column `vol` of the positions.
    surfaces: str = ""
    # The hour at which a day of prices ends, 0 to 23, and the zone of that hour.
    day_ends: Annotated[int, Count()] = 0
    zone: str = "UTC"
    # What is traded on a Saturday or Sunday, as a share of a working day; 70 % without.
    weekend: Annotated[Quantity, Amount("probability", "plain")] | None = None
    # Days by which rates and volatilities per year are divided.
    days_a_year: Annotated[int, Count()] = 365


class RuledOut(Value):
    """A pair of asset and threat that was looked at and needs no scenario."""

    asset: Annotated[str, Ref("asset", "venue", "protocol", also=("positions",))]
    threat: Annotated[str, Ref("threat")]
    by: str = ""
    on: Annotated[date, Day()] | None = None
    why: str = ""
