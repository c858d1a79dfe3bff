# SPDX-License-Identifier: Apache-2.0
"""Risk appetite: what a measure may be at most, who owns the limit, when to warn."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema

from .checked import CheckedInContext
from .estimate import Entry
from .expression import Num
from .fields import Amount, context, refuse
from .measure import PLAIN, SPELLINGS, MeasureSpec, measure
from .quantity import Quantity, QuantityError
from .words import shown

_BARE = re.compile(r"\s*([\d.]+)\s*%\s*(?:of net assets\s*)?", re.IGNORECASE)
"""Shares of what, or of the net assets as one says them."""
EIGHTY = Quantity(Num(Decimal("0.8")), "probability")


class _MeasureText(CheckedInContext):
    """Reads the measure of a limit."""

    def check(self, value: Any, info: ValidationInfo) -> MeasureSpec:
        if isinstance(value, MeasureSpec):
            return value
        if not isinstance(value, str):
            raise refuse(
                "measure",
                f"a measure is wanted here, found {shown(value)}",
                f"Allowed: {SPELLINGS}.",
            )
        known = context(info)
        try:
            return measure(
                value, known.currency if known else "USD", known.tokens if known else None
            )
        except QuantityError as error:
            raise refuse("measure", error.what, error.mend or f"Allowed: {SPELLINGS}.") from None

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": f"One of {SPELLINGS}."}


class _AtMost(CheckedInContext):
    """The limit itself: money, or a probability where a chance is limited."""

    def check(self, value: Any, info: ValidationInfo) -> Quantity:
        spec = info.data.get("measure")
        kind = spec.kind if isinstance(spec, MeasureSpec) else ""
        dimension = "probability" if kind == "chance_above" else "money"
        if dimension == "money" and kind not in PLAIN and isinstance(value, str):
            bare = _BARE.fullmatch(value)
            if bare:
                raise refuse(
                    "unit",
                    "a share of what?",
                    f"Name what it is a share of: `{bare[1]} % of net_assets`.",
                )
        return Amount("number" if kind in PLAIN else dimension, "plain").read(value, info)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": ["string", "number"],
            "description": "Like `5M`, `5 % of net_assets`; a probability for a chance, "
            "a number for leverage and for days to liquidate.",
        }


class Limit(Entry):
    """One limit of the risk appetite."""

    measure: Annotated[MeasureSpec, _MeasureText()]
    at_most: Annotated[Quantity, _AtMost()]
    warn_at: Annotated[Quantity, Amount("probability", "plain")] = EIGHTY
    scope: str = ""
