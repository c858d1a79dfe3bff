# SPDX-License-Identifier: Apache-2.0
"""What may happen: threats, vulnerabilities, and scenarios with their FAIR factors.

A factor is a quantity or a mapping of its children, at every depth, so that giving both
cannot be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from .checked import Checked
from .counts import Counts, CountsText
from .estimate import Entry, Estimate, From, Grade, Leaf, Value
from .fields import HOLDINGS, Amount, OneOf, context, refuse
from .frozen import FrozenDict
from .names import Day, Ref, YesNo
from .words import near

RateLeaf = Annotated[Leaf, Amount("rate", named=True)]
ProbabilityLeaf = Annotated[Leaf, Amount("probability", named=True)]
ChanceLeaf = Annotated[Leaf, Amount("probability", "chance", named=True)]
MoneyLeaf = Annotated[Leaf, Amount("money", "chance", named=True)]

FORMS = (
    "productivity",
    "response",
    "replacement",
    "competitive_advantage",
    "fines_and_judgements",
    "reputation",
)


class Threat(Entry):
    """Who or what may cause a loss."""

    actor: str = ""
    motive: str = ""
    capability: str = ""


class Flaw(Entry):
    """A vulnerability (key ``vulnerabilities``): where it is and how it is known."""

    where: str = ""
    known_by: str = ""
    references: tuple[str, ...] = ()
    asset: Annotated[str, Ref(*HOLDINGS)] | None = None


class ThreatEvents(Value):
    """Threat-event frequency, one floor down."""

    contact_frequency: Annotated[RateLeaf | From, OneOf()]
    probability_of_action: Annotated[ProbabilityLeaf | From, OneOf()]


class Vulnerability(Value):
    """Vulnerability, one floor down: does the threat's capability exceed the resistance?"""

    threat_capability: ChanceLeaf
    resistance_strength: ChanceLeaf


def _renamed(value: Any, written: str, field: str) -> Any:
    """A mapping with one key as the model calls it; a mapping that has both is left as it is."""
    if not isinstance(value, dict) or written not in value or field in value:
        return value
    return {(field if key == written else key): each for key, each in value.items()}


class Frequency(Value):
    """Loss-event frequency, one floor down. ``susceptibility`` is read as vulnerability."""

    threat_event_frequency: Annotated[RateLeaf | From | ThreatEvents, OneOf()]
    vulnerability: Annotated[ProbabilityLeaf | From | Vulnerability, OneOf()]

    @model_validator(mode="before")
    @classmethod
    def _synonym(cls, value: Any) -> Any:
        return _renamed(value, "susceptibility", "vulnerability")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        shape = handler.resolve_ref_schema(handler(schema))
        shape["properties"]["susceptibility"] = shape["properties"]["vulnerability"]
        shape["required"] = ["threat_event_frequency"]
        return shape


class _FormName(Checked):
    """One of the six forms of loss."""

    def check(self, value: Any) -> str:
        if value in FORMS:
            return str(value)
        mend = f"{near(str(value), FORMS)}Allowed: {', '.join(FORMS)}."
        raise refuse("form", f"unknown form of loss `{value}`", mend)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": list(FORMS)}


class Forms(Value):
    """A loss as the sum of its forms."""

    parts: FrozenDict[Annotated[str, _FormName()], MoneyLeaf]

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict) and "parts" not in value:
            return {"parts": value}
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        shape = handler.resolve_ref_schema(handler(schema))
        leaf = shape["properties"]["parts"]["additionalProperties"]
        fields = dict.fromkeys(FORMS, leaf)
        return {"type": "object", "properties": fields, "additionalProperties": False}


class Secondary(Value):
    """What others do after the loss: how probable in an event, and how much."""

    probability: ProbabilityLeaf
    magnitude: Annotated[MoneyLeaf | Forms, OneOf()]


