# SPDX-License-Identifier: Apache-2.0
"""What a written quantity consists of: numbers, odds, laws, beliefs and shares.

These are the leaves and branches of an expression such as
``lognormal(median=belief(pert(300k, 400k, 600k)), p95=2.5M)``. They hold no unit and no
meaning; :class:`perilscope.book.quantity.Quantity` adds what is measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal


@dataclass(frozen=True)
class Num:
    """A plain number; percent and k, M, bn are already worked in."""

    value: Decimal


@dataclass(frozen=True)
class OneIn:
    """Odds as people say them: 1 in ``n``."""

    n: Decimal


@dataclass(frozen=True)
class Call:
    """A law with its arguments under their canonical names, in canonical order."""

    law: str
    args: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Outcomes:
    """One of several with its probability: of values (``discrete``) or laws (``mixture``)."""

    pairs: tuple[tuple[Node, Node], ...]
    law: str = "discrete"


@dataclass(frozen=True)
class Sample:
    """Values that were seen, each as likely as the others (``empirical``)."""

    values: tuple[Node, ...]
    law: str = "empirical"


@dataclass(frozen=True)
class To:
    """``low to high``: 90 % of what happens (or of what we believe) lies between."""

    low: Node
    high: Node


@dataclass(frozen=True)
class Belief:
    """What is not known: one value for the whole horizon.

    One with a name is declared under ``beliefs:``; all that name it have the same value.
    """

    of: Node
    name: str = ""


@dataclass(frozen=True)
class Named:
    """``belief(NAME)``, of which the book says elsewhere what is believed."""

    name: str


@dataclass(frozen=True)
class ShareOf:
    """A share of the worth of something else: ``30 % of binance``."""

    share: Node
    of: str


Node = Num | OneIn | Call | Outcomes | Sample | To | Belief | Named | ShareOf

# Arguments measured in the unit of the quantity itself; the others are bare shape numbers.
MEASURED = frozenset(
    {"low", "mode", "high", "mean", "sd", "median", "minimum", "threshold", "at", "body", "tail"}
)
_LEVEL = re.compile(r"p(\d+(?:\.\d+)?)")


def level(name: str) -> Decimal | None:
    """Return the probability that an argument like ``p99.9`` names, in percent; else None."""
    found = _LEVEL.fullmatch(name)
    return Decimal(found[1]) if found else None


def levels(law: Call) -> dict[Decimal, Node]:
    """Return the quantiles a law is given by: probability in percent -> value."""
    return {p: value for name, value in law.args if (p := level(name)) is not None}


def is_measured(law: str, name: str) -> bool:
    """Whether an argument of a law is measured in the unit of the quantity."""
    if name == "scale":
        return law in ("gamma", "weibull", "gpd")
    return name in MEASURED or level(name) is not None


def children(node: Node) -> Iterator[Node]:
    """Yield the parts of a node that are measured in the unit of the quantity."""
    match node:
        case Call(law, args):
            yield from (value for name, value in args if is_measured(law, name))
        case Outcomes(pairs):
            yield from (outcome for outcome, _ in pairs)
        case Sample(values):
            yield from values
        case To(low, high):
            yield low
            yield high
        case Belief(of):
            yield of
        case ShareOf(share, _):
            yield share
        case _:
            return


def parts(node: Node) -> Iterator[Node]:
    """Yield every part of a node, shape arguments and probabilities included."""
    match node:
        case Call(_, args):
            yield from (value for _, value in args)
        case Outcomes(pairs):
            for outcome, probability in pairs:
                yield outcome
                yield probability
        case _:
            yield from children(node)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it."""
    yield node
    for part in parts(node):
        yield from walk(part)


def rescale(node: Node, change: Callable[[Decimal], Decimal]) -> Node:
    """Return the node with every number that is measured in its unit changed."""
    match node:
        case Num(value):
            return Num(change(value))
        case Call(law, args):
            return Call(
                law,
                tuple((k, rescale(v, change) if is_measured(law, k) else v) for k, v in args),
            )
        case Outcomes(pairs):
            return replace(node, pairs=tuple((rescale(x, change), p) for x, p in pairs))
        case Sample(values):
            return replace(node, values=tuple(rescale(value, change) for value in values))
        case To(low, high):
            return To(rescale(low, change), rescale(high, change))
        case Belief(of, ""):
            return Belief(rescale(of, change))
        case ShareOf(share, of):
            return ShareOf(rescale(share, change), of)
        case _:
            return node


def named(node: Node) -> list[str]:
    """Return the names of beliefs that stand in a node, each once."""
    parts = walk(node)
    found = [p.name for p in parts if isinstance(p, Belief | Named) and p.name]
    return list(dict.fromkeys(found))


def resolve(node: Node, define: Callable[[str], Node]) -> Node:
    """Return the node with what the book says in place of every name of a belief."""
    match node:
        case Named(name):
            return Belief(define(name), name)
        case Call(law, args):
            return Call(law, tuple((k, resolve(v, define)) for k, v in args))
        case Outcomes(pairs):
            return replace(node, pairs=tuple((resolve(x, define), p) for x, p in pairs))
        case To(low, high):
            return To(resolve(low, define), resolve(high, define))
        case Belief(of, ""):
            return Belief(resolve(of, define))
        case ShareOf(share, of):
            return ShareOf(resolve(share, define), of)
        case _:
            return node


def plain(node: Node) -> Decimal | None:
    """Return the number a node states, or None where it states a law or a belief."""
    if isinstance(node, Num):
        return node.value
    if isinstance(node, OneIn):
        return 1 / node.n
    return None
