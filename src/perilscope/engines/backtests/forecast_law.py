# SPDX-License-Identifier: Apache-2.0
"""The law that a forecast stands for, as far as its figures tell: what the null is drawn from.

Mean, standard deviation, VaR and CVaR of one day fit a normal law, or one Student law, or neither.
Where they fit, the whole law is known and gives PIT and tail. Where only VaR and CVaR are given (or
the four fit neither law), the tail beyond VaR is taken as exponential with the mean that CVaR
states: the law of least assumption with that mean, and the middle one of the generalised Paretos.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.backtests.null import affordable, places
from perilscope.engines.backtests.result import Array, aligned, checked_level
from perilscope.engines.portfolio.parametric import student_measures
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

Kind = Literal["normal", "student", "exponential"]
CLOSE = 2e-3
"""So near, in standard deviations, VaR and CVaR must lie to those of a law that is to be theirs."""
_DFS = 1.0 / np.linspace(1.0 / 2.05, 1.0 / 400.0, 4000)


@dataclass(frozen=True)
class ForecastLaw:
    """A law for each day.

    Parameters
    ----------
    kind : str
        ``normal`` and ``student`` are whole laws; ``exponential`` is a tail beyond VaR.
    level : float
        Of VaR.
    centre, scale : arrays, shape (n,)
        Mean and standard deviation; of an exponential tail VaR and its mean excess.
    df : array, shape (n,), optional
        Degrees of freedom of each day's Student law.
    """

    kind: Kind
    level: float
    centre: Array
    scale: Array
    df: Array | None = None

    @property
    def whole(self) -> bool:
        """Whether more than the tail is known."""
        return self.kind != "exponential"

    @property
    def shape(self) -> float | None:
        """The middle degrees of freedom of the Student laws; None of others."""
        return None if self.df is None else float(np.median(self.df))

    def pit(self, loss: Array) -> Array:
        """Chance of a loss no larger than the one that came.

        Raises
        ------
        AssessmentError
            If only the tail is known.
        """
        if not self.whole:
            raise AssessmentError("only the tail of the forecast law is known, not all of it")
        z = (loss - self.centre) / self.scale
        if self.df is None:
            return np.asarray(special.ndtr(z))
        return np.asarray(special.stdtr(self.df, z / np.sqrt((self.df - 2.0) / self.df)))

    def beyond(self, day: NDArray[np.int64], share: Array) -> Array:
        """Losses beyond VaR on these days; ``share`` of the tail's probability lies beyond them."""
        centre, scale, p = self.centre[day], self.scale[day], 1.0 - self.level
        if self.kind == "exponential":
            return np.asarray(centre - scale * np.log(share))
        if self.df is None:
            return np.asarray(centre - scale * special.ndtri(p * share))
        df = self.df[day]
        return np.asarray(
            centre - scale * np.sqrt((df - 2.0) / df) * special.stdtrit(df, p * share)
        )

    def drawn(self, beyond: Array) -> Array:
        """Losses of whole days; ``beyond`` is the chance of a larger one, shape (..., n).

        Of an exponential tail the body up to VaR is taken as a normal law about zero, the law of
        least assumption that has this VaR.

        Raises
        ------
        AssessmentError
            If only the tail is known and VaR is not above zero.

        Examples
        --------
        >>> law = ForecastLaw("exponential", 0.975, np.ones(2), np.ones(2))
        >>> law.drawn(np.array([0.5, 0.025])).round(9).tolist()
        [-0.0, 1.0]
        """
        centre, scale, p = self.centre, self.scale, 1.0 - self.level
        if self.kind == "exponential":
            if not np.all(centre > 0.0):
                raise AssessmentError("VaR is not above zero on every day: no law to draw from")
            body = centre * special.ndtri(beyond) / special.ndtri(p)
            return np.where(beyond < p, centre - scale * np.log(np.minimum(beyond / p, 1.0)), body)
        if self.df is None:
            return np.asarray(centre - scale * special.ndtri(beyond))
        spread = scale * np.sqrt((self.df - 2.0) / self.df)
        return np.asarray(centre - spread * special.stdtrit(self.df, beyond))


