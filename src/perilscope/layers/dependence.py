# SPDX-License-Identifier: Apache-2.0
"""What scenarios have in common, as beliefs that they share: factors, and shocks that hit several.

A factor multiplies how often, or how much, for all scenarios it names; a shock is one incident that
hits several of them. Both have one value for the whole horizon.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import gammaln

from perilscope.beliefs.law import reading
from perilscope.book import Book, Factor, Leaf, Scenario, Shock
from perilscope.book import Copula as Declared
from perilscope.book.quantity import named, spell
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.distributions import Discrete, Distribution
from perilscope.engines.simulation.copula import Copula
from perilscope.errors import AssessmentError
from perilscope.layers.context import Context

MOST_SHOCKS = 20.0
"""Incidents of one kind over the horizon; more are no shock but a frequency."""

_TAIL, _TOP = 1e-15, 512


def on_frequency(context: Context, scenario: str) -> tuple[Shared, ...]:
    """Factors that make the events of a scenario more or less frequent."""
    found = context.book.factors.items()
    return tuple(_factor(context, key, f) for key, f in found if scenario in f.frequency)


def on_magnitude(context: Context, scenario: str) -> tuple[Shared, ...]:
    """Factors that make each loss of a scenario larger or smaller."""
    found = context.book.factors.items()
    return tuple(_factor(context, key, f) for key, f in found if scenario in f.magnitude)


def scaled(book: Book) -> dict[str, Factor]:
    """Factors that a node of a network says, by the name of their belief."""
    return {_name(key): f for key, f in book.factors.items() if f.by is not None}


def multiples(factor: Factor, states: Sequence[str]) -> tuple[tuple[float, tuple[str, ...]], ...]:
    """What a node multiplies by in groups of its states, the smallest first.

    Over a horizon the worst group that is reached counts, so these are the rungs of a ladder.

    Examples
    --------
    >>> from perilscope.book import from_mapping
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> theft = {"asset": "safe", "frequency": "1 in 10 years", "magnitude": "100"}
    >>> nodes = {"market": {"states": ["calm", "tense", "wild"], "table": [0.7, 0.2, 0.1]}}
    >>> storm = {"by": "net.market", "times": {"wild": 3}, "frequency": ["theft"]}
    >>> more = {"assets": {"safe": {"kind": "other"}}, "scenarios": {"theft": theft}}
    >>> book = from_mapping({**tree, **more, "networks": {"net": {"nodes": nodes}},
    ...                      "factors": {"storm": storm}})
    >>> multiples(book.factors["storm"], ("calm", "tense", "wild"))
    ((1.0, ('calm', 'tense')), (3.0, ('wild',)))
    """
    found: dict[float, list[str]] = {}
    for state in states:
        times = factor.times.get(state)
        value = 1.0 if times is None else float(reading(times).mean)
        found.setdefault(value, []).append(state)
    return tuple((value, tuple(found[value])) for value in sorted(found))


def _name(key: str) -> str:
    return f"factor {key}"


def shocks(book: Book, scenario: str, years: float) -> Iterator[tuple[Shared, float]]:
    """Shocks that hit a scenario: how many there are in a period, and the chance that one hits."""
    for key, shock in book.shocks.items():
        if scenario in shock.hits:
            chance = float(reading(shock.hits[scenario]).mean)
            number = incidents(key, shock, years)
            yield Shared(f"shock {key}", number, chance=True, counted=True), chance


def described(book: Book, scenario: str) -> tuple[str, ...]:
    """What acts on a scenario beside its own estimates, in sentences."""
    found = []
    for key, paths in beliefs(book.scenarios[scenario]).items():
        others = [k for k, s in book.scenarios.items() if k != scenario and key in beliefs(s)]
        also = f", as of {', '.join(others)}" if others else ""
        where = " and ".join(path.replace("_", " ").replace(".", ", ") for path in paths)
        law = book.beliefs[key].value
        found.append(f"Belief {key}, {law}, is one value of its {where}{also}.")
    for key, factor in book.factors.items():
        named = [
            word
            for word, keys in (("frequency", factor.frequency), ("magnitude", factor.magnitude))
            if scenario in keys
        ]
        if named:
            what = " and ".join(named)
            found.append(
                f"Factor {key}, {worded(factor)}, multiplies its {what}{_more(factor, named)}."
            )
    for key, shock in book.shocks.items():
        if scenario in shock.hits:
            chance, often = spell(shock.hits[scenario]), spell(shock.frequency.estimate.value)
            found.append(f"Shock {key}, {often}, hits it with {chance}: events beside its own.")
    return tuple(found)


def _more(factor: Factor, named: Sequence[str]) -> str:
    """What a factor with mean one does to an average year where it multiplies both at once."""
    if factor.law is None or len(named) < 2:
        return ""
    read = reading(factor.law)
    if read.beliefs:
        return ""
    return f", so that its average year is {read.value(()).second:.3g} times what it would be"


def worded(factor: Factor) -> str:
    """What a factor is, in the words of the book."""
    if factor.law is not None:
        return spell(factor.law)
    times = ", ".join(f"{spell(value)} if {state}" for state, value in factor.times.items())
    return f"by {'.'.join(factor.by or ())}: {times}, 1 otherwise"


def beliefs(scenario: Scenario) -> dict[str, list[str]]:
    """Beliefs with a name that a scenario rests on, and the factors in which it does."""
    found: dict[str, list[str]] = {}
    for path, factor in scenario.factors():
        if isinstance(factor, Leaf):
            for name in named(factor.estimate.value.node):
                found.setdefault(name, []).append(path)
    return found


def _factor(context: Context, key: str, factor: Factor) -> Shared:
    if factor.law is None:
        return Shared(_name(key), _by_node(context, factor), chance=True)
    read = reading(factor.law)
    if read.beliefs:
        raise AssessmentError(
            f"factor {key}: its law is itself what is not known; write it without belief(..)"
        )
    law = read.value(())
    if abs(law.mean - 1.0) > 1e-6 or law.support[0] < 0.0:
        raise AssessmentError(
            f"factor {key}: its law has the mean {law.mean:.6g} and begins at "
            f"{law.support[0]:.6g}; a factor has the mean 1, so that averages stay as they are "
            "declared, and is never negative: like `gamma(mean=1, sd=0.5)`"
        )
    return Shared(_name(key), law, chance=True)


def _by_node(context: Context, factor: Factor) -> Distribution:
    """Law of what a node multiplies by, under what is known, over the horizon."""
    network, node = context.drivers.place(*(factor.by or ("", "")))
    rungs = multiples(factor, context.drivers.driver(network).states(node))
    law = context.drivers.over(network, [(node, tuple(group for _, group in rungs))], context.years)
    pairs = zip(rungs, law.table.tolist(), strict=True)
    possible = [(value, p) for (value, _), p in pairs if p > 0.0]
    return Discrete(tuple(v for v, _ in possible), tuple(p for _, p in possible))


def incidents(key: str, shock: Shock, years: float) -> Distribution:
    """Law of the number of incidents of a shock in a period.

    Poisson for a known rate, else its mixture over the belief about the rate, up to a count beyond
    which less than 1e-15 lies.

    Examples
    --------
    >>> from perilscope.book import from_mapping
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> theft = {"asset": "safe", "frequency": "1 in 10 years", "magnitude": "100"}
    >>> shock = {"fire": {"frequency": "1 in 4 years", "hits": ["theft"]}}
    >>> more = {"assets": {"safe": {"kind": "other"}}, "scenarios": {"theft": theft}}
    >>> book = from_mapping({**tree, **more, "shocks": shock})
    >>> round(incidents("fire", book.shocks["fire"], 2.0).mean, 9)
    0.5
    """
    read = reading(shock.frequency.estimate.value)
    rates = [
        (weight, read.number(theta) * years)
        for weight, theta in quadrature.nodes(read.beliefs, effort=3)
    ]
    usual = math.fsum(weight * rate for weight, rate in rates)
    if usual > MOST_SHOCKS:
        raise AssessmentError(
            f"shock {key}: {usual:.3g} incidents in the horizon; a shock is rare, give each "
            "scenario a frequency of its own instead"
        )
    n = np.arange(_TOP + 1.0)
    chances = np.zeros(_TOP + 1)
    for weight, rate in rates:
        log = n * math.log(rate) - rate - gammaln(n + 1.0) if rate > 0.0 else np.where(n, -745.0, 0)
        chances += weight * np.exp(log)
    kept = max(int(np.flatnonzero(chances > _TAIL)[-1]), 1) + 1
    shares = chances[:kept] / chances[:kept].sum()
    return Discrete(tuple(range(kept)), tuple(shares.tolist()))


def copula(declared: Declared, keys: Sequence[str]) -> tuple[Copula, Copula]:
    """The declared copula over some scenarios, and the one without any correlation.

    Raises
    ------
    MisuseError
        Correlations outside -1 to 1, or that cannot hold together.
    """
    others = float(reading(declared.others).mean)
    matrix = np.full((len(keys), len(keys)), others)
    np.fill_diagonal(matrix, 1.0)
    place = {key: i for i, key in enumerate(keys)}
    for pair in declared.pairs:
        one, two = pair.between
        if one in place and two in place:  # one that could not be assessed is left out
            value = float(reading(pair.correlation).mean)
            matrix[place[one], place[two]] = matrix[place[two], place[one]] = value
    degrees = None if declared.degrees is None else float(reading(declared.degrees).mean)
    return Copula(matrix, degrees), Copula(np.eye(len(keys)))
