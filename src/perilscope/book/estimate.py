# SPDX-License-Identifier: Apache-2.0
"""What every entry and every estimate of a book may carry: owner, review, source, grade."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema

from .fields import Parsed, context, refuse
from .names import Day
from .quantity import Quantity, QuantityError, parse, plain
from .words import listed, near

Grade = Literal["own data", "expert", "industry", "guess", ""]


class Value(BaseModel):
    """Base of everything declared: frozen, and nothing undeclared is let in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(Value):
    """A quantity with its provenance.

    Written as a bare quantity or as ``{value:, source:, by:, on:, grade:}``.
    """

    value: Annotated[Quantity, Parsed()]
    source: str = ""
    by: str = ""
    on: Annotated[date, Day()] | None = None
    grade: Grade = ""
    note: str = ""

    def inherit(self, source: str, by: str, on: date | None, grade: Grade) -> Estimate:
        """Return the estimate; one that states no provenance of its own takes this one."""
        if self.source or self.by or self.on or self.grade:
            return self
        return self.model_copy(update={"source": source, "by": by, "on": on, "grade": grade})


class Leaf(Value):
    """A factor given by its own quantity."""

    estimate: Estimate

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(Estimate.__pydantic_core_schema__)


FROM = re.compile(r"from ([^\s.=]+)\.([^\s.=]+)(?: ?= ?([^=]+))?")


def node_states(known: Any, network: str, node: str) -> Sequence[str] | None:
    """States of a node; None where they are not known while the book is read.

    Raises
    ------
    ValueError
        There is no such network, protocol or node.
    """
    if known is None:
        return None
    if network in known.ids.get("protocol", ()):
        if node != "exploited":
            mend = f"Write `{network}.exploited`."
            raise refuse("from", "a protocol drives a factor by its node `exploited` only", mend)
        return ("no", "yes")
    if network not in known.nodes:
        names = [*known.nodes, *known.ids.get("protocol", ())]
        mend = f"{near(network, names)}Networks and protocols: {listed(names)}."
        raise refuse("reference", f"no network or protocol is called `{network}`", mend)
    nodes = known.nodes[network]
    if nodes is not None and node not in nodes:
        mend = f"{near(node, nodes)}Its nodes: {listed(nodes)}."
        raise refuse("reference", f"`{network}` has no node `{node}`", mend)
    return None if nodes is None else tuple(nodes[node])


class From(Value):
    """A factor driven by a node of a network: ``from NETWORK.NODE`` or ``.. = STATE``."""

    network: str
    node: str
    state: str = "yes"
    source: str = ""
    by: str = ""
    on: Annotated[date, Day()] | None = None
    grade: Grade = ""
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict) and "network" in value:
            return value
        written = dict(value) if isinstance(value, dict) else {"value": value}
        text = written.pop("value", None)
        found = FROM.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise refuse(
                "from",
                f"cannot read {text!r}",
                "Write `from NETWORK.NODE` or `from PROTOCOL.exploited`.",
            )
        network, node, state = found.groups()
        return {**written, "network": network, "node": node, **({"state": state} if state else {})}

    @model_validator(mode="after")
    def _exists(self, info: ValidationInfo) -> From:
        states = node_states(context(info), self.network, self.node)
        if states is not None and self.state not in states:
            mend = f"{near(self.state, states)}Its states: {listed(states)}; "
            mend += f"name one: `from {self.network}.{self.node} = {states[-1]}`."
            raise refuse("reference", f"`{self.node}` has no state `{self.state}`", mend)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        text = {"type": "string", "pattern": "^from [^.]+[.].+$"}
        return {
            "anyOf": [
                text,
                {"type": "object", "properties": {"value": text}, "required": ["value"]},
            ]
        }


class Review(Value):
    """How often an entry is looked at again, and when next."""

    every: str = ""
    every_days: int | None = None
    next: Annotated[date, Day()] | None = None
    owner: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        written = dict(value) if isinstance(value, dict) else {"every": value}
        if "every_days" in written and not isinstance(written["every_days"], int):
            raise refuse("review", "unknown entry `every_days`", "Write `every: 3 months`.")
        every = written.get("every")
        if isinstance(every, str) and every and "every_days" not in written:
            text = re.sub(r"^every ", "", every)
            text = text if re.match(r"\d", text) else f"1 {text}"
            try:
                length = plain(parse(text, "years").node) or Decimal(0)
            except QuantityError:
                raise refuse(
                    "review", f"cannot read {every!r}", "Write `every 3 months`."
                ) from None
            days = int((length * Decimal("365.25")).to_integral_value())
            written |= {"every": text, "every_days": max(days, 1)}
        return written

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        day = {"type": "string", "format": "date"}
        text = {"type": "string", "description": "Like `every 3 months`."}
        fields = {"every": text, "next": day, "owner": {"type": "string"}}
        return {
            "anyOf": [text, {"type": "object", "properties": fields, "additionalProperties": False}]
        }


class Entry(Value):
    """Base of every entry with an id."""

    id: str = ""
    name: str = ""
    owner: str = ""
    status: str = ""
    review: Review | None = None
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def label(self) -> str:
        """The name, or the id where none is given."""
        return self.name or self.id
