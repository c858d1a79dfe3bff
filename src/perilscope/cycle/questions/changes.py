# SPDX-License-Identifier: Apache-2.0
"""What differs between the inputs of two runs, piece by piece, and runs of any mixture of them.

A piece is of one kind: *time* (the as-of date), *data* (prices, positions, logs), *evidence* (what
is known of nodes, alerts) or *model* (all that is declared, the horizon, the engine).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from perilscope.book import Book, FrozenDict
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import Workspace

KINDS = ("time", "data", "evidence", "model")
MOST_PIECES = 8
"""Pieces of the model that are told apart; more are taken together."""
_LOGS = {"positions": "positions", "incidents": "incidents", "trials": "tests"}
_APART = ("as_of", "horizon", "scenarios", "networks")

Inputs = tuple[Workspace, Settings]
Step = Callable[[Inputs], Inputs]


@dataclass(frozen=True)
class Change:
    """One piece that differs.

    Parameters
    ----------
    kind, name : str
    put : callable
        Puts the new piece into inputs that have the old one.
    """

    kind: str
    name: str
    put: Step


def changes(old: Inputs, new: Inputs) -> list[Change]:
    """Every piece that differs, by kind in the order of `KINDS`; model first when it is put in."""
    return [
        *_time(old, new),
        *_data(old[0], new[0]),
        *_evidence(old, new),
        *_model(old, new),
    ]


def merged(found: Sequence[Change]) -> list[Change]:
    """One change for each kind, for where pieces of a kind do not fit without each other."""
    kinds = dict.fromkeys(change.kind for change in found)
    return [_together([c for c in found if c.kind == kind], kind) for kind in kinds]


def all_together(found: Sequence[Change]) -> list[Change]:
    """One change for everything."""
    kinds = " and ".join(dict.fromkeys(change.kind for change in found))
    return [_together(found, kinds)]


def _together(found: Sequence[Change], kind: str) -> Change:
    def put(inputs: Inputs) -> Inputs:
        return mixture(inputs, found)

    return Change(kind, ", ".join(change.name for change in found), put)


def mixture(old: Inputs, chosen: Sequence[Change]) -> Inputs:
    """The old inputs with some changes put in; the model first, as the others are laid on it."""
    inputs = old
    for change in sorted(chosen, key=lambda c: -KINDS.index(c.kind) if c.kind in KINDS else -9):
        inputs = change.put(inputs)
    return inputs


def _time(old: Inputs, new: Inputs) -> Iterator[Change]:
    before, after = old[0].book.as_of, new[0].book.as_of
    if before != after:
        yield Change("time", f"{before} to {after}", lambda i: _book(i, as_of=after))


def _data(old: Workspace, new: Workspace) -> Iterator[Change]:
    if _digest(old) != _digest(new):
        yield Change("data", "prices", _workspace("history", new.history))
    for field, name in _LOGS.items():
        if getattr(old, field) != getattr(new, field):
            yield Change("data", name, _workspace(field, getattr(new, field)))


def _digest(workspace: Workspace) -> str:
    return "" if workspace.history is None else workspace.history.digest


def _workspace(field: str, value: Any) -> Step:
    return lambda inputs: (replace(inputs[0], **{field: value}), inputs[1])


# --- evidence


def _evidence(old: Inputs, new: Inputs) -> Iterator[Change]:
    before, after = (_given(settings) for _, settings in (old, new))
    for node in dict.fromkeys([*before, *after]):
        if before.get(node) != after.get(node):
            name = f"{node}={after[node]}" if node in after else f"{node} no longer known"
            yield Change("evidence", name, _known(node, after.get(node)))
    yield from _observed(old[0].book, new[0].book)
    if old[0].alerts != new[0].alerts:
        yield Change("evidence", "alerts", _workspace("alerts", new[0].alerts))


def _given(settings: Settings) -> dict[str, str]:
    return {n: s for item in settings.evidence for n, _, s in [item.partition("=")]}


def _known(node: str, state: str | None) -> Step:
    def put(inputs: Inputs) -> Inputs:
        rest = tuple(e for e in inputs[1].evidence if e.partition("=")[0] != node)
        items = rest if state is None else (*rest, f"{node}={state}")
        return inputs[0], replace(inputs[1], evidence=items)

    return put


def _observed(old: Book, new: Book) -> Iterator[Change]:
    for net in old.networks:
        if net not in new.networks:
            continue
        nodes, others = old.networks[net].nodes, new.networks[net].nodes
        for node in nodes:
            after = others[node].observed if node in others else None
            if node in others and nodes[node].observed != after:
                said = f"{net}.{node}" + (f"={after}" if after else " no longer observed")
                yield Change("evidence", said, _seen(net, node, after))


def _seen(net: str, node: str, state: str | None) -> Step:
    def put(inputs: Inputs) -> Inputs:
        networks = inputs[0].book.networks
        own = networks[net]
        nodes = {**own.nodes, node: own.nodes[node].model_copy(update={"observed": state})}
        changed = own.model_copy(update={"nodes": FrozenDict(nodes)})
        return _book(inputs, networks=FrozenDict({**networks, net: changed}))

    return put


# --- the model


def _model(old: Inputs, new: Inputs) -> Iterator[Change]:
    before, after = _unobserved(old[0].book), _unobserved(new[0].book)
    pieces = list(_pieces(before, after, old[0].book, new[0].book))
    if len(pieces) > MOST_PIECES:
        pieces = [_together(pieces, "model")]
    yield from pieces
    if (old[0].book.horizon, old[1].horizon) != (new[0].book.horizon, new[1].horizon):
        horizon, text = new[0].book.horizon, new[1].horizon
        yield Change(
            "model",
            "horizon",
            lambda i: (_book(i, horizon=horizon)[0], replace(i[1], horizon=text)),
        )
    made, making = _making(old[1]), _making(new[1])
    if made != making:
        yield Change("model", "engine", lambda i: (i[0], replace(i[1], **making)))


def _making(settings: Settings) -> dict[str, Any]:
    """How figures are found; both engines together give those of the exact one."""
    if settings.engine != "simulation":
        return {"engine": "exact"}
    return {"engine": "simulation", "seed": settings.seed, "years": settings.years}


def _pieces(before: Book, after: Book, old: Book, new: Book) -> Iterator[Change]:
    fields = [n for n in type(before).model_fields if getattr(before, n) != getattr(after, n)]
    others = [name for name in fields if name not in _APART]
    if others or not _same_shape(before.networks, after.networks):
        named = [name for name in fields if name not in ("as_of", "horizon")]
        if named:
            yield Change("model", ", ".join(n.replace("_", " ") for n in named), _declared(new))
        return
    for net, network in after.networks.items():
        if network != before.networks[net]:
            yield Change("model", f"network {net}", _network(net, new))
    for key in dict.fromkeys([*before.scenarios, *after.scenarios]):
        if before.scenarios.get(key) != after.scenarios.get(key):
            yield Change("model", key, _scenario(key, new))


def _same_shape(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether networks have the same nodes with the same states, so that what names them fits."""

    def shape(networks: Mapping[str, Any]) -> dict[str, Any]:
        return {k: {n: each.states for n, each in v.nodes.items()} for k, v in networks.items()}

    return shape(one) == shape(two)