def whole_law(
    level: float, var: Array, cvar: Array | None, mean: Array, sd: Array
) -> ForecastLaw | None:
    """The normal or Student law with these figures, or None where neither has them.

    Examples
    --------
    >>> one = np.ones(1)
    >>> whole_law(0.975, 1.959964 * one, 2.337803 * one, 0.0 * one, one).kind
    'normal'
    >>> law = whole_law(0.975, 1.991164 * one, 2.727802 * one, 0.0 * one, one)
    >>> law.kind, round(law.shape, 2)
    ('student', 5.0)
    """
    checked_level(level)
    reach = (var - mean) / sd
    z = float(special.ndtri(level))
    density = float(np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))
    near = np.abs(reach - z) < CLOSE
    if cvar is None:
        return ForecastLaw("normal", level, mean, sd) if bool(near.all()) else None
    far = (cvar - mean) / sd
    if bool((near & (np.abs(far - density / (1.0 - level)) < CLOSE)).all()):
        return ForecastLaw("normal", level, mean, sd)
    if np.any(reach <= 0.0):
        return None
    table = np.array([student_measures(level, float(df)) for df in _DFS])
    table = table * np.sqrt((_DFS - 2.0) / _DFS)[:, None]
    # the ratio falls as the degrees of freedom rise
    df = 1.0 / np.interp(-far / reach, -table[:, 1] / table[:, 0], 1.0 / _DFS)
    found = [np.interp(1.0 / df, 1.0 / _DFS[::-1], table[::-1, column]) for column in (0, 1)]
    gap = max(float(np.abs(found[0] - reach).max()), float(np.abs(found[1] - far).max()))
    return ForecastLaw("student", level, mean, sd, df) if gap < CLOSE else None


def forecast_law(
    level: float,
    var: Array,
    cvar: Array | None = None,
    mean: Array | None = None,
    sd: Array | None = None,
) -> ForecastLaw:
    """The law of the figures there are.

    Raises
    ------
    AssessmentError
        Where VaR stands alone, or CVaR lies below it.

    Examples
    --------
    >>> forecast_law(0.975, np.ones(2), 2.0 * np.ones(2)).kind
    'exponential'
    """
    if mean is not None and sd is not None:
        found = whole_law(level, var, cvar, mean, sd)
        if found is not None:
            return found
    if cvar is None:
        raise AssessmentError("no column cvar, and VaR is not the normal quantile of mean and sd")
    var, cvar = aligned(var, cvar)
    if np.any(cvar < var):
        raise AssessmentError("CVaR lies below VaR on some day")
    return ForecastLaw("exponential", checked_level(level), var, cvar - var)


@dataclass(frozen=True)
class Drawn:
    """Exceptions of many series drawn from the forecasts, in the order of series and day."""

    days: int
    paths: int
    row: NDArray[np.int64]
    day: NDArray[np.int64]
    loss: Array

    def sums(self, values: Array | None = None) -> Array:
        """Sum over the exceptions of each path; their number without values."""
        return np.asarray(np.bincount(self.row, values, self.paths), dtype=np.float64)


def drawn(law: ForecastLaw, seed: int, paths: int) -> Drawn:
    """Series of losses as the forecasts have them; only those above VaR are kept.

    Of very long series fewer than ``paths`` are drawn.

    Examples
    --------
    >>> law = forecast_law(0.975, np.ones(250), 2.0 * np.ones(250))
    >>> sample = drawn(law, 1, 2000)
    >>> bool(abs(sample.row.size / (250 * 2000) - 0.025) < 0.001)
    True
    """
    days, p = law.centre.size, 1.0 - law.level
    paths = affordable(paths, days * p)
    rng = stream(seed, "backtests", f"tail {days} {p!r}")
    row, day = places(rng, paths, days, p)
    share = 1.0 - rng.random(row.size)  # never zero
    return Drawn(days, paths, row, day, law.beyond(day, share))
