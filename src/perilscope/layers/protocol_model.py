# SPDX-License-Identifier: Apache-2.0
"""Chances of failure by cause for every state of a protocol's factors, set by a base rate.

The odds of a failure by cause c are a product: a number of the cause times one of each factor.
Together the causes must give exactly the base rate b to a protocol of which nothing is known. With
shares s_c of the causes, the mean chance of cause c is 1 - (1 - b)^(k s_c); factors are shared, so
causes come together, and the one scale k (a little over 1) is what makes

    E[1 - prod_c (1 - p_c(z))] = b.

Source: MODEL of the project (section 2); logistic failure nodes: Fenton and Neil, *Risk Assessment
and Decision Analysis with Bayesian Networks* (2018), chapter 9.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaincinv, ndtri

from perilscope.engines.networks.network import Factor as Table
from perilscope.evidence.base_rates import BaseRate
from perilscope.layers.protocol_factors import BY_NAME, CAUSES, FACTORS
from perilscope.once import cached_property

Floats = NDArray[np.float64]

DRAWS = 256
SPREAD = 0.5
"""Standard deviation of the logarithm of the odds between a factor's worst and best state."""
DRAW = "draw"
_SEED = 20261123
_TOTAL = math.fsum(CAUSES.values())
_AXES = tuple(factor.name for factor in FACTORS)


def parents(cause: str) -> tuple[str, ...]:
    """Factors that bear on a cause, in the order of the factors."""
    return tuple(factor.name for factor in FACTORS if cause in factor.odds)


def log_odds(cause: str, name: str) -> Floats:
    """What each state of a factor adds to the log odds of a cause.

    Examples
    --------
    The worst and the best state have the logarithms that are declared, those between lie on a line:

    >>> worst, best = BY_NAME["audits"].odds["code"]
    >>> added = log_odds("code", "audits").tolist()
    >>> added[0] == math.log(worst), added[-1] == math.log(best)
    (True, True)
    """
    factor = BY_NAME[name]
    worst, best = map(math.log, factor.odds[cause])
    return np.array([place * worst if place > 0.0 else -place * best for place in factor.along])


def prior() -> list[Table]:
    """How common the states of each factor are, given those of its parent."""
    return [
        Table((*((factor.parent,) if factor.parent else ()), factor.name), np.array(factor.common))
        for factor in FACTORS
    ]


def summed(tables: Sequence[Table], keep: Sequence[str] = ()) -> Floats:
    """Product of tables, summed over every factor that is not kept.

    Factors that stand in few tables go first: a cause's own factors before the shared ones.

    Examples
    --------
    All states of all factors together are certain:

    >>> round(float(summed(prior())), 12)
    1.0
    """
    left = list(tables)
    uses = dict.fromkeys(_AXES, 0) | Counter(name for table in left for name in table.names)
    order = [name for name in sorted(_AXES, key=lambda name: uses[name]) if name not in keep]
    for name in order:
        mine = [table for table in left if name in table.names]
        if mine:
            left = [table for table in left if name not in table.names]
            scope = tuple(dict.fromkeys(each for table in mine for each in table.names))
            product = _product(mine, scope).sum(axis=scope.index(name))
            left.append(Table(tuple(each for each in scope if each != name), product))
    return _product(left, tuple(keep))


def _product(tables: Sequence[Table], scope: tuple[str, ...]) -> Floats:
    total = np.ones((1,) * len(scope))
    for table in tables:
        total = total * table.along(scope)
    return total


def reduced(tables: Sequence[Table], evidence: Mapping[str, str]) -> list[Table]:
    """Tables reduced by evidence: their parts that agree with the states of some factors.

    Examples
    --------
    >>> left = reduced(prior(), {"audits": "none"})
    >>> any("audits" in table.names for table in prior()), any("audits" in t.names for t in left)
    (True, False)
    """
    found = []
    for table in tables:
        index = tuple(
            BY_NAME[name].states.index(evidence[name]) if name in evidence else slice(None)
            for name in table.names
        )
        names = tuple(name for name in table.names if name not in evidence)
        found.append(Table(names, table.table[index]))
    return found


@dataclass(frozen=True)
class Calibrated:
    """Chances of failure for every state of the factors, at one base rate.

    Parameters
    ----------
    base : float
        Chance per year that a protocol of which nothing is known is exploited.
    scale : float
        The joint scale k.
    intercepts : mapping of cause to its log odds where all factors are neutral
    """

    base: float
    scale: float
    intercepts: Mapping[str, float]

    def failure(self, cause: str) -> Floats:
        """Chance per year of a failure by one cause; an axis for each of its parents."""
        return np.asarray(expit(_sums(cause) + self.intercepts[cause]))

    @cached_property
    def survival(self) -> list[Table]:
        """Chance that each cause does not strike, as tables over the factors."""
        return [Table(parents(cause), 1.0 - self.failure(cause)) for cause in CAUSES]

    def chance(self, evidence: Mapping[str, str]) -> float:
        """Chance per year of an exploit given the states of some factors.

        Examples
        --------
        >>> round(calibrated(0.045).chance({}), 12)
        0.045
        """
        common = reduced(prior(), evidence)
        alive = summed([*common, *reduced(self.survival, evidence)])
        return 1.0 - float(alive) / float(summed(common))


