# SPDX-License-Identifier: Apache-2.0
"""What acts on each other from one slice of the horizon to the next: nodes, losses, the market.

A parent is another node of the same slice, or a node as it was a slice before: `before stress`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import model_validator

from .estimate import FROM, Entry, Leaf, Value
from .fields import Amount, refuse
from .frozen import FrozenDict
from .interaction import Interaction
from .names import NODE_NAME, Count, Keyed, Ref
from .network import Rows, State, _RowsField
from .quantity import Quantity
from .tables import Report, States, lay_out, states_of
from .words import listed, near, shown

BEFORE = "before "
Shock = Annotated[Quantity, Amount("number", "plain", low=Decimal(-1))]
Positive = Annotated[Quantity, Amount("number", "plain", low=Decimal(0))]
Rate = Annotated[Quantity, Amount("rate", "plain")]


class FeedbackNode(Entry):
    """A node of a slice: its states, its parents now and before, and its law before the first."""

    states: tuple[State, ...] = ("no", "yes")
    parents: tuple[str, ...] = ()
    table: Annotated[Rows, _RowsField()]
    interaction: Interaction | None = None
    # a row, or the node of a network that says how likely each state is now
    first: Annotated[Rows, _RowsField()] = ()
    first_from: tuple[str, str] | None = None


class Volatilities(Value):
    """How the regime is read from prices: an asset, and its volatility a day in each state."""

    asset: Annotated[str, Ref("token")]
    volatility: FrozenDict[State, Positive]
    begins: Rate
    ends: Rate


class Liquidation(Value):
    """Everything is sold once less than a share of the start is left, at a share of its worth."""

    below: Annotated[Quantity, Amount("probability", "plain")]
    costs: Annotated[Quantity, Amount("probability", "plain")]


class SliceMarket(Value):
    """The node whose state is the market's regime, and what it multiplies moves of prices by."""

    node: str
    moves: FrozenDict[State, Positive] = FrozenDict()
    read_from: Volatilities | None = None
    liquidation: Liquidation | None = None


class SliceLoss(Entry):
    """What is lost when a node comes into a state."""

    node: str
    state: str = "yes"
    costs: Annotated[Leaf, Amount("money", "chance", named=True)] | None = None
    shocks: FrozenDict[Annotated[str, Ref("token")], Shock] = FrozenDict()
    # shares of positions that are gone from then on, and whose prices matter no more
    takes: FrozenDict[Annotated[str, Ref("token")], Positive] = FrozenDict()

    @model_validator(mode="after")
    def _something(self) -> SliceLoss:
        if self.costs is None and not self.shocks and not self.takes:
            raise refuse(
                "loss", "this costs nothing", "Give `costs:`, `shocks:` or `takes:`, or delete it."
            )
        return self


class Feedback(Value):
    """A horizon in slices."""

    slices: Annotated[int, Count()] = 52
    nodes: Annotated[FrozenDict[str, FeedbackNode], Keyed(NODE_NAME)]
    market: SliceMarket | None = None
    losses: Annotated[FrozenDict[str, SliceLoss], Keyed()] = FrozenDict()
    # reset: the exposure of today in each slice; hold: what is left of it (simulated)
    rebalance: Literal["reset", "hold"] = "reset"

    @model_validator(mode="after")
    def _sold(self) -> Feedback:
        sold = self.market is not None and self.market.liquidation is not None
        if sold and self.rebalance == "reset":
            raise refuse(
                "feedback",
                "a liquidation depends on what is left, and exposure is restored in each slice",
                "Say `rebalance: hold`, which is simulated.",
            )
        return self


def laid_out(written: Any, report: Report) -> Any:
    """The section with its tables laid out as rows; what is wrong is reported."""
    if not isinstance(written, dict) or not isinstance(written.get("nodes"), dict):
        return written
    nodes = written["nodes"]
    if not nodes:
        report(("feedback", "nodes"), "there is no node", "Give at least one: see the guide.")
        return written
    states = states_of(nodes)
    even = {
        f"{BEFORE}{name}": {"states": list(own), "table": _even(own)}
        for name, own in states.items()
        if own
    }
    found = lay_out({"nodes": {**even, **nodes}}, ("feedback",), report)["nodes"]
    kept: dict[str, Any] = {}
    for name, node in nodes.items():
        laid = found[name]
        kept[name] = _first(name, laid, states, report) if isinstance(laid, dict) else laid
        if isinstance(node, dict) and "first_from" in node:
            report(("feedback", "nodes", name, "first_from"), "unknown entry `first_from`",
                   "Write `first: from NETWORK.NODE`.")  # fmt: skip
    _named(written, states, report)
    return {**written, "nodes": kept}


def _even(states: tuple[str, ...]) -> list[str]:
    part = round(Decimal(1) / len(states), 6)
    return [str(part)] * (len(states) - 1) + [str(1 - part * (len(states) - 1))]


def _first(name: str, node: dict[str, Any], states: States, report: Report) -> dict[str, Any]:
    """The law before the first slice: a row, a node of a network, or the first state for sure."""
    own = {key: value for key, value in node.items() if key != "first_from"}
    written = own.pop("first", None)
    if written is None:
        sure = tuple(Decimal(int(k == 0)) for k in range(len(states[name])))
        return {**own, "first": (sure,)}
    if isinstance(written, str):
        found = FROM.fullmatch(written)
        if found is None or found[3]:
            report(("feedback", "nodes", name, "first"), f"cannot read {shown(written)}",
                   "A row like `[0.9, 0.1]`, or `from NETWORK.NODE`.")  # fmt: skip
            return {**own, "first": ()}
        return {**own, "first": (), "first_from": (found[1], found[2])}

    def told(path: Any, *said: Any, **more: Any) -> None:
        report(("feedback", "nodes", name, "first", *path[3:]), *said, **more)

    root = {"nodes": {name: {"states": list(states[name]), "table": written}}}
    return {**own, "first": lay_out(root, (), told)["nodes"][name]["table"]}


def _named(written: dict[str, Any], states: States, report: Report) -> None:
    """Nodes and states that losses and the market name exist."""
    losses, market = written.get("losses"), written.get("market")
    for key, loss in losses.items() if isinstance(losses, dict) else ():
        if isinstance(loss, dict) and isinstance(loss.get("node"), str):
            path = ("feedback", "losses", key)
            _exists(loss["node"], [str(loss.get("state", "yes"))], states, path, report)
    if isinstance(market, dict) and isinstance(market.get("node"), str):
        moved = market.get("moves")
        read = market.get("read_from")
        named = [str(s) for s in (moved if isinstance(moved, dict) else ())]
        seen = read.get("volatility") if isinstance(read, dict) else None
        named += [str(s) for s in (seen if isinstance(seen, dict) else ())]
        _exists(market["node"], named, states, ("feedback", "market"), report)


def _exists(
    node: str, named: list[str], states: States, path: tuple[str, ...], report: Report
) -> None:
    if node not in states:
        mend = f"{near(node, states)}Nodes: {listed(states)}."
        report((*path, "node"), f"no node of the feedback is called `{node}`", mend)
        return
    for state in named:
        if state not in states[node]:
            mend = f"{near(state, states[node])}Its states: {listed(states[node])}."
            report((*path, "node"), f"`{node}` has no state `{state}`", mend)
