# SPDX-License-Identifier: Apache-2.0
"""The chance that a protocol is exploited within a year, how much is then lost, and why.

One small network for all protocols: factors (audits, time live, who can change it, ...) bear on
the chances of five causes (:mod:`perilscope.layers.protocol_model`), ``exploited`` is any of them,
``cause`` the one that struck, ``loss`` the share of what is locked that is lost. Declared factors
are evidence. A protocol of which nothing is known has exactly the base rate.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from perilscope.book import Protocol
from perilscope.engines.networks import elimination, inference
from perilscope.engines.networks.findings import Findings
from perilscope.evidence.base_rates import BaseRate, base_rate
from perilscope.layers.networks import Driver
from perilscope.layers.protocol_factors import BY_NAME, CAUSES, FACTORS, Price, declared
from perilscope.layers.protocol_loss import BANDS, NONE, Severity, bands, severity
from perilscope.layers.protocol_model import Calibrated, calibrated, drawn, parents

EXPLOITED, CAUSE, LOSS = "exploited", "cause", "loss"
Law = Mapping[str, float]

RATINGS = ("A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D")
LEAST = 0.001
"""Chance per year below which the best rating stands; each next one reaches twice as far."""


def rating(probability: float) -> str:
    """A letter for a chance per year: A+ below 0.1 %, each next one up to twice as much.

    Examples
    --------
    >>> rating(0.0009), rating(0.02), rating(0.3)
    ('A+', 'B-', 'D')
    """
    steps = math.floor(math.log2(probability / LEAST)) + 1 if probability > 0.0 else 0
    return RATINGS[min(max(steps, 0), len(RATINGS) - 1)]


def scale() -> tuple[tuple[str, float, float], ...]:
    """Every rating with the chances per year that it stands for: name, from, below.

    Examples
    --------
    >>> [f"{name} from {100 * low:g} %" for name, low, _ in scale()[:3]]
    ['A+ from 0 %', 'A from 0.1 %', 'A- from 0.2 %']
    """
    edges = [0.0, *(LEAST * 2**k for k in range(len(RATINGS) - 1)), 1.0]
    return tuple(zip(RATINGS, edges, edges[1:], strict=False))


@dataclass(frozen=True)
class FactorEffect:
    """What knowing one factor does to the probability.

    Parameters
    ----------
    name : str
        The field of the book.
    value : str
        As declared.
    state : str
        The state of the network's node that the value means.
    effect : float
        Probability with all that is known minus probability without this one.
    """

    name: str
    value: str
    state: str
    effect: float


@dataclass(frozen=True)
class Change:
    """What the probability would be if one factor were otherwise.

    Parameters
    ----------
    name, state : str
    probability : float
    known : bool
        Whether the factor is known today; else it is a thing to find out.
    """

    name: str
    state: str
    probability: float
    known: bool


@dataclass(frozen=True)
class ProtocolScore:
    """The probability that a protocol is exploited within a year, and why.

    Parameters
    ----------
    probability : float
        Per year.
    low, high : float
        90 % interval: over the base rate as its counts leave it open, and over what each factor
        does, a factor of about two either way.
    causes : mapping
        The probability split by the cause that struck; adds up to ``probability``.
    factors : tuple of FactorEffect
        What is known, strongest effect first.
    changes : tuple of Change
        What would change it most, strongest first.
    missing : tuple of str
        Fields of the book that would sharpen the figure.
    unread : tuple of str
        What is declared but not understood, and what is.
    severity : Severity
        Share of all that is locked that is lost, given an exploit.
    base : BaseRate
    """

    id: str
    name: str
    probability: float
    low: float
    high: float
    causes: Mapping[str, float]
    factors: tuple[FactorEffect, ...]
    changes: tuple[Change, ...]
    missing: tuple[str, ...]
    unread: tuple[str, ...]
    severity: Severity
    base: BaseRate
    sentence: str

    @property
    def rating(self) -> str:
        """Letter for the probability."""
        return rating(self.probability)


@cache
def network(base: float = 0.0) -> elimination.Network:
    """The built-in network: factors, a node for each cause, ``exploited``, ``cause``, ``loss``.

    Parameters
    ----------
    base : float
        Per year; the probability of ``exploited`` before any evidence. 0 stands for the usual.

    Examples
    --------
    >>> round(elimination.marginal(network(0.03), "exploited", {})["yes"], 12)
    0.03
    """
    model = calibrated(base or base_rate().probability)
    nodes = []
    for factor in FACTORS:
        above = (factor.parent,) if factor.parent else ()
        nodes.append(elimination.Node(factor.name, factor.states, above, np.array(factor.common)))
    for cause in CAUSES:
        happens = model.failure(cause)
        table = np.stack([1.0 - happens, happens], axis=-1)
        nodes.append(elimination.Node(failure(cause), ("no", "yes"), parents(cause), table))
    any_of = np.zeros((2,) * len(CAUSES) + (2,))
    which = np.zeros((2,) * len(CAUSES) + (1 + len(CAUSES),))
    for failed in itertools.product((0, 1), repeat=len(CAUSES)):
        any_of[(*failed, int(any(failed)))] = 1.0
        # of several failures within a year each may have been the one that struck
        which[failed] = [float(not any(failed)), *(f / max(sum(failed), 1) for f in failed)]
    failures = tuple(failure(cause) for cause in CAUSES)
    nodes.append(elimination.Node(EXPLOITED, ("no", "yes"), failures, any_of))
    nodes.append(elimination.Node(CAUSE, (NONE, *CAUSES), failures, which))
    loss = (NONE, *BANDS)
    nodes.append(elimination.Node(LOSS, loss, (CAUSE, "pausable", "liquidity"), bands()))
    return elimination.Network(tuple(nodes))


def failure(cause: str) -> str:
    """Name of the node of a cause."""
    return f"{cause}-failure"


def rate_of(protocol: Protocol) -> BaseRate:
    """The base rate that a protocol is scored by: what the book says, else the usual one."""
    return base_rate(protocol.base_rate)


def driver(protocol: Protocol, price: Price | None = None) -> Driver:
    """The network of a protocol with its declared factors as evidence, for ``drivers``."""
    told = {each.name: each.state for each in declared(protocol, price) if each.state is not None}
    net = network(rate_of(protocol).probability)
    return Driver(net, 1.0, tuple(f.name for f in FACTORS), told)


def score(
    protocol: Protocol,
    evidence: Mapping[str, str] | None = None,
    price: Price | None = None,
    laws: Mapping[str, Law] | None = None,
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
    laws : mapping of node to law, optional
        Marginals of the network where more is known than factors; asked for if not given.

    Raises
    ------
    MisuseError
        A state that the factor does not have.
    AssessmentError
        A base rate that cannot be read.

    Examples
    --------
    >>> found = score(Protocol(id="protocol-x", audits=2, oracle="chainlink"))
    >>> round(found.probability, 4), found.rating, found.factors[0].name
    (0.0335, 'C+', 'audits')
    """
    told = declared(protocol, price)
    rate = rate_of(protocol)
    net = network(rate.probability)
    more = {name: state for name, state in (evidence or {}).items() if name in BY_NAME}
    seen = {t.name: t.state for t in told if t.state is not None} | more
    if laws is None:
        laws = inference.ask(net, Findings(hard=seen), [EXPLOITED, CAUSE, LOSS]).marginals
    probability = laws[EXPLOITED]["yes"]
    model = calibrated(rate.probability)
    plain = model.chance(seen)
    values = {t.name: t.value for t in told if t.state == seen.get(t.name)}
    effects = []
    for name, state in seen.items():
        effect = plain - model.chance(_without(seen, name))
        effects.append(FactorEffect(name, values.get(name, f"{state} (evidence)"), state, effect))
    effects.sort(key=lambda each: -abs(each.effect))
    missing = tuple(factor.name for factor in FACTORS if factor.name not in seen)
    title = getattr(protocol, "name", None) or protocol.id
    low, high = _interval(rate, seen, probability, plain)
    causes = {cause: laws[CAUSE][cause] for cause in CAUSES}
    return ProtocolScore(
        id=protocol.id,
        name=title,
        probability=probability,
        low=low,
        high=high,
        causes=causes,
        factors=tuple(effects),
        changes=_changes(model, seen),
        missing=missing,
        unread=tuple(f"{t.name}: {t.value}" for t in told if t.name not in seen),
        severity=severity(list(laws[LOSS].values())),
        base=rate,
        sentence=_sentence(title, probability, (low, high), causes, effects, missing, rate),
    )


