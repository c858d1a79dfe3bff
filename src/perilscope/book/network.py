# SPDX-License-Identifier: Apache-2.0
"""Declared networks: nodes with states, parents and tables, and what a state does to prices.

The table of a node is kept as rows in C order of its parents (the last parent's state changes
fastest); a root has one row. Shapes, sums and cycles are checked in
:mod:`perilscope.book.tables` before a network is made.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from .checked import Checked
from .estimate import Entry
from .expression import Num
from .fields import Amount, refuse
from .frozen import FrozenDict
from .interaction import Interaction
from .names import NODE_NAME, STATE_NAME, Keyed, Ref
from .quantity import Quantity, years

Rows = tuple[tuple[Decimal, ...], ...]
State = Annotated[str, STATE_NAME]
Shock = Annotated[Quantity, Amount("number", "plain", low=Decimal(-1))]
ONE_YEAR = Quantity(Num(Decimal(1)), "years")


class _RowsField(Checked):
    """Rows that were laid out from the written table beforehand."""

    def check(self, value: Any) -> Rows:
        if isinstance(value, tuple | list) and all(isinstance(r, tuple | list) for r in value):
            return tuple(tuple(Decimal(str(p)) for p in row) for row in value)
        raise refuse("table", "a table is wanted here", "Like `[0.98, 0.02]`.")

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": ["array", "object"],
            "description": "A row `[0.98, 0.02]` or `{no: 98 %, yes: 2 %}`; "
            "with parents, a mapping of each parent state to its row, or a canonical model like "
            "`{noisy-or: {parent: 30 %}, leak: 1 %}`: also noisy-and, noisy-max, logistic, ranked.",
        }


class NetNode(Entry):
    """A node: its states, its parents and the probabilities given them."""

    states: tuple[State, ...] = ("no", "yes")
    parents: tuple[str, ...] = ()
    table: Annotated[Rows, _RowsField()]
    interaction: Interaction | None = None
    means: Literal["within period", "state now"] = "within period"
    observed: str | None = None
    asks: str = ""
    source: str = ""


class Network(Entry):
    """A network with the period its probabilities are for.

    With ``file`` its nodes, states and tables stand in a file of another program (BIF, XDSL, ..),
    and ``nodes`` says only what some of them mean, what was observed, and words.
    """

    period: Annotated[Quantity, Amount("years", "plain")] = ONE_YEAR
    nodes: Annotated[FrozenDict[str, NetNode], Keyed(NODE_NAME)]
    file: str = ""
    shocks: FrozenDict[str, FrozenDict[str, FrozenDict[Annotated[str, Ref("token")], Shock]]] = (
        FrozenDict()
    )
    of: Annotated[str, Ref("asset", "venue", "protocol", "token")] | None = None
    source: str = ""

    @property
    def period_years(self) -> float:
        """The period in years."""
        return years(self.period)
