# SPDX-License-Identifier: Apache-2.0
"""What is watched: a condition in a network, how it comes and goes, and the detectors on it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema

from .checked import Checked
from .estimate import FROM, Entry, Value, node_states
from .fields import Amount, context, refuse
from .frozen import FrozenDict
from .names import Day, Keyed
from .protocol import Delay, Duration
from .quantity import Quantity
from .words import listed, near

Rate = Annotated[Quantity, Amount("rate", "plain")]
Chance = Annotated[Quantity, Amount("probability", "plain")]
_PLACE = re.compile(r"([^\s.=]+)\.([^\s.=]+)(?: ?= ?([^=]+))?")
_LIKE = "Write `NETWORK.NODE`, or `NETWORK.NODE = STATE`."


class _PlaceText(Checked):
    """Reads ``network.node = state``; without a state it is ``yes``."""

    def check(self, value: Any) -> tuple[str, str, str]:
        if isinstance(value, tuple):
            return value[0], value[1], value[2]
        found = _PLACE.fullmatch(value) if isinstance(value, str) else None
        if found is None or (isinstance(value, str) and FROM.fullmatch(value)):
            raise refuse("from", f"cannot read {value!r}", _LIKE)
        return found[1], found[2], found[3] or "yes"

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": _LIKE}


class Alerts(Value):
    """How often a detector alerts while the condition holds, and while it does not."""

    when_true: Rate
    when_false: Rate


class Shows(Value):
    """How probably a detector that shows a state shows `on`, in both cases."""

    when_true: Chance
    when_false: Chance


class Detector(Entry):
    """Something that watches a condition: it sends alerts, or it shows a state."""

    alerts: Alerts | None = None
    shows: Shows | None = None
    heartbeat: Annotated[Duration, Delay()] | None = None
    at_most: Annotated[Quantity, Amount("number", "plain", low=Decimal(1))] | None = None
    alike: Chance | None = None
    burst: Annotated[Duration, Delay()] | None = None

    @model_validator(mode="after")
    def _one(self) -> Detector:
        if (self.alerts is None) == (self.shows is None):
            raise refuse(
                "detector",
                "a detector either sends alerts or shows a state",
                "Give `alerts: {when_true: 4 per day, when_false: 0.2 per day}` or "
                "`shows: {when_true: 90 %, when_false: 5 %}`.",
            )
        return self


class Watch(Entry):
    """A condition that is watched.

    ``begins`` and ``ends`` are the rates at which it comes and goes; detectors say what they see in
    the file that the book names under ``alerts``.
    """

    node: Annotated[tuple[str, str, str], _PlaceText()]
    begins: Rate
    ends: Rate
    since: Annotated[date, Day()] | None = None
    detectors: Annotated[FrozenDict[str, Detector], Keyed()] = FrozenDict()
    source: str = ""

    @model_validator(mode="after")
    def _exists(self, info: ValidationInfo) -> Watch:
        known = context(info)
        network, node, state = self.node
        if known is not None and network not in known.nodes:  # protocols are not watched
            mend = f"{near(network, known.nodes)}Networks: {listed(known.nodes)}."
            raise refuse("reference", f"no network is called `{network}`", mend)
        states = node_states(known, network, node)
        if states is not None and state not in states:
            mend = f"{near(state, states)}Its states: {listed(states)}."
            raise refuse("reference", f"`{node}` has no state `{state}`", mend)
        return self
