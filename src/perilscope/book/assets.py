# SPDX-License-Identifier: Apache-2.0
"""What can be lost, and where it lies: assets and venues."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema, core_schema

from .estimate import Entry, Estimate, Value
from .expression import Num
from .fields import HOLDINGS, Amount, context, refuse
from .frozen import FrozenDict
from .names import Ref, YesNo
from .quantity import Quantity
from .words import near

Valuation = Annotated[Estimate, Amount("money", "valuation")]
THROUGH = "through what they protect"
THROUGHS = (THROUGH, "through what it protects")
ALL = Quantity(Num(Decimal(1)), "probability")
NONE = Quantity(Num(Decimal(0)), "probability")
Fall = Annotated[Quantity, Amount("number", "plain", low=Decimal(-1))]


class Worth(Value):
    """What an asset is worth: one quantity, a sum of parts, or what it protects.

    Any law in a valuation is a belief.
    """

    value: Valuation | None = None
    parts: FrozenDict[str, Valuation] = FrozenDict()
    through_protected: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() & {"parts", "through_protected"}:
                return value
            return {"value": value} if "value" in value else {"parts": value}
        if value in THROUGHS:
            return {"through_protected": True}
        return {"value": value}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        one = {"type": ["string", "number"], "description": f"A sum of money, or `{THROUGH}`."}
        return {"anyOf": [one, {"type": "object"}]}


class _Holdings:
    """Tokens held: symbol -> quantity in that token."""

    AMOUNT = Amount("money", "valuation")

    def _counted(self, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return value
        known = context(info)
        for symbol in value:
            if known is not None and known.tokens is not None and symbol not in known.tokens:
                mend = f"{near(symbol, sorted(known.tokens))}Declare it under `tokens:`."
                raise refuse("reference", f"`{symbol}` is not a declared token", mend)
        return {s: _in_token(e, s) for s, e in value.items()}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._counted, handler(source))


def _in_token(written: Any, symbol: str) -> Any:
    """Give a bare number of tokens its unit: ``ETH: 1200`` is 1200 ETH."""
    if isinstance(written, dict) and isinstance(written.get("value"), str):
        return {**written, "value": _in_token(written["value"], symbol)}
    if not isinstance(written, str) or symbol in written.split():
        return written
    return f"{written} {symbol}"


class Asset(Entry):
    """Something the institution holds or answers for."""

    kind: Literal[
        "wallet",
        "holding",
        "staked",
        "lent",
        "code",
        "intellectual property",
        "customer data",
        "personal data",
        "credentials",
        "other",
    ] = "other"
    chain: str = ""
    at: Annotated[str, Ref("venue")] | None = None
    holds: Annotated[FrozenDict[str, Valuation], _Holdings()] = FrozenDict()
    worth: Worth | None = None
    basis: str = ""
    belongs_to: Literal["us", "clients"] = "us"
    liable: Annotated[Quantity, Amount("probability", "valuation")] = ALL
    protects: tuple[Annotated[str, Ref(*HOLDINGS)], ...] = ()
    depends_on: tuple[Annotated[str, Ref(*HOLDINGS, "token")], ...] = ()


class Failing(Value):
    """How it is when a venue fails: prices by then, what we get out before, what comes back, when.

    How likely that is, is said by the scenario of its failure.
    """

    scenario: Annotated[str, Ref("scenario")]
    prices: FrozenDict[Annotated[str, Ref("token")], Fall] = FrozenDict()
    withdrawn: Annotated[Quantity, Amount("probability", "plain")] = NONE
    recovers: Annotated[Estimate, Amount("probability", "valuation")] | None = None
    after: Annotated[Quantity, Amount("years", "plain")] | None = None


class Venue(Entry):
    """An exchange, custodian, issuer or service provider."""

    kind: Literal["exchange", "custodian", "issuer", "provider", "bank", "other"] = "other"
    holds: Valuation | None = None
    segregated: Annotated[bool, YesNo()] = False
    withdrawal: str = ""
    earns: Annotated[Quantity, Amount("rate", percent=True)] | None = None
    fails: Failing | None = None
    depends_on: tuple[Annotated[str, Ref(*HOLDINGS, "token")], ...] = ()
