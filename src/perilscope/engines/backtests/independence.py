# SPDX-License-Identifier: Apache-2.0
"""Whether exceptions come alone or in clusters: Christoffersen, waiting times, Weibull durations.

Every ratio is computed for many series at once, so that its law under the null (independent
exceptions with chance ``1 - level``) is simulated in the same breath: with few exceptions the
chi-squared law is a poor guide, and ``p_value_simulated`` is right whatever their number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.backtests.exceptions import _pof, geometric_ratio
from perilscope.engines.backtests.null import affordable, places
from perilscope.engines.backtests.result import (
    Array,
    Hits,
    Result,
    checked_level,
    chi2_tail,
    likelihood,
)
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

PATHS, PATHS_DURATIONS = 9999, 1999
LEAST_B, MOST_B = 1e-3, 10.0
"""Shapes of a Weibull law that are looked for."""


@dataclass(frozen=True)
class Hit:
    """Where exceptions stand in many series of equal length, in the order of series and day."""

    days: int
    series: int
    row: NDArray[np.int64]
    day: NDArray[np.int64]

    @classmethod
    def of(cls, table: Hits) -> Hit:
        """From a table of series (rows) and days (columns)."""
        row, day = np.nonzero(table)
        return cls(table.shape[1], table.shape[0], row.astype(np.int64), day.astype(np.int64))

    def sums(self, values: Array | None = None, where: Hits | None = None) -> Array:
        """Sum over the exceptions of each series; their number without values."""
        row = self.row if where is None else self.row[where]
        return np.asarray(np.bincount(row, values, self.series), dtype=np.float64)

    @property
    def gaps(self) -> tuple[Array, Hits]:
        """Days since the exception before (since the start for the first), and which is first."""
        first = np.ones(self.row.size, dtype=np.bool_)
        first[1:] = self.row[1:] != self.row[:-1]
        gap = np.asarray(self.day + 1.0, dtype=np.float64)
        gap[1:] = np.where(first[1:], gap[1:], self.day[1:] - self.day[:-1])
        return gap, first


def one(breached: Hits) -> Hit:
    """A single series."""
    flags = np.asarray(breached, dtype=np.bool_)
    if flags.size == 0:
        raise AssessmentError("there are no forecasts to test")
    return Hit.of(flags[None, :])


def simulated(
    ratio: Callable[[Hit], Array], days: int, p: float, seed: int, paths: int = PATHS
) -> Array:
    """A ratio of ``paths`` series of independent exceptions with chance ``p``; shape (paths,)."""
    rng = stream(seed, "backtests", f"exceptions {days} {p!r}")
    row, day = places(rng, paths, days, p)
    return ratio(Hit(days, paths, row, day))


def _told(
    ratio: Callable[[Hit], Array],
    breached: Hits,
    level: float,
    freedom: int,
    seed: int,
    paths: int,
    **parameters: float | int | str | bool | None,
) -> Result:
    """The ratio of the series with both of its p-values."""
    observed = one(breached)
    paths = affordable(paths, observed.days * (1.0 - level))
    statistic = float(ratio(observed)[0])
    drawn = simulated(ratio, observed.days, 1.0 - level, seed, paths)
    counted = {
        **parameters,
        "exceptions": int(observed.row.size),
        "days": observed.days,
        "degrees_of_freedom": freedom,
    }
    return Result(statistic, chi2_tail(statistic, freedom), counted).beside(drawn, paths)


# --- Christoffersen -------------------------------------------------------------------------------


def _transitions(hit: Hit) -> tuple[Array, Array, Array, Array]:
    """Numbers of pairs of neighbouring days: calm-calm, calm-hit, hit-calm, hit-hit."""
    gap, first = hit.gaps
    together = hit.sums(where=~first & (gap == 1.0))
    begun = hit.sums(where=hit.day > 0)  # exceptions with a day before
    left = hit.sums(where=hit.day < hit.days - 1)  # exceptions with a day after
    calm_hit, hit_calm = begun - together, left - together
    return hit.days - 1.0 - calm_hit - hit_calm - together, calm_hit, hit_calm, together


def _independence(hit: Hit) -> Array:
    calm, up, down, both = _transitions(hit)
    with np.errstate(divide="ignore", invalid="ignore"):
        after_calm = np.where(calm + up > 0.0, up / (calm + up), 0.0)
        after_hit = np.where(down + both > 0.0, both / (down + both), 0.0)
        any_day = (up + both) / np.maximum(calm + up + down + both, 1.0)
    free = likelihood(up, calm + up, after_calm) + likelihood(both, down + both, after_hit)
    return np.maximum(2.0 * (free - likelihood(up + both, calm + up + down + both, any_day)), 0.0)


def christoffersen_independence(
    breached: Hits, level: float, seed: int = 1, paths: int = PATHS
) -> Result:
    """Whether an exception is likelier the day after one: likelihood ratio, chi-squared with one.

    Source: Christoffersen, International Economic Review 39 (1998), section 3.2.

    Examples
    --------
    >>> found = christoffersen_independence(np.array([0, 1, 1, 0, 0, 0, 0, 0, 0, 1]) > 0, 0.9)
    >>> round(found.statistic, 6), found.parameters["n11"]
    (0.308892, 1)
    """
    p = 1.0 - checked_level(level)
    calm, up, down, both = (int(each[0]) for each in _transitions(one(breached)))
    return _told(
        _independence, breached, 1.0 - p, 1, seed, paths, n00=calm, n01=up, n10=down, n11=both
    )


def christoffersen_conditional_coverage(
    breached: Hits, level: float, seed: int = 1, paths: int = PATHS
) -> Result:
    """Number and independence at once: the sum of the two ratios, chi-squared with 2.

    Source: Christoffersen, International Economic Review 39 (1998), section 3.3.

    Examples
    --------
    >>> flags = np.zeros(250, dtype=bool)
    >>> round(christoffersen_conditional_coverage(flags, 0.99).statistic, 4)
    5.0252
    """
    p = 1.0 - checked_level(level)

    def both(hit: Hit) -> Array:
        return np.asarray(_pof(hit.sums(), hit.days, p) + _independence(hit))

    return _told(both, breached, 1.0 - p, 2, seed, paths)


# --- waiting times --------------------------------------------------------------------------------


def _between(p: float) -> Callable[[Hit], Array]:
    def ratio(hit: Hit) -> Array:
        return hit.sums(geometric_ratio(hit.gaps[0], p))

    return ratio


def time_between_failures_independence(
    breached: Hits, level: float, seed: int = 1, paths: int = PATHS
) -> Result:
    """Haas's test of independence: the ratios of all waiting times, chi-squared with their number.

    Without exceptions there is no waiting time: the ratio is 0 and the p-value 1.

    Source: Haas, *New methods in backtesting*, caesar (2001), section 3.

    Examples
    --------
    >>> flags = np.arange(1, 301) % 100 == 0
    >>> round(time_between_failures_independence(flags, 0.99).statistic, 9)
    0.0
    """
    p = 1.0 - checked_level(level)
    count = int(np.count_nonzero(breached))
    return _told(_between(p), breached, 1.0 - p, count, seed, paths)


def time_between_failures(
    breached: Hits, level: float, seed: int = 1, paths: int = PATHS
) -> Result:
    """Haas's mixed test: number and waiting times at once, chi-squared with their number plus one.

    Source: Haas, *New methods in backtesting*, caesar (2001), section 3.

    Examples
    --------
    >>> round(time_between_failures(np.zeros(250, dtype=bool), 0.99).statistic, 4)
    5.0252
    """
    p = 1.0 - checked_level(level)
    between = _between(p)

    def mixed(hit: Hit) -> Array:
        return np.asarray(between(hit) + _pof(hit.sums(), hit.days, p))

    count = int(np.count_nonzero(breached))
    return _told(mixed, breached, 1.0 - p, count + 1, seed, paths)


# --- durations ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Durations:
    """Durations of many series; the first and the last may be censored."""

    series: int
    row: NDArray[np.int64]
    length: Array
    whole: Hits

    @classmethod
    def of(cls, hit: Hit) -> _Durations:
        """Days from exception to exception, from the start to the first and from the last on."""
        gap, first = hit.gaps
        kept = ~(first & (hit.day == 0))  # a series that begins with an exception has no first
        last = np.ones(hit.row.size, dtype=np.bool_)
        last[:-1] = hit.row[1:] != hit.row[:-1]
        after = last & (hit.day < hit.days - 1)
        row = np.concatenate([hit.row[kept], hit.row[after]])
        length = np.concatenate([gap[kept], hit.days - 1.0 - hit.day[after]])
        whole = np.concatenate([~first[kept], np.zeros(int(after.sum()), dtype=np.bool_)])
        return cls(hit.series, row, length, whole)

    def sums(self, values: Array) -> Array:
        return np.asarray(np.bincount(self.row, values, self.series), dtype=np.float64)


def _weibull(hit: Hit) -> tuple[Array, Array, Array]:
    """Ratio, shape b and scale a of each series; b is NaN where nothing tells it.

    For a given b the best a has a^b = m / sum D^b with m uncensored durations, and what is left is
    concave in log b: its slope has one zero, found by halving.
    """
    spans = _Durations.of(hit)
    logs = np.log(spans.length)
    many = spans.sums(spans.whole.astype(np.float64))
    whole = spans.sums(np.where(spans.whole, logs, 0.0))
    # scaled by the longest of the series so that a power does not overflow
    longest = np.full(spans.series, -np.inf)
    np.maximum.at(longest, spans.row, logs)
    scaled = logs - longest[spans.row]

    def powers(b: Array) -> tuple[Array, Array]:
        power = np.exp(b[spans.row] * scaled)
        return spans.sums(power), spans.sums(power * scaled)

    known = many > 0.0
    low, high = np.full(spans.series, np.log(LEAST_B)), np.full(spans.series, np.log(MOST_B))
    shift = np.where(known, longest, 0.0)
    for _ in range(52):
        middle = 0.5 * (low + high)
        b = np.exp(middle)
        total, slope = powers(b)
        with np.errstate(invalid="ignore", divide="ignore"):
            steep = many / b + whole - many * (slope / total + shift)
        low, high = np.where(steep > 0.0, middle, low), np.where(steep > 0.0, high, middle)
    b = np.exp(0.5 * (low + high))

    def height(shape: Array) -> Array:
        total = powers(shape)[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.log(many) - np.log(total) - shape * shift
            found = many * (scale + np.log(shape) - 1.0) + (shape - 1.0) * whole
        return np.where(known, found, 0.0)

    ratio = np.maximum(2.0 * (height(b) - height(np.ones(spans.series))), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.exp((np.log(many) - np.log(powers(b)[0])) / b - shift)
    return ratio, np.where(known, b, np.nan), np.where(known, scale, np.nan)


def weibull_duration(
    breached: Hits, level: float, seed: int = 1, paths: int = PATHS_DURATIONS
) -> Result:
    """Christoffersen and Pelletier's duration test: is the Weibull shape 1 (no memory)?

    Likelihood ratio, chi-squared with one degree of freedom. The time before the first exception
    and after the last are censored unless the series begins or ends with one. ``b`` below 1 means
    clusters. It is looked for between 0.001 and 10 (``at_bound`` says when it stopped there). Where
    no two exceptions bound a duration the ratio is 0 and ``b`` is not known.

    Source: Christoffersen and Pelletier, J. Financial Econometrics 2 (2004), equations 18 to 21.

    Examples
    --------
    >>> flags = np.zeros(300, dtype=bool)
    >>> flags[[20, 21, 24, 150, 152, 280]] = True
    >>> found = weibull_duration(flags, 0.98)
    >>> 0.0 < found.parameters["b"] < 1.0
    True
    """
    p = 1.0 - checked_level(level)
    _, b, scale = _weibull(one(breached))
    known = bool(np.isfinite(b[0]))
    return _told(
        lambda hit: _weibull(hit)[0],
        breached,
        1.0 - p,
        1,
        seed,
        paths,
        b=float(b[0]) if known else None,
        a=float(scale[0]) if known else None,
        at_bound=bool(known and not LEAST_B * 1.000001 < b[0] < MOST_B * 0.999999),
    )