class Magnitude(Value):
    """Loss per event. ``at_most`` names the holding that cannot be lost more than once."""

    primary: Annotated[MoneyLeaf | Forms, OneOf()]
    secondary: Secondary | None = None
    at_most: Annotated[str, Ref(*HOLDINGS)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {"primary": value}
        if "value" in value or value.keys() <= OneOf.KEYS:
            rest = {k: v for k, v in value.items() if k in ("secondary", "at_most")}
            return {"primary": {k: v for k, v in value.items() if k not in rest}, **rest}
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A quantity, an estimate with the keys of a magnitude beside it, or the tree."""
        tree = handler.resolve_ref_schema(handler(schema))
        text = {"type": ["string", "number"], "description": "A sum of money per event."}
        estimate = handler.resolve_ref_schema(handler(Estimate.__pydantic_core_schema__))
        beside = {k: v for k, v in tree["properties"].items() if k != "primary"}
        one = {**estimate, "properties": {**estimate["properties"], **beside}}
        return {"anyOf": [text, one, tree]}


class Scenario(Entry):
    """Asset x threat x vulnerability, how often, and how much an event costs."""

    story: str = ""
    asset: Annotated[str, Ref(*HOLDINGS, also=("positions",))]
    threat: Annotated[str, Ref("threat")] | None = None
    flaw: Annotated[str, Ref("vulnerability")] | None = None
    layer: Annotated[Literal["operational", "protocol", ""], Field(validate_default=True)] = ""
    frequency: Annotated[RateLeaf | From | Frequency, OneOf()]
    counts: Annotated[Counts, CountsText()] = Counts()
    magnitude: Magnitude
    refilled: Annotated[bool, YesNo()] = False
    distinct_because: str = ""
    source: str = ""
    by: str = ""
    on: Annotated[date, Day()] | None = None
    grade: Grade = ""

    @model_validator(mode="before")
    @classmethod
    def _synonym(cls, value: Any) -> Any:
        return _renamed(value, "vulnerability", "flaw")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        shape = handler.resolve_ref_schema(handler(schema))
        shape["properties"]["vulnerability"] = shape["properties"].pop("flaw")
        return shape

    @field_validator("counts", mode="after")
    @classmethod
    def _enough(cls, value: Counts, info: ValidationInfo) -> Counts:
        top: Any = info.data.get("frequency")  # the law counts the topmost events declared
        if isinstance(top, Frequency):
            top = top.threat_event_frequency
        if isinstance(top, ThreatEvents):
            top = top.contact_frequency
        if isinstance(top, Leaf):
            value.refuse_more(top.estimate.value)
        return value

    @field_validator("layer", mode="after")
    @classmethod
    def _layer(cls, value: str, info: ValidationInfo) -> str:
        known = context(info)
        protocols = known.ids.get("protocol", ()) if known else ()
        return value or ("protocol" if info.data.get("asset") in protocols else "operational")

    def estimates(self) -> list[tuple[str, Estimate]]:
        """Return every estimate with its path; what states no provenance takes the scenario's.

        Paths are like ``frequency``, ``frequency.vulnerability.threat_capability``,
        ``magnitude`` (given by one quantity), ``magnitude.primary.response``,
        ``magnitude.secondary.probability``.
        """
        found = [(p, v.estimate) for p, v in self.factors() if isinstance(v, Leaf)]
        given = (self.source, self.by, self.on, self.grade)
        return [(path, estimate.inherit(*given)) for path, estimate in found]

    def factors(self) -> Iterator[tuple[str, Leaf | From]]:
        """Yield every written factor with its path."""
        yield from _under("frequency", self.frequency)
        alone = isinstance(self.magnitude.primary, Leaf) and self.magnitude.secondary is None
        yield from _under("magnitude" if alone else "magnitude.primary", self.magnitude.primary)
        if self.magnitude.secondary is not None:
            yield from _under("magnitude.secondary", self.magnitude.secondary)

    def drivers(self) -> tuple[tuple[str, From], ...]:
        """Return the factors that a network drives, with their paths."""
        return tuple((p, v) for p, v in self.factors() if isinstance(v, From))


def _under(path: str, factor: Value) -> Iterator[tuple[str, Leaf | From]]:
    if isinstance(factor, Leaf | From):
        yield path, factor
    elif isinstance(factor, Forms):
        for form, leaf in factor.parts.items():
            yield f"{path}.{form}", leaf
    else:
        for name in type(factor).model_fields:
            yield from _under(f"{path}.{name}", getattr(factor, name))
