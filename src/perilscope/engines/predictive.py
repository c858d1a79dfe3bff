# SPDX-License-Identifier: Apache-2.0
"""What a market model is: it is fitted to a history and gives a law of the loss to come.

Everything that asks for VaR or CVaR (the command line, the backtests, the tournament of models)
asks through here, so that models can be exchanged. The conventions are the same for all of them and
are written into each answer (`conventions`): losses are positive, as a share of the value; VaR at
level a is the smallest x with F(x) >= a; CVaR is the mean of the worst 1 - a of probability, the
atom at VaR split; levels lie above one half.

How to add a model
------------------
1. Write ``fit(sample: Sample) -> Prediction`` in a module of this room. From the sample take what
   the model needs: ``sample.losses`` (one for each overlapping window of ``horizon`` days, today's
   weights, bought and held), ``sample.moves`` (the same by asset), ``sample.daily`` (returns of one
   day of the portfolio), ``sample.log_percent`` (100 x their log returns; the GARCH family).
   Raise `AssessmentError` where the data do not allow a fit, with the way to mend it.
2. Return a `Prediction` whose ``law`` has ``var``, ``cvar``, ``cdf`` and ``sample``: one of
   `NormalLaw`, `StudentLaw`, `EmpiricalLaw`, or a class of your own with these four.
3. Give ``interval_at(level)`` the 90 % intervals of VaR and CVaR; it is called only when an
   interval is asked for, so that a rolling backtest does not pay for it. Without a better way
   `by_blocks` (delete-a-block jackknife of the whole fit) serves any model.
4. Put a ``Model(name, title, fit)`` into the tuple of `models`; nothing else knows the names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines import returns
from perilscope.engines.parametric import student_measures
from perilscope.engines.revalued import Revalued
from perilscope.errors import AssessmentError, MisuseError

Array = NDArray[np.float64]
Interval = tuple[float, float]
Intervals = tuple[Interval, Interval]

LEAST = 20
"""Fewer windows than this tell nothing about a tail."""
FEW = 250
"""With fewer windows than this every answer carries a note."""
DAYS_A_YEAR = 365
BLOCKS = 20
CLUSTER = 8
"""Days up to an eighth of the history apart count as possibly alike."""

CONVENTIONS: Mapping[str, str] = {
    "sign": "losses are positive, a share of the value",
    "var": "smallest x with F(x) >= level",
    "cvar": "mean of the worst 1 - level of probability, the atom at VaR split",
    "interval": "90 %",
    "returns": "simple, closes of every calendar day, 365 days a year",
    "weights": "today's, bought and held over the horizon",
    "horizon": "overlapping windows of that many days; nothing scaled by the square root of time",
}


def checked_level(level: float) -> float:
    """The level, refused unless it lies between one half and one.

    Examples
    --------
    >>> checked_level(0.975)
    0.975
    >>> checked_level(97.5)
    Traceback (most recent call last):
    perilscope.errors.MisuseError: a level lies above 0.5 and below 1, like 0.975; not 97.5
    """
    if not 0.5 < level < 1.0:
        raise MisuseError(f"a level lies above 0.5 and below 1, like 0.975; not {level:g}")
    return level


@dataclass(frozen=True, eq=False)
class Sample:
    """What a model is fitted to: daily returns of assets and today's weights.

    Parameters
    ----------
    returns : array, shape (T, k)
        Simple daily returns, the oldest first, without holes.
    weights : array, shape (k,)
        Shares of the value, negative for what is owed. What they leave of 1 does not move.
    horizon : int
        Days.
    seed : int
        Names the random streams.
    share : float
        Effective size of the sample as a share of its days: less than 1 where a part of it was
        filled in from factors. Intervals grow with it.
    presample : str
        What stands for the squares before the first day in GARCH models: ``backcast``, or
        ``sample``, their mean over all days (Bollerslev and Ghysels).
    revalued : Revalued, optional
        How what is held is revalued where it is more than units of the assets; ``weights`` then are
        what it gains for a small move of each price.

    Raises
    ------
    MisuseError
        The shapes do not fit, the weights are all zero, the horizon is not positive.
    AssessmentError
        A return is missing or below -1, or there are fewer than `LEAST` windows.

    Examples
    --------
    >>> moves = np.tile([[0.01, -0.02], [-0.01, 0.02]], (20, 1))
    >>> sample = Sample(moves, np.array([0.5, 0.5]))
    >>> len(sample.losses), round(float(sample.losses[0]), 6)
    (40, 0.005)
    """

    returns: Array
    weights: Array
    horizon: int = 1
    seed: int = 1
    share: float = 1.0
    presample: str = "backcast"
    revalued: Revalued | None = None

    def __post_init__(self) -> None:
        table = np.ascontiguousarray(self.returns, dtype=np.float64)
        weights = np.asarray(self.weights, dtype=np.float64)
        object.__setattr__(self, "returns", table)
        object.__setattr__(self, "weights", weights)
        if table.ndim != 2 or weights.shape != (table.shape[1],) or not weights.size:
            raise MisuseError(f"{weights.shape} weights do not fit returns of shape {table.shape}")
        if not np.all(np.isfinite(weights)):
            raise MisuseError("a weight is not a finite number")
        if self.revalued is None and not np.any(weights != 0.0):
            raise MisuseError("every weight is zero: nothing is held, so nothing can be lost")
        if self.horizon < 1:
            raise MisuseError(f"a horizon has at least one day, not {self.horizon}")
        if not np.all(table > -1.0):  # NaN too
            raise AssessmentError("a return is missing, or a price fell to zero or below")
        if not np.all(np.isfinite(table)):
            raise AssessmentError("a return is not a finite number")
        if self.windows < LEAST:
            raise AssessmentError(
                f"{len(table)} daily returns hold {max(self.windows, 0)} windows of "
                f"{self.horizon} days; at least {LEAST} are needed, so give more history"
            )

    @property
    def windows(self) -> int:
        """Overlapping windows of the horizon."""
        return len(self.returns) - self.horizon + 1

    @cached_property
    def moves(self) -> Array:
        """Simple returns of each asset over the horizon, shape (windows, k)."""
        if self.horizon == 1:
            return self.returns
        logs = np.log1p(self.returns)
        sums = np.cumsum(np.vstack([np.zeros(logs.shape[1]), logs]), axis=0)
        return np.asarray(np.expm1(sums[self.horizon :] - sums[: -self.horizon]))

    @cached_property
    def losses(self) -> Array:
        """Losses over the horizon as shares of the value, shape (windows,), in order of time."""
        if self.revalued is not None:
            return self.revalued.windows(self.returns, self.horizon)
        return np.asarray(-(self.moves @ self.weights))

    @cached_property
    def daily(self) -> Array:
        """Simple returns of the portfolio on each day, today's weights, shape (T,)."""
        if self.revalued is not None:
            return np.asarray(-self.revalued.daily)
        return np.asarray(self.returns @ self.weights)

    @cached_property
    def log_percent(self) -> Array:
        """100 x log returns of the portfolio on each day.

        Raises
        ------
        AssessmentError
            A day would have lost everything: what is owed is too much for a log return.
        """
        if not np.all(self.daily > -1.0):
            raise AssessmentError(
                "with these weights a day of the history would have lost everything, so there is "
                "no log return; use the historical method"
            )
        return np.asarray(100.0 * np.log1p(self.daily))

    @cached_property
    def held(self) -> NDArray[np.intp]:
        """Columns of the assets that what is held depends on."""
        if self.revalued is not None:
            return np.arange(self.weights.size)
        return np.flatnonzero(self.weights)

    def lost(self, moves: Array, days: int | None = None) -> Array:
        """Losses under simple moves of `held` over so many days (the horizon), shape (n,)."""
        if self.revalued is not None:
            return self.revalued.at(moves, days or self.horizon)
        return np.asarray(-(moves @ self.weights[self.held]))

    def slopes(self, moves: Array, days: int | None = None) -> Array:
        """Slope of the loss in the move of each of `held`, shape (n, k) or (1, k)."""
        if self.revalued is not None:
            return self.revalued.slopes(moves, days or self.horizon)
        return -self.weights[self.held][None, :]

    @property
    def effective(self) -> float:
        """Windows that tell something of their own: not overlapping, not filled in."""
        return self.share * self.windows / self.horizon

    @property
    def lags(self) -> int:
        """How many windows apart losses may still be alike: calm and wild times last for weeks."""
        return max(2 * (self.horizon - 1), self.windows // CLUSTER)

    def without(self, first: int, last: int) -> Sample:
        """The sample without the days from ``first`` up to ``last``."""
        kept = np.r_[:first, last : len(self.returns)]
        return self.cut(kept)

    def cut(self, rows: slice | NDArray[np.intp]) -> Sample:
        """The sample of some days."""
        held = None if self.revalued is None else self.revalued.cut(rows)
        return replace(self, returns=self.returns[rows], revalued=held)


@runtime_checkable
class Law(Protocol):
    """A law of loss, as a share of the value."""

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        ...

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        ...

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much, for each of them."""
        ...

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """So many independent losses."""
        ...


@dataclass(frozen=True)
class NormalLaw:
    """A normal law of loss.

    Examples
    --------
    >>> round(NormalLaw(0.0, 1.0).cvar(0.975), 6)
    2.337803
    """

    location: float
    scale: float

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return self.location + self.scale * float(special.ndtri(level))

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        z = float(special.ndtri(level))
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        return self.location + self.scale * density / (1.0 - level)

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        return np.asarray(special.ndtr((losses - self.location) / self.scale))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        return self.location + self.scale * rng.standard_normal(count)


@dataclass(frozen=True)
class StudentLaw:
    """A Student t law of loss; the standard deviation is ``scale * sqrt(df / (df - 2))``.

    Examples
    --------
    >>> round(StudentLaw(0.0, 1.0, 4.0).cvar(0.975), 6)
    3.993557
    """

    location: float
    scale: float
    df: float

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return self.location + self.scale * student_measures(level, self.df)[0]

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        return self.location + self.scale * student_measures(level, self.df)[1]

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        return np.asarray(special.stdtr(self.df, (losses - self.location) / self.scale))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        return self.location + self.scale * rng.standard_t(self.df, count)


@dataclass(frozen=True, eq=False)
class EmpiricalLaw:
    """Given losses with their probabilities (equal without).

    Examples
    --------
    >>> law = EmpiricalLaw(np.arange(1.0, 11.0))
    >>> law.var(0.85), round(law.cvar(0.85), 9), law.cdf(np.array([5.0])).tolist()
    (9.0, 9.666666667, [0.5])
    """

    losses: Array
    weights: Array | None = None

    @cached_property
    def _ordered(self) -> tuple[Array, Array]:
        """Losses in order, and the probability of each or less."""
        order = np.argsort(self.losses, kind="stable")
        if self.weights is None:
            return self.losses[order], np.arange(1.0, order.size + 1.0) / order.size
        below = np.cumsum(self.weights[order])
        return self.losses[order], below / below[-1]

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return returns.historical(self.losses, level, self.weights)[0]

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        return returns.historical(self.losses, level, self.weights)[1]

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        values, below = self._ordered
        place = np.searchsorted(values, losses, side="right")
        return np.asarray(np.concatenate([[0.0], below])[place])

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        values, below = self._ordered
        return np.asarray(values[np.searchsorted(below, rng.random(count), side="right")])


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a fitted model says about the loss over the horizon.

    Parameters
    ----------
    law : Law
    interval_at : callable
        Level -> 90 % intervals of VaR and CVaR.
    parameters : mapping of str to float
        As fitted, by the names of the literature.
    log_likelihood : float or None
        At the maximum; None where the model has none.
    effective : float
        Effective size of the sample.
    notes : tuple of str
        What the reader must know: fallbacks, short histories, parameters at a bound.
    conventions : mapping of str to str
        The common ones and the model's own.
    """

    law: Law
    interval_at: Callable[[float], Intervals]
    parameters: Mapping[str, float] = field(default_factory=dict)
    log_likelihood: float | None = None
    effective: float = math.nan
    notes: tuple[str, ...] = ()
    conventions: Mapping[str, str] = field(default_factory=lambda: CONVENTIONS)

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return self.law.var(checked_level(level))

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        return self.law.cvar(checked_level(level))

    def interval(self, level: float) -> Intervals:
        """90 % intervals of VaR and CVaR: ``((low, high), (low, high))``."""
        return self.interval_at(checked_level(level))

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much, for each of them."""
        return self.law.cdf(np.asarray(losses, dtype=np.float64))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """So many independent losses."""
        return self.law.sample(count, rng)


Fit = Callable[[Sample], Prediction]


@dataclass(frozen=True)
class Model:
    """A way to a law of loss.

    Parameters
    ----------
    name : str
        As the command line calls it.
    title : str
        What a reader knows it by, with its source.
    fit : callable
        Sample -> Prediction.
    """

    name: str
    title: str
    fit: Fit


def predict(model: Model, sample: Sample) -> Prediction:
    """Fit a model; short histories and windows that overlap are noted.

    Raises
    ------
    AssessmentError
        The model cannot be fitted to these data.

    Examples
    --------
    >>> normal = Model("normal", "", lambda s: Prediction(NormalLaw(0.0, 1.0), lambda _: ...))
    >>> found = predict(normal, Sample(np.full((30, 1), 0.01), np.ones(1)))
    >>> found.notes
    ('30 daily returns: the far tail rests on very few',)
    """
    found = model.fit(sample)
    notes = list(found.notes)
    effective = found.effective if math.isfinite(found.effective) else sample.effective
    bounded = sample.revalued is None and bool(np.all(sample.weights >= 0.0))
    most = float(sample.weights.sum()) if bounded else math.inf

    def capped(level: float) -> Intervals:
        """What is not owed loses at most all of it."""
        (a, b), (c, d) = found.interval_at(level)
        var, cvar = found.law.var(level), found.law.cvar(level)
        return (a, max(min(b, most), var)), (c, max(min(d, most), cvar))

    if len(sample.returns) < FEW:
        notes.append(f"{len(sample.returns)} daily returns: the far tail rests on very few")
    elif sample.effective < FEW:
        notes.append(f"effective sample size {sample.effective:.0f}: the interval is wide")
    return replace(found, notes=tuple(notes), effective=effective, interval_at=capped)


def by_blocks(fit: Fit, sample: Sample, blocks: int = BLOCKS) -> Callable[[float], Intervals]:
    """90 % intervals for any model: fitted again without each block of days in turn.

    Parameters
    ----------
    fit : callable
        Sample -> Prediction; a fit that fails without one block leaves that block out.
    sample : Sample
    blocks : int

    Returns
    -------
    callable
        Level -> intervals. The fits are made once, at the first call.

    Notes
    -----
    Delete-a-block jackknife (Kuensch 1989; Shao and Wu 1989 for quantiles), on the logarithm of
    VaR and of CVaR, with Student's quantile for the number of blocks.
    """
    kept: list[Prediction] = []

    def interval(level: float) -> Intervals:
        if not kept:
            edges = np.linspace(0, len(sample.returns), blocks + 1).round().astype(int).tolist()
            kept.append(fit(sample))
            for first, last in pairwise(edges):
                try:
                    kept.append(fit(sample.without(first, last)))
                except AssessmentError:
                    continue
        if len(kept) < 6:
            raise AssessmentError("too few of the fits without a block of days succeed")
        pairs = np.array([[each.law.var(level), each.law.cvar(level)] for each in kept])
        count = len(pairs) - 1
        reach = float(special.stdtrit(count - 1, 0.95)) / math.sqrt(sample.share)
        found = []
        for whole, parts in zip(pairs[0], pairs[1:].T, strict=True):
            # rescaled by the size of the whole: near zero a logarithm would not do
            spread = (parts - parts.mean()) / max(abs(float(whole)), 1e-300)
            error = math.sqrt((count - 1) / count * float(spread @ spread))
            found.append(stretched(float(whole), reach * error))
        return found[0], found[1]

    return interval


def stretched(value: float, width: float) -> Interval:
    """The interval ``value * exp(+-width)``, in order.

    Examples
    --------
    >>> [round(x, 3) for x in stretched(-1.0, 0.1)]
    [-1.105, -0.905]
    """
    one, two = value * math.exp(-width), value * math.exp(width)
    return (one, two) if one <= two else (two, one)
