# SPDX-License-Identifier: Apache-2.0
"""The chance that a protocol is exploited within a year, from what the book declares about it.

One small network for all protocols: factors (audits, time live, who can change it, ...) multiply
the hazards of five causes, and ``exploited`` is any of them. The size of the protocol (``tvl``) is
a parent of both the audits and the hazards: large protocols are audited more *and* attacked more,
so that raw incident counts give audits the wrong sign. Hazards are scaled together so that a
protocol of which nothing is known has exactly the base rate. Declared factors are evidence.

Where the numbers come from: the base rate and the shares of causes are counted from public incident
lists of 2021-2025 (incidents of at least 100 thousand USD over protocol-years); the multipliers and
the spread of the factors are judgement, of the size of published odds ratios.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from perilscope.book import Protocol
from perilscope.engines import elimination
from perilscope.layers.drivers import Driver
from perilscope.layers.protocol_factors import CAUSES, FACTORS, Price, declared

Floats = NDArray[np.float64]

BASE_RATE = 0.045
"""Chance per year that a protocol large enough for an institution is exploited."""
BASE_RANGE = (0.02, 0.09)
"""Where the base rate lies with 90 %."""
EXPLOITED = "exploited"


@dataclass(frozen=True)
class FactorEffect:
    """What knowing one declared factor does to the probability.

    Parameters
    ----------
    name : str
        The field of the book.
    value : str
        As declared.
    state : str
        The state of the network's node that the value means.
    effect : float
        Probability with all declared factors minus probability without this one.
    """

    name: str
    value: str
    state: str
    effect: float


@dataclass(frozen=True)
class ProtocolScore:
    """The probability that a protocol is exploited within a year, and why.

    Parameters
    ----------
    probability : float
        Per year, at the base rate of 4.5 %.
    low, high : float
        The same network at the two ends of the 90 % range of the base rate. What the multipliers
        may be wrong by is not in it.
    causes : mapping
        The probability split by the cause that strikes first; adds up to ``probability``.
    factors : tuple of FactorEffect
        What was declared, strongest effect first.
    missing : tuple of str
        Fields of the book that would sharpen the figure.
    unread : tuple of str
        What is declared but not understood, and what is.
    """

    id: str
    name: str
    probability: float
    low: float
    high: float
    causes: Mapping[str, float]
    factors: tuple[FactorEffect, ...]
    missing: tuple[str, ...]
    unread: tuple[str, ...]
    sentence: str


@cache
def _prior() -> Floats:
    """Joint probability of all factors, one axis each in the order of FACTORS."""
    law = np.ones((1,) * len(FACTORS))
    for factor in FACTORS:
        law = law * _along(
            (*([factor.parent] if factor.parent else []), factor.name), factor.common
        )
    return law


@cache
def _relative() -> dict[str, Floats]:
    """Per cause, its hazard relative to the mean over all protocols; axes as in FACTORS."""
    found = {}
    for cause in CAUSES:
        law = np.ones((1,) * len(FACTORS))
        for factor in FACTORS:
            if cause in factor.hazard:
                law = law * _along((factor.name,), factor.hazard[cause])
        found[cause] = law / float((law * _prior()).sum())
    return found


def _along(names: tuple[str, ...], values: object) -> Floats:
    """Values laid along the axes of the named factors (which stand in the order of FACTORS)."""
    shape = [len(f.states) if f.name in names else 1 for f in FACTORS]
    return np.array(values, dtype=np.float64).reshape(shape)


@cache
def _hazards(base_rate: float) -> dict[str, Floats]:
    """Hazard of each cause per year for each joint state of the factors.

    Cause c has hazard k s_c H m_c(z), with H = -ln(1 - base rate), s_c its share and m_c(z) its
    relative hazard; the one scale k solves E[1 - exp(-sum_c)] = base rate (the factors are shared,
    so that causes come together and k is a little over 1).
    """
    whole = -math.log1p(-base_rate)
    shares = math.fsum(CAUSES.values())
    one = {c: whole * share / shares * _relative()[c] for c, share in CAUSES.items()}
    total = _total(one)
    scale = 1.0
    for _ in range(60):  # Newton from below on a concave function: never passes the root
        alive = np.exp(-scale * total)
        gap = base_rate - float((_prior() * -np.expm1(-scale * total)).sum())
        step = gap / float((_prior() * alive * total).sum())
        scale += step
        if abs(step) <= 1e-15 * scale:
            break
    return {cause: scale * law for cause, law in one.items()}


def _total(hazards: Mapping[str, Floats]) -> Floats:
    total = np.zeros((1,) * len(FACTORS))
    for law in hazards.values():
        total = total + law
    return total


def _at(law: Floats, evidence: Mapping[str, str]) -> Floats:
    """The part of an array over all factors that agrees with the evidence."""
    index = []
    for axis, factor in enumerate(FACTORS):
        if factor.name in evidence and law.shape[axis] > 1:
            place = factor.states.index(evidence[factor.name])
            index.append(slice(place, place + 1))
        else:
            index.append(slice(None))
    return law[tuple(index)]


def first_causes(evidence: Mapping[str, str], base_rate: float = BASE_RATE) -> dict[str, float]:
    """Probability per year that a cause strikes and is the first to; they add up to an exploit.

    With constant hazards the first of several causes is c with probability h_c / sum(h).

    Parameters
    ----------
    evidence : mapping of factor to state
    base_rate : float
        Per year, for a protocol of which nothing is known.

    Examples
    --------
    >>> round(sum(first_causes({}).values()), 12)
    0.045
    """
    prior = _at(_prior(), evidence)
    prior = prior / float(prior.sum())
    hazards = {cause: _at(law, evidence) for cause, law in _hazards(base_rate).items()}
    total = _total(hazards)
    first = prior * (-np.expm1(-total) / total)
    return {cause: float((first * law).sum()) for cause, law in hazards.items()}


def chance(evidence: Mapping[str, str], base_rate: float = BASE_RATE) -> float:
    """Probability per year of an exploit given the states of some factors."""
    return math.fsum(first_causes(evidence, base_rate).values())


@cache
def network(base_rate: float = BASE_RATE) -> elimination.Network:
    """The built-in network: factors, a node for each cause (``code-failure``, ...), ``exploited``.

    Parameters
    ----------
    base_rate : float
        Per year; the probability of ``exploited`` before any evidence.

    Examples
    --------
    >>> round(elimination.marginal(network(), "exploited", {})["yes"], 12)
    0.045
    """
    nodes = []
    for factor in FACTORS:
        above = (factor.parent,) if factor.parent else ()
        nodes.append(elimination.Node(factor.name, factor.states, above, np.array(factor.common)))
    for cause, law in _hazards(base_rate).items():
        parents = tuple(f.name for f in FACTORS if cause in f.hazard)
        happens = -np.expm1(-law.reshape([len(f.states) for f in FACTORS if f.name in parents]))
        table = np.stack([1.0 - happens, happens], axis=-1)
        nodes.append(elimination.Node(f"{cause}-failure", ("no", "yes"), parents, table))
    any_of = np.zeros((2,) * len(CAUSES) + (2,))
    for failed in itertools.product((0, 1), repeat=len(CAUSES)):
        any_of[(*failed, int(any(failed)))] = 1.0
    causes = tuple(f"{cause}-failure" for cause in CAUSES)
    nodes.append(elimination.Node(EXPLOITED, ("no", "yes"), causes, any_of))
    return elimination.Network(tuple(nodes))


def protocol_network(protocol: Protocol) -> elimination.Network:
    """The network of a protocol. What the protocol declares is evidence: see :func:`driver`."""
    del protocol  # all protocols share one network
    return network()


def driver(protocol: Protocol, price: Price | None = None) -> Driver:
    """The network of a protocol with its declared factors as evidence, for ``drivers``."""
    seen = {told.name: told.state for told in declared(protocol, price) if told.state is not None}
    return Driver(network(), 1.0, tuple(f.name for f in FACTORS), seen)


def score(
    protocol: Protocol,
    evidence: Mapping[str, str] | None = None,
    price: Price | None = None,
) -> ProtocolScore:
    """The probability that a protocol is exploited within a year, and what it rests on.

    Parameters
    ----------
    protocol : Protocol
        As declared in the book.
    evidence : mapping of factor to state
        Known besides; wins over what is declared. Nodes that are no factors are passed over.
    price : callable, optional
        Price of a token in the currency, for a ``tvl`` in tokens.

    Raises
    ------
    MisuseError
        A state that the factor does not have.

    Examples
    --------
    >>> found = score(Protocol(id="protocol-x", audits=2, oracle="chainlink"))
    >>> round(found.probability, 4), found.factors[0].name
    (0.0325, 'audits')
    """
    told = declared(protocol, price)
    names = [factor.name for factor in FACTORS]
    more = {name: state for name, state in (evidence or {}).items() if name in names}
    seen = {t.name: t.state for t in told if t.state is not None} | more
    probability = elimination.marginal(network(), EXPLOITED, seen)["yes"]
    values = {t.name: t.value for t in told if t.state == seen.get(t.name)}
    effects = []
    for name, state in seen.items():
        without = chance({other: s for other, s in seen.items() if other != name})
        effects.append(
            FactorEffect(
                name, values.get(name, f"{state} (evidence)"), state, probability - without
            )
        )
    effects.sort(key=lambda effect: -abs(effect.effect))
    readable = [factor.name for factor in FACTORS if factor.read is not None]
    missing = tuple(name for name in readable if name not in seen)
    title = getattr(protocol, "name", None) or protocol.id
    low, high = (chance(seen, base) for base in BASE_RANGE)
    causes = first_causes(seen)
    return ProtocolScore(
        id=protocol.id,
        name=title,
        probability=probability,
        low=low,
        high=high,
        causes=causes,
        factors=tuple(effects),
        missing=missing,
        unread=tuple(f"{t.name}: {t.value}" for t in told if t.name not in seen),
        sentence=_sentence(title, probability, (low, high), causes, effects, missing),
    )


def _sentence(
    title: str,
    probability: float,
    interval: tuple[float, float],
    causes: Mapping[str, float],
    effects: list[FactorEffect],
    missing: tuple[str, ...],
) -> str:
    main = max(causes, key=lambda cause: causes[cause])
    parts = [
        f"{title} has a chance of {_percent(probability)} of being exploited within a year "
        f"({_percent(interval[0])} to {_percent(interval[1])} over the range of the base rate; "
        f"{_percent(BASE_RATE)} if nothing were known), most likely through {main} "
        f"({100 * causes[main] / probability:.0f} % of it)."
    ]
    down = next((e for e in effects if e.effect < 0.0), None)
    up = next((e for e in effects if e.effect > 0.0), None)
    for effect, does in ((down, "lowers"), (up, "raises")):
        if effect is not None:
            points = _percent(abs(effect.effect)).replace("%", "percentage points")
            words = effect.name.replace("_", " ")
            parts.append(f"What {does} it most is {words} ({effect.value}): by {points}.")
    if missing:
        parts.append(f"Not declared: {', '.join(missing).replace('_', ' ')}.")
    return " ".join(parts)


def _percent(share: float) -> str:
    """Two significant figures, or one decimal from 1 % on."""
    percent = 100.0 * share
    return f"{percent:.1f} %" if percent >= 1.0 else f"{percent:.2g} %"
