# SPDX-License-Identifier: Apache-2.0
"""What scenarios have in common: factors, shocks, and a copula for those who want one."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema

from .checked import Checked
from .estimate import Entry, Grade, Leaf, Value, node_states
from .expression import Num
from .fields import Amount, context, refuse
from .frozen import FrozenDict
from .names import Day, Ref
from .quantity import Quantity, QuantityError, definition
from .words import listed, near, shown

ScenarioRef = Annotated[str, Ref("scenario")]
Times = Annotated[Quantity, Amount("number", "plain", low=Decimal(0))]
_LIKE = "Like `beta(5, 2)` or `gamma(2, 10) per year`."
_NODE = re.compile(r"(?:from )?([^\s.=]+)\.([^\s.=]+)")
_NODE_LIKE = "Write `NETWORK.NODE`."
NONE = Quantity(Num(Decimal(0)), "number")


class Belief(Checked):
    """What is believed, as written: a law, with its unit where it has one."""

    def check(self, value: Any) -> str:
        """Return the text if it is a law that can stand behind a name."""
        if not isinstance(value, str):
            raise refuse("quantity", f"a law is wanted here, found {shown(value)}", _LIKE)
        try:
            definition(value)
        except QuantityError as error:
            raise refuse(error.kind, error.what, error.mend or _LIKE) from None
        return value

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": _LIKE}


class Node(Checked):
    """Reads ``network.node``."""

    def check(self, value: Any) -> tuple[str, str]:
        """Return network and node."""
        if isinstance(value, tuple):
            return value[0], value[1]
        found = _NODE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise refuse("from", f"cannot read {shown(value)}", _NODE_LIKE)
        return found[1], found[2]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": _NODE_LIKE}


class Unknown(Entry):
    """What is not known and several scenarios depend on: one value for the whole horizon.

    Scenarios name it where they would write ``belief(LAW)``: ``vulnerability: belief(NAME)``.
    """

    value: Annotated[str, Belief()]
    source: str = ""
    by: str = ""
    on: Annotated[date, Day()] | None = None
    grade: Grade = ""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"value": value}


class Factor(Entry):
    """Something that makes the events of many scenarios more frequent, or larger, all at once.

    One value for the whole horizon multiplies them. Either it has a ``law`` with mean 1, so that
    averages stay; or a node of a network says it: ``by`` names the node, ``times`` the multiple in
    each of its states (1 where none is given), and what is declared holds where the multiple is 1.
    """

    law: Annotated[Quantity, Amount("number", "chance")] | None = None
    by: Annotated[tuple[str, str], Node()] | None = None
    times: FrozenDict[str, Times] = FrozenDict()
    frequency: tuple[ScenarioRef, ...] = ()
    magnitude: tuple[ScenarioRef, ...] = ()

    @model_validator(mode="after")
    def _says(self, info: ValidationInfo) -> Factor:
        if (self.law is None) == (self.by is None):
            raise refuse(
                "factor",
                "a factor has either a law or a node that says it",
                "Give `law: gamma(mean=1, sd=0.5)`, or `by: NETWORK.NODE` with "
                "`times: {STATE: 3}`.",
            )
        if self.by is None and self.times:
            raise refuse("factor", "`times` without a node", "Name the node: `by: NETWORK.NODE`.")
        if self.by is not None:
            states = node_states(context(info), *self.by)
            if not self.times:
                raise refuse(
                    "factor",
                    "a node that multiplies nothing",
                    "Say by how much in which state: `times: {STATE: 3}`.",
                )
            for state in self.times if states else ():
                if states and state not in states:
                    mend = f"{near(state, states)}Its states: {listed(states)}."
                    raise refuse("reference", f"`{self.by[1]}` has no state `{state}`", mend)
        return self

    @model_validator(mode="after")
    def _acts(self) -> Factor:
        if not self.frequency and not self.magnitude:
            raise refuse(
                "factor",
                "a factor that multiplies nothing",
                "Name scenarios: `frequency: [phishing, theft]` or `magnitude: [theft]`.",
            )
        return self


class Shock(Entry):
    """One incident that hits several scenarios at once, each with its own probability."""

    frequency: Annotated[Leaf, Amount("rate")]
    hits: FrozenDict[ScenarioRef, Annotated[Quantity, Amount("probability", "plain")]]

    @model_validator(mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        """A list of scenarios: each is hit for certain."""
        if isinstance(value, dict) and isinstance(value.get("hits"), list):
            return {**value, "hits": dict.fromkeys(value["hits"], "100 %")}
        return value


class Pair(Value):
    """Two scenarios whose annual losses are correlated."""

    between: tuple[ScenarioRef, ScenarioRef]
    correlation: Annotated[Quantity, Amount("number", "plain")]


class Copula(Value):
    """A Gaussian or t copula between annual losses, in simulation only.

    A correlation is that of the copula's normal scores; ``others`` is for pairs not named.
    """

    kind: Literal["gaussian", "t"] = "gaussian"
    degrees: Annotated[Quantity, Amount("number", "plain", low=Decimal(1))] | None = None
    pairs: tuple[Pair, ...] = ()
    others: Annotated[Quantity, Amount("number", "plain")] = NONE

    @model_validator(mode="after")
    def _degrees(self) -> Copula:
        if self.kind == "t" and self.degrees is None:
            raise refuse("copula", "a t copula needs `degrees`", "Like `degrees: 4`.")
        if self.kind == "gaussian" and self.degrees is not None:
            raise refuse("copula", "a gaussian copula has no `degrees`", "Write `kind: t`.")
        return self
