# SPDX-License-Identifier: Apache-2.0
"""Who pays for us: covers (insurance, guarantees) with their terms per event and per year."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator

from .control import Cost
from .estimate import Entry, From, Leaf, Value
from .expression import Num
from .fields import Amount, OneOf, refuse
from .names import Count, Ref
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


NONE = Quantity(Num(Decimal(0)), "probability")


class Reinstatements(Value):
    """How often the limit per event is put back within a year once it is used, and at what price.

    With n of them a year's payments come to at most n + 1 limits. What is put back costs `premium`
    of the cover's cost a year, in proportion to the amount: half a limit, half of it.
    """

    number: Annotated[int, Count()]
    premium: Annotated[Quantity, Amount("probability", "plain")]


class Insurer(Value):
    """Who pays may fail: the chance of it in a year, or the node of a network that it hangs on.

    A default counts for the whole horizon: of everything it owes the share `recovers` is paid.
    """

    defaults: Annotated[Annotated[Leaf, Amount("probability", "plain")] | From, OneOf()]
    recovers: Annotated[Quantity, Amount("probability", "plain")] = NONE


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
    reinstatements: Reinstatements | None = None
    insurer: Insurer | None = None

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("scenarios"), str):
            return {**value, "scenarios": [value["scenarios"]]}
        return value

    @model_validator(mode="after")
    def _put_back(self) -> Cover:
        again = self.reinstatements
        if again is None:
            return self
        if self.per_event.limit is None:
            raise refuse(
                "cover",
                "reinstatements put back a limit per event, and there is none",
                "Write `per_event: {limit: 2M}`, or leave out `reinstatements`.",
            )
        if self.per_year.limit is not None:
            raise refuse(
                "cover",
                "a limit per year beside reinstatements, which say what it is",
                f"With {again.number} of them it is {again.number + 1} limits per event: leave one "
                "of the two out.",
            )
        if plain(again.premium.node) and self.costs.per_year is None:
            raise refuse(
                "cover",
                "reinstatements at a share of what the cover costs a year, which is not said",
                "Write `costs: 80k per year`, or `premium: 0 %` where they are free.",
            )
        return self

    @field_validator("scenarios", mode="after")
    @classmethod
    def _once(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value:
            raise refuse("cover", "a cover of nothing", "Name scenarios: `scenarios: [theft]`.")
        if len(set(value)) < len(value):
            raise refuse("cover", "a scenario is named twice")
        return value