@cache
def _sums(cause: str) -> Floats:
    """Log odds of a cause relative to its own number, an axis for each parent."""
    names = parents(cause)
    return np.asarray(sum(Table((name,), log_odds(cause, name)).along(names) for name in names))


@cache
def _weights(cause: str) -> Floats:
    """How common each joint state of a cause's parents is."""
    return summed(prior(), parents(cause))


def mean_chances(base: float, scale: float) -> dict[str, float]:
    """Mean chance of each cause: hazards in the ratio of the shares, times the joint scale.

    Examples
    --------
    Independent causes whose hazards add up to that of the base rate:

    >>> chances = mean_chances(0.045, 1.0)
    >>> round(1.0 - math.prod(1.0 - p for p in chances.values()), 12)
    0.045
    """
    hazard = -math.log1p(-base) * scale / _TOTAL
    return {cause: -math.expm1(-hazard * share) for cause, share in CAUSES.items()}


@cache
def calibrated(base: float) -> Calibrated:
    """The model whose population has exactly this base rate.

    Raises
    ------
    ValueError
        If the base rate is not between 0 and 1.
    """
    if not 0.0 < base < 0.9:
        raise ValueError(f"a base rate between 0 and 0.9 per year is wanted, found {base}")
    starts = dict.fromkeys(CAUSES, math.log(base))

    def at(scale: float) -> tuple[float, Calibrated]:
        wanted = mean_chances(base, scale)
        for cause, mean in wanted.items():
            starts[cause] = _intercept(cause, mean, starts[cause])
        model = Calibrated(base, scale, dict(starts))
        return model.chance({}) - base, model

    low, high = 1.0, 1.0 + base  # causes overlap, so that k is over 1
    below, model = at(low)
    above, _ = at(high)
    for _ in range(50):  # secant: nearly straight
        new = high - above * (high - low) / (above - below)
        low, below, high = high, above, new
        above, model = at(new)
        if abs(above) <= 4e-16 or above == below:
            break
    return model


def _intercept(cause: str, mean: float, start: float) -> float:
    """The number at which the mean chance of a cause over all protocols is as wanted."""
    found = _intercepts(
        _sums(cause).ravel()[None], _weights(cause).ravel(), np.array([mean]), start
    )
    return float(found[0])


def _intercepts(sums: Floats, weights: Floats, means: Floats, start: float) -> Floats:
    """The same for many rows at once, by Newton's method on the log of the mean."""
    found = np.full(len(means), start)
    for _ in range(60):
        chance = expit(sums + found[:, None])
        mean = chance @ weights
        slope = (chance * (1.0 - chance)) @ weights
        step = np.log(means / mean) * mean / slope
        found = found + np.clip(step, -3.0, 3.0)
        if np.all(np.abs(step) <= 1e-15 * np.maximum(np.abs(found), 1.0)):
            break
    return found


# --- what is not known ----------------------------------------------------------------------------


@cache
def _points() -> Floats:
    """A Latin hypercube: one column for the base rate, one for each factor of each cause.

    Every column has one point in each of as many equal strata as there are draws.
    """
    columns = 1 + sum(len(parents(cause)) for cause in CAUSES)
    rng = np.random.default_rng(_SEED)
    return np.stack([(rng.permutation(DRAWS) + 0.5) / DRAWS for _ in range(columns)], axis=-1)


def base_draws(rate: BaseRate) -> Floats:
    """The base rate as the counts leave it open: a gamma law, at as many points as draws."""
    return np.asarray(gammaincinv(rate.events, _points()[:, 0]) / rate.exposure)


@dataclass(frozen=True)
class Drawn:
    """The model at many values of what is not known: the base rate, and what factors do."""

    survival: tuple[Table, ...]

    def chances(self, evidence: Mapping[str, str]) -> Floats:
        """Chance per year of an exploit given some factors, for each draw; shape (draws,)."""
        common = reduced(prior(), evidence)
        alive = summed([*common, *reduced(self.survival, evidence)], (DRAW,))
        return 1.0 - alive / float(summed(common))


@cache
def drawn(rate: BaseRate) -> Drawn:
    """The model at every draw, each with its own base rate over all protocols.

    The logarithm of the odds between a factor's worst and best state is normal about what is
    stated, with standard deviation ``SPREAD``, independently for each factor and cause. The joint
    scale is that of the base rate itself, prolonged in a straight line.
    """
    points, column = _points(), 1
    base = np.minimum(base_draws(rate), 0.8)
    usual = calibrated(rate.probability)
    scale = 1.0 + (usual.scale - 1.0) * base / rate.probability
    hazard = -np.log1p(-base) * scale / _TOTAL
    tables = []
    for cause, share in CAUSES.items():
        names = parents(cause)
        sums = np.zeros((1,) * (1 + len(names)))
        for name in names:
            steps = 0.5 * SPREAD * ndtri(points[:, column])[:, None]
            own = log_odds(cause, name) + steps * np.array(BY_NAME[name].along)
            sums = sums + Table((DRAW, name), own).along((DRAW, *names))
            column += 1
        flat = sums.reshape(DRAWS, -1)
        means = -np.expm1(-hazard * share)
        found = _intercepts(flat, _weights(cause).ravel(), means, usual.intercepts[cause])
        chance = expit(flat + found[:, None]).reshape(sums.shape)
        tables.append(Table((DRAW, *names), 1.0 - chance))
    return Drawn(tuple(tables))