def _declared(new: Book) -> Step:
    """The whole new book, but for what is a piece of its own."""

    def put(inputs: Inputs) -> Inputs:
        old = inputs[0].book
        book = new.model_copy(update={"as_of": old.as_of, "horizon": old.horizon})
        networks = {}
        for net, network in new.networks.items():
            nodes = old.networks[net].nodes if net in old.networks else {}
            seen = {
                node: each.model_copy(update={"observed": nodes[node].observed})
                if node in nodes
                else each
                for node, each in network.nodes.items()
            }
            networks[net] = network.model_copy(update={"nodes": FrozenDict(seen)})
        return _book(inputs, **{**dict(book), "networks": FrozenDict(networks)})

    return put


def _network(net: str, new: Book) -> Step:
    def put(inputs: Inputs) -> Inputs:
        networks = inputs[0].book.networks
        nodes = {
            node: each.model_copy(update={"observed": networks[net].nodes[node].observed})
            for node, each in new.networks[net].nodes.items()
        }
        changed = new.networks[net].model_copy(update={"nodes": FrozenDict(nodes)})
        return _book(inputs, networks=FrozenDict({**networks, net: changed}))

    return put


def _scenario(key: str, new: Book) -> Step:
    def put(inputs: Inputs) -> Inputs:
        own = dict(inputs[0].book.scenarios)
        if key in new.scenarios:
            own[key] = new.scenarios[key]
        else:
            own.pop(key, None)
        order = [*new.scenarios, *own]
        kept = {name: own[name] for name in dict.fromkeys(order) if name in own}
        return _book(inputs, scenarios=FrozenDict(kept))

    return put


def _unobserved(book: Book) -> Book:
    """The book without what was observed of nodes, and of no date or horizon in particular."""
    networks = {
        net: network.model_copy(
            update={
                "nodes": FrozenDict(
                    {n: e.model_copy(update={"observed": None}) for n, e in network.nodes.items()}
                )
            }
        )
        for net, network in book.networks.items()
    }
    return book.model_copy(update={"networks": FrozenDict(networks)})


def _book(inputs: Inputs, **fields: Any) -> Inputs:
    return replace(inputs[0], book=inputs[0].book.model_copy(update=fields)), inputs[1]
