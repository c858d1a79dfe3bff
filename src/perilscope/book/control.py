# SPDX-License-Identifier: Apache-2.0
"""What can be done: controls, what they cost and what they change."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from .checked import Checked
from .estimate import Entry, Value
from .fields import HOLDINGS, Amount, refuse
from .frozen import FrozenDict
from .names import Ref
from .quantity import Quantity, QuantityError, parse, plain
from .words import near, shown

FactorName = Literal[
    "frequency",
    "threat_event_frequency",
    "contact_frequency",
    "probability_of_action",
    "vulnerability",
    "threat_capability",
    "magnitude",
    "primary",
    "secondary_probability",
    "secondary_magnitude",
]
FACTORS: tuple[str, ...] = get_args(FactorName)
Sure = Annotated[Quantity, Amount("probability", "valuation")]
CUT = re.compile(r"(.+) of ([a-z_ ]+)")


class _Life(Checked):
    """A useful life: ``5 years``, or a bare number of years."""

    def check(self, value: Any) -> Decimal:
        if isinstance(value, Decimal):
            return value
        text = value if isinstance(value, str) else ""
        try:
            length = plain(parse(f"{text} years" if text.isdigit() else text, "years").node)
        except QuantityError:
            length = None
        if length is None:
            raise refuse(
                "life", f"a useful life is wanted here, found {shown(value)}", "Like `5 years`."
            )
        return length.normalize() + 0

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": ["string", "number"], "description": "Like `5 years`."}


class Cost(Value):
    """What a control costs once and per year, and how long what was bought lasts."""

    once: Annotated[Quantity, Amount("money", "valuation")] | None = None
    per_year: Annotated[Quantity, Amount("money_rate", "valuation")] | None = None
    life_years: Annotated[Decimal, _Life()] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict):
            written = {("life_years" if k == "life" else k): v for k, v in value.items()}
            yearly = written.get("per_year")
            if isinstance(yearly, str) and " per " not in yearly:
                written["per_year"] = f"{yearly} per year"
            return written
        if isinstance(value, str):
            if value.endswith(" once"):
                return {"once": value.removesuffix(" once")}
            if " per " in value:
                return {"per_year": value}
        raise refuse(
            "cost",
            f"{shown(value)} does not say whether it is paid once or every year",
            "Write `50k per year`, `200k once`, or `{once: 200k, per_year: 20k, life: 5 years}`.",
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        text: dict[str, Any] = {"type": ["string", "number"]}
        fields = dict.fromkeys(("once", "per_year", "life", "life_years"), text)
        return {
            "anyOf": [
                {"type": "string", "description": "Like `50k per year`."},
                {"type": "object", "properties": fields, "additionalProperties": False},
            ]
        }


class Cut(Value):
    """By how much a control lowers one factor of one scenario: the mean effect."""

    scenario: Annotated[str, Ref("scenario")] = ""
    factor: FactorName
    by: Annotated[Quantity, Amount("probability", "plain")]
    sure: Sure | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        found = CUT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise refuse("cut", f"cannot read {shown(value)}", "Write it like `80 % of frequency`.")
        factor = found[2].replace(" ", "_")
        if factor not in FACTORS:
            mend = f"{near(factor, FACTORS)}Allowed: {', '.join(FACTORS)}."
            raise refuse("cut", f"no factor is called `{found[2]}`", mend)
        return {"by": found[1], "factor": factor}


class _Cuts:
    """Cuts as a mapping of scenarios to one or several cuts, or as a list that names them."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        cut = handler.generate_schema(Cut)
        several = core_schema.list_schema(cut)
        one = core_schema.tagged_union_schema(
            {"<Cut>": cut, "<list>": several},
            discriminator=lambda v: "<list>" if isinstance(v, list) else "<Cut>",
        )
        ref = handler.generate_schema(Annotated[str, Ref("scenario")])
        mapping = core_schema.dict_schema(ref, one)
        return core_schema.no_info_after_validator_function(
            _flat,
            core_schema.tagged_union_schema(
                {"<list>": core_schema.list_schema(cut), "<mapping>": mapping},
                discriminator=lambda v: "<list>" if isinstance(v, list | tuple) else "<mapping>",
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": ["object", "array"],
            "description": "Like `{pm-phishing: 80 % of frequency}`.",
        }


def _flat(written: Any) -> tuple[Cut, ...]:
    if not isinstance(written, dict):
        return tuple(written)
    cuts: list[Cut] = []
    for scenario, found in written.items():
        for cut in found if isinstance(found, list) else [found]:
            cuts.append(cut.model_copy(update={"scenario": scenario}))
    return tuple(cuts)


class Control(Entry):
    """A control: a candidate, or in place."""

    state: Literal["candidate", "in place"] = "candidate"
    costs: Cost = Cost()
    cuts: Annotated[tuple[Cut, ...], _Cuts()] = ()
    caps: FrozenDict[
        Annotated[str, Ref(*HOLDINGS)], Annotated[Quantity, Amount("money", "plain")]
    ] = FrozenDict()
    sure: Sure | None = None
    changes: str = ""

    @model_validator(mode="after")
    def _surely(self) -> Control:
        """Give the control's own sureness to each cut that states none."""
        if self.sure is not None and any(cut.sure is None for cut in self.cuts):
            cuts = tuple(
                cut if cut.sure is not None else cut.model_copy(update={"sure": self.sure})
                for cut in self.cuts
            )
            object.__setattr__(self, "__dict__", {**self.__dict__, "cuts": cuts})
        return self
