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
   `loss_laws`, or a class of your own with these four.
3. Give ``interval_at(level)`` the 90 % intervals of VaR and CVaR; it is called only when an
   interval is asked for, so that a rolling backtest does not pay for it. Without a better way
   `by_blocks` (delete-a-block jackknife of the whole fit) serves any model.
4. Put a ``Model(name, title, fit)`` into the tuple of `models`; nothing else knows the names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.loss_laws import Law
from perilscope.engines.forecasts.overlaps import APART, widened
from perilscope.errors import AssessmentError, MisuseError

Array = NDArray[np.float64]
Interval = tuple[float, float]
Intervals = tuple[Interval, Interval]

FEW = 250
"""With fewer windows than this every answer carries a note."""
BEYOND_ALL = 1e-4
"""A larger chance of losing more than all that is held is noted."""
DAYS_A_YEAR = 365
BLOCKS = 20

CONVENTIONS: Mapping[str, str] = {
    "sign": "losses are positive, a share of the value",
    "var": "smallest x with F(x) >= level",
    "cvar": "mean of the worst 1 - level of probability, the atom at VaR split",
    "breach": "a loss strictly above VaR",
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
    remarks : callable
        More notes, which take some computing: asked for where they are shown.
    """

    law: Law
    interval_at: Callable[[float], Intervals]
    parameters: Mapping[str, float] = field(default_factory=dict)
    log_likelihood: float | None = None
    effective: float = math.nan
    notes: tuple[str, ...] = ()
    conventions: Mapping[str, str] = field(default_factory=lambda: CONVENTIONS)
    remarks: Callable[[], tuple[str, ...]] = tuple

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
    >>> from perilscope.engines.forecasts.loss_laws import NormalLaw
    >>> normal = Model("normal", "", lambda s: Prediction(NormalLaw(0.0, 0.1), lambda _: ...))
    >>> returns = np.linspace(-0.02, 0.02, 30)[:, None]
    >>> found = predict(normal, Sample(returns, np.ones(1)))
    >>> found.notes
    ('30 daily returns: the far tail rests on very few',)
    """
    found = model.fit(sample)
    notes = [*found.notes, *found.remarks()]
    effective = found.effective if math.isfinite(found.effective) else sample.effective
    bounded = sample.revalued is None and bool(np.all(sample.weights >= 0.0))
    few = sample.horizon > 1 and sample.effective < APART
    most = float(sample.weights.sum()) if bounded else math.inf

    def within(level: float) -> Intervals:
        """What is not owed loses at most all of it, and CVaR at least what VaR does."""
        ends = found.interval_at(level)
        if few and found.conventions.get("horizon") == CONVENTIONS["horizon"]:
            figures = found.law.var(level), found.law.cvar(level)
            ends = widened(sample, level, figures, ends, getattr(found.law, "weights", None))
        (a, b), (c, d) = ends
        if found.law.cvar(level) <= most:  # else the law knows no such bound, nor does its error
            b, d = min(b, most), min(d, most)
        return (a, b), (max(a, c), max(b, d))

    beyond = 0.0 if math.isinf(most) else 1.0 - float(found.law.cdf(np.array([most]))[0])
    if beyond > BEYOND_ALL:
        notes.append(
            f"the law gives a chance of {100.0 * beyond:.2g} % to losing more than all that is "
            "held, which cannot be: it does not fit losses this large"
        )
    if not np.any(sample.losses != sample.losses[0]):
        notes.append("the value never moved on these days, which says nothing of days to come")
    if len(sample.returns) < FEW:
        notes.append(f"{len(sample.returns)} daily returns: the far tail rests on very few")
    elif sample.effective < FEW:
        notes.append(f"effective sample size {sample.effective:.0f}: the interval is wide")
    return replace(found, notes=tuple(notes), effective=effective, interval_at=within)


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
