# SPDX-License-Identifier: Apache-2.0
"""Questions to one network: of a book, or in a file of any format that is read.

Every answer is a document of plain values, as a run is.
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from perilscope import formats
from perilscope.engines.networks import ancestral, capacity, inference, information
from perilscope.engines.networks.canonical import tabled
from perilscope.engines.networks.credal import bounds
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Array, Network
from perilscope.engines.networks.one_way import OneWay, one_way
from perilscope.engines.networks.relevance import most_relevant
from perilscope.engines.networks.session import Session
from perilscope.errors import MisuseError
from perilscope.sources.files import read_bytes

if TYPE_CHECKING:
    from perilscope.book import Protocol
    from perilscope.cycle.measures import Document

Value = TypeVar("Value")
Vector = tuple[float, ...]

BOOKS = {".yaml", ".yml", ""}
JOINT = 65_536
"""Joint states that are listed."""
EXPLAINING = 3
"""Explanations that are listed."""
TELLING = 12
"""Nodes that are listed as worth knowing."""


@dataclass(frozen=True)
class Asked:
    """A network with where it came from, and what its book says was observed."""

    name: str
    network: Network
    observed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    period_years: float | None = None
    kind: str = "book"


def opened(source: Path, name: str = "") -> Asked:
    """The network of a file, or one of a book's by its name: a declared one, or a protocol's.

    Raises
    ------
    MisuseError
        A book with several networks and none named, or no network of that name.
    DataError, BookError
        What is there cannot be read.
    """
    if source.suffix.lower() not in BOOKS and not source.is_dir():
        found = formats.read(read_bytes(source), source.name)
        return Asked(source.name, found.network, notes=found.notes, kind=found.kind)
    # only for a book: all of a run stands behind it, and a file's answer need not wait for that
    from perilscope.cycle.workspace import open_book
    from perilscope.layers.network_evidence import drivers

    book, _ = open_book(source)
    known = drivers(book).networks
    names = list(known) or list(book.protocols)
    if not names:
        raise MisuseError(f"{source}: this book declares no networks")
    if not name and len(names) > 1:
        raise MisuseError(f"{source} has several networks: --network {' | '.join(names)}")
    chosen = name or names[0]
    if chosen not in known and chosen in book.protocols:
        return _protocol(book.protocols[chosen])
    if chosen not in known:
        near = _near(chosen, dict.fromkeys([*known, *book.protocols]))
        raise MisuseError(f"no network is called {chosen!r}{near}")
    driver = known[chosen]
    return Asked(chosen, driver.network, dict(driver.evidence), period_years=driver.years)


def _protocol(item: Protocol) -> Asked:
    """The built-in network of a protocol, its declared factors observed; money as it is written."""
    from perilscope.layers.protocol import driver
    from perilscope.layers.protocol_factors import declared

    found = driver(item)
    left = [told.name for told in declared(item) if told.state is None]
    notes = (f"declared, but left open: {', '.join(left)}",) if left else ()
    return Asked(item.id, found.network, dict(found.evidence), notes, found.years)


def read_findings(
    net: Network,
    *,
    hard: Iterable[str] = (),
    likelihood: Iterable[str] = (),
    target: Iterable[str] = (),
    do: Iterable[str] = (),
) -> Findings:
    """Findings as they are written: ``NODE=STATE``, or ``NODE=0.1,0.9`` for the soft kinds.

    Names stand exactly as in the network, so a name may itself hold an equals sign.
    """
    return Findings(
        hard=_once(_state(net, text) for text in hard),
        likelihood=_once(_vector(net, text) for text in likelihood),
        target=_once(_vector(net, text) for text in target),
        do=_once(_state(net, text) for text in do),
    ).checked(net)


def _once(said: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """What is said of each node; saying it twice is fine, saying two things is not."""
    found: dict[str, Value] = {}
    for name, what in said:
        if found.setdefault(name, what) != what:
            raise MisuseError(
                f"two things are said of {name}, and only one can be so: "
                f"{name}={_written(found[name])} and {name}={_written(what)}"
            )
    return found


def _written(what: object) -> str:
    return what if isinstance(what, str) else ",".join(f"{x:g}" for x in cast("Vector", what))


def _splits(text: str) -> list[tuple[str, str]]:
    """Every way to read NODE=STATE, to the letter before without the spaces around."""
    at = [i for i, letter in enumerate(text) if letter == "="]
    exact = [(text[:i], text[i + 1 :]) for i in at]
    return [*exact, *((name.strip(), state.strip()) for name, state in exact)]


def _state(net: Network, text: str) -> tuple[str, str]:
    splits = _splits(text)
    for name, state in splits:
        if name in net.sizes and state in net.node(name).states:
            return name, state
    if not splits:
        raise MisuseError(f"{text!r}: write NODE=STATE, with names exactly as in the network")
    known = [(name, state) for name, state in splits if name in net.sizes]
    if known:
        name, state = known[0]
        states = net.node(name).states
        state = state.strip()
        raise MisuseError(f"{text!r}: {name} has no state {state!r}; it has {', '.join(states)}")
    raise MisuseError(
        f"{text!r}: no node is called {splits[0][0]!r}{_near(splits[0][0], net.sizes)}"
    )


def _vector(net: Network, text: str) -> tuple[str, tuple[float, ...]]:
    for name, numbers in _splits(text):
        if name in net.sizes:
            try:
                return name, tuple(float(number) for number in numbers.split(","))
            except ValueError:
                break
    states = "one number for each state, in their order"
    raise MisuseError(f"{text!r}: write NODE=0.1,0.9 with {states}")


def target_of(net: Network, text: str) -> tuple[str, str]:
    """A node and one of its states; the last where only a node is named."""
    if text in net.sizes:
        return text, net.node(text).states[-1]
    return _state(net, text)


def query(
    asked: Asked,
    findings: Findings,
    targets: Sequence[str] | None = None,
    engine: str = "auto",
    together: Sequence[str] = (),
) -> Document:
    """Marginals, the joint law of some nodes, and the probability of what is known."""
    for name in (*(targets or ()), *together):
        if name not in asked.network.sizes:
            raise MisuseError(f"no node is called {name!r}{_near(name, asked.network.sizes)}")
    both = _with_observed(asked, findings)
    answer = inference.ask(asked.network, both, targets, engine=engine)
    return {
        "network": asked.name,
        "findings": both.items(),
        "interventions": [f"{name}={state}" for name, state in both.do.items()],
        "marginals": answer.marginals,
        "joint": _joint(asked.network, both, together),
        "probability_of_evidence": None if both.target else answer.probability_of_evidence,
        "log_probability_of_evidence": None if both.target else answer.log_probability,
        "algorithm": answer.algorithm,
        "notes": list(asked.notes),
    }


def _joint(net: Network, findings: Findings, names: Sequence[str]) -> list[Document]:
    """Every joint state of some nodes with its probability, the last node fastest."""
    if not names:
        return []
    states = [net.node(name).states for name in names]
    cells = math.prod(map(len, states))
    if cells > JOINT:
        raise MisuseError(f"these nodes have {cells:,} joint states; at most {JOINT:,} are listed")
    law = inference.joint(net, names, findings).ravel().tolist()
    return [
        {"states": dict(zip(names, at, strict=True)), "probability": p}
        for at, p in zip(itertools.product(*states), law, strict=True)
    ]


def show(asked: Asked) -> Document:
    """What a network consists of, what inference in it costs, and its marginals."""
    found = capacity.cost(asked.network, capacity.OTHERS)
    answer = query(asked, Findings()) if capacity.own_holds(found) else None
    return {
        "network": asked.name,
        "kind": asked.kind,
        "period_years": asked.period_years,
        "nodes": [
            {
                "id": node.name,
                "states": list(node.states),
                "parents": list(node.parents),
                "observed": asked.observed.get(node.name, ""),
            }
            for node in asked.network.nodes
        ],
        "arcs": sum(len(node.parents) for node in asked.network.nodes),
        "largest_table": found.largest,
        "cells": found.total,
        "width": found.width,
        "marginals": {} if answer is None else answer["marginals"],
        "notes": list(asked.notes),
    }


def sensitivity(asked: Asked, target: str, findings: Findings, most: int | None = None) -> Document:
    """The table entries that move a target most when their odds are halved and doubled.

    All of them, in that order, where no number is given.
    """
    node, state = target_of(asked.network, target)
    both = _with_observed(asked, findings)
    lines = list(one_way(asked.network, node, state, both))
    number = len(lines)
    if most is not None:
        lines = [line for line in lines if not _told_by_other(asked.network, line)]
    widest = sorted(lines, key=lambda line: -abs(line.swing()[1] - line.swing()[0]))
    now = inference.ask(asked.network, both, [node]).marginals[node][state]
    return {
        "network": asked.name,
        "target": f"{node}={state}",
        "findings": both.items(),
        "probability": now,
        "entries": number,
        "top": most,
        "functions": [
            {
                "entry": str(line),
                "node": line.node,
                "state": line.state,
                "row": dict(line.row),
                "value": line.value,
                "a": line.a,
                "b": line.b,
                "c": line.c,
                "d": line.d,
                "slope": line.slope,
                "odds_halved": line.swing()[0],
                "odds_doubled": line.swing()[1],
                "told_by_other": _told_by_other(asked.network, line),
            }
            for line in widest[:most]
        ],
    }


def _told_by_other(net: Network, line: OneWay) -> bool:
    """Whether a row has two entries, so that the second says what this one does."""
    states = net.node(line.node).states
    return len(states) == 2 and line.state == states[0]


def explain(asked: Asked, target: str, findings: Findings) -> Document:
    """How a belief came about: shares of the findings, conflict, what would tell most."""
    net = asked.network
    node, state = target_of(net, target)
    both = _with_observed(asked, findings)
    session = Session(net)
    session.know(Findings(do=both.do))
    before = session.marginal(node)[state]
    session.know(both)
    after = session.marginal(node)[state]
    best = None if both.target else session.most_probable()
    several = len(list(both.pieces())) > 1 and not both.target
    return {
        "network": asked.name,
        "target": f"{node}={state}",
        "before": before,
        "after": after,
        "shares": [
            {
                "finding": s.finding,
                "share": s.share,
                "alone": s.alone,
                "last": s.last,
                "standard_error": s.error,
            }
            for s in (information.shares(net, node, state, both) if both.items() else ())
        ],
        "conflict_bits": information.conflict(net, both) if several else None,
        "worth_knowing": [
            {"node": w.node, "bits": w.information, "low": w.swing[0], "high": w.swing[1]}
            for w in information.worth_knowing(net, node, both, state=state)[:TELLING]
        ],
        "most_relevant": [
            {"states": r.states, "factor": _finite(r.factor), "before": r.before, "after": r.after}
            for r in (most_relevant(net, both)[:EXPLAINING] if _explainable(net, both) else ())
        ],
        "most_probable": None
        if best is None
        else {"states": best.states, "probability": best.probability},
    }


def _finite(factor: float) -> float | None:
    """A factor, or nothing where the contrary cannot be."""
    return factor if math.isfinite(factor) else None


def _explainable(net: Network, findings: Findings) -> bool:
    """Whether something is known that nodes above it may explain."""
    seen = [*findings.hard, *findings.likelihood]
    known = {*findings.hard, *findings.do}
    return bool(seen) and any(node.name not in known for node in net.above(seen))


def bounded(
    asked: Asked, target: str, findings: Findings, odds: float, nodes: Sequence[str] = ()
) -> Document:
    """What a target can be when the odds of every table entry are wrong by up to a factor.

    Parameters
    ----------
    odds : float
        The factor, more than 1.
    nodes : sequence of str
        Whose tables are doubted; all by default.
    """
    if not 1.0 < odds < 1e6:
        raise MisuseError(f"--odds {odds:g}: a factor above 1 is wanted")
    net = tabled(asked.network)
    node, state = target_of(net, target)
    for name in nodes:
        net.node(name)
    both = _with_observed(asked, findings)
    wide = {
        each.name: (_odds(each.table, 1.0 / odds), _odds(each.table, odds))
        for each in net.nodes
        if (not nodes or each.name in nodes) and each.name not in both.do
    }
    found = bounds(net, wide, node, state, both)
    return {
        "network": asked.name,
        "target": f"{node}={state}",
        "findings": both.items(),
        "odds": odds,
        "nodes": list(wide),
        "probability": inference.ask(net, both, [node]).marginals[node][state],
        "lower": {"value": found.lower.value, "kind": found.lower.kind},
        "upper": {"value": found.upper.value, "kind": found.upper.kind},
        "outer_lower": {"value": found.outer_lower.value, "kind": found.outer_lower.kind},
        "outer_upper": {"value": found.outer_upper.value, "kind": found.outer_upper.kind},
    }


def _odds(table: Array, factor: float) -> Array:
    """Every entry with its odds multiplied; 0 and 1 stay."""
    changed: Array = table * factor / (1.0 + table * (factor - 1.0))
    return changed


def sampled(asked: Asked, rows: int, seed: int) -> Iterator[list[str]]:
    """A header of node names, then states drawn at random, a row for each draw."""
    net = asked.network
    drawn = ancestral.draw(net, rows, seed)
    names = [node.name for node in net.nodes]
    yield names
    for row in ancestral.to_rows(net, drawn):
        yield [row[name] for name in names]


def converted(asked: Asked, kind: str) -> str:
    """The network as text of another kind, ``book`` for a file of a book's own form."""
    if kind == "book":
        from perilscope.cycle.networks import book_form

        if asked.kind == "book":
            what = "this network stands in a book already"
            raise MisuseError(f"{what}: copy its file, which says more than its tables")
        return book_form.text(asked.network)
    if kind not in formats.KINDS:
        known = ", ".join([*formats.KINDS, "book"])
        raise MisuseError(f"no kind of network file is called {kind!r}: {known}")
    return formats.write(asked.network, kind)


def _with_observed(asked: Asked, findings: Findings) -> Findings:
    """What the book says was observed, and what is asked about; the second wins."""
    spoken = {*findings.hard, *findings.likelihood, *findings.target, *findings.do}
    kept = {name: state for name, state in asked.observed.items() if name not in spoken}
    return Findings({**kept, **findings.hard}, findings.likelihood, findings.target, findings.do)


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"; there are {', '.join(names[:12])}{more}"
