# SPDX-License-Identifier: Apache-2.0
"""Who pays for us: covers (insurance, guarantees) with their terms per event and per year."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator

from .control import Cost
from .estimate import Entry, Value
from .expression import Num
from .fields import Amount, refuse
from .names import Ref
from .quantity import Quantity, plain

Money = Annotated[Quantity, Amount("money", "plain", low=Decimal(0))]
ALL = Quantity(Num(Decimal(1)), "probability")


def _some(limit: Quantity | None) -> Quantity | None:
    if limit is not None and plain(limit.node) == 0:
        raise refuse("cover", "a limit of nothing", "Leave it out where there is none.")
    return limit


class PerEvent(Value):
    """What a cover pays for one event of loss X: pays x min((X - deductible)+, limit)."""

    deductible: Money | None = None
    limit: Annotated[Money | None, AfterValidator(_some)] = None
    pays: Annotated[Quantity, Amount("probability", "plain")] = ALL


class PerYear(Value):
    """What the sum S of a year's payments becomes: min((S - deductible)+, limit)."""

    deductible: Money | None = None
    limit: Annotated[Money | None, AfterValidator(_some)] = None


class Cover(Entry):
    """A contract that pays part of the losses of some scenarios.

    The limit of an event counts from the deductible up: `deductible: 1M, limit: 5M` pays for what
    lies between 1M and 6M. `pays` is the share of that which the other side bears (coinsurance).
    """

    scenarios: Annotated[tuple[Annotated[str, Ref("scenario")], ...], ...]
    per_event: PerEvent = PerEvent()
    per_year: PerYear = PerYear()
    state: Literal["candidate", "in place"] = "in place"
    costs: Cost = Cost()
    by: Annotated[str, Ref("venue")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("scenarios"), str):
            return {**value, "scenarios": [value["scenarios"]]}
        return value

    @field_validator("scenarios", mode="after")
    @classmethod
    def _once(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value:
            raise refuse("cover", "a cover of nothing", "Name scenarios: `scenarios: [theft]`.")
        if len(set(value)) < len(value):
            raise refuse("cover", "a scenario is named twice")
        return value