def _without(seen: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: state for other, state in seen.items() if other != name}


def _interval(
    rate: BaseRate, seen: Mapping[str, str], probability: float, plain: float
) -> tuple[float, float]:
    """90 % of the draws; what is known beside factors moves both ends by the same odds."""
    chances = drawn(rate).chances(seen)
    if probability in (0.0, 1.0):
        return probability, probability
    more = math.log(probability / (1.0 - probability) * (1.0 - plain) / plain)
    ends = np.quantile(np.log(chances / (1.0 - chances)) + more, [0.05, 0.95])
    low, high = (1.0 / (1.0 + math.exp(-end)) for end in ends.tolist())
    return min(low, probability), max(high, probability)


def _changes(model: Calibrated, seen: Mapping[str, str]) -> tuple[Change, ...]:
    """For every factor the state that would move it most, the strongest first.

    What does not bear on the chance is left out.
    """
    now = model.chance(seen)

    def moved(change: Change) -> float:
        return abs(math.log(change.probability / now))

    found = []
    for factor in FACTORS:
        ends = (factor.states[0], factor.states[-1]) if factor.odds else ()
        others = [
            Change(factor.name, end, model.chance({**seen, factor.name: end}), factor.name in seen)
            for end in ends
            if end != seen.get(factor.name)
        ]
        found += [max(others, key=moved)] if others else []
    return tuple(sorted(found, key=moved, reverse=True))


def _sentence(
    title: str,
    probability: float,
    interval: tuple[float, float],
    causes: Mapping[str, float],
    effects: list[FactorEffect],
    missing: tuple[str, ...],
    rate: BaseRate,
) -> str:
    main = max(causes, key=lambda cause: causes[cause])
    parts = [
        f"{title} has a chance of {_percent(probability)} of being exploited within a year "
        f"({_percent(interval[0])} to {_percent(interval[1])} with 90 %; "
        f"{_percent(rate.probability)} if nothing were known), most likely through {main} "
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
