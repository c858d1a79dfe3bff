# SPDX-License-Identifier: Apache-2.0
"""What a test says, and the checks that all of them share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.errors import AssessmentError, MisuseError

Array = NDArray[np.float64]
Hits = NDArray[np.bool_]
Value = float | int | str | bool | None | tuple["Value", ...] | Mapping[str, "Value"]
#: Beyond floating rounding: two statistics this near, relatively, are equal.
TIE = 1e-9


@dataclass(frozen=True)
class Result:
    """One statistic.

    Parameters
    ----------
    statistic : float
    p_value : float or None
        None where the statistic is a score, which ranks forecasts and tests none.
    parameters : mapping
        Degrees of freedom, counts and whatever else the statistic found.
    """

    statistic: float
    p_value: float | None
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def beside(self, simulated: Array, paths: int) -> Result:
        """The same with the p-value that statistics of so many simulated paths give.

        Parameters
        ----------
        simulated : array, shape (m,)
            As of :func:`at_least`.
        paths : int

        Examples
        --------
        >>> Result(3.0, 0.5).beside(np.array([1.0, 2.0, 3.0, 4.0]), 4).parameters["paths"]
        4
        """
        p, error = at_least(simulated, self.statistic)
        found = {"p_value_simulated": p, "p_value_simulated_error": error, "paths": paths}
        return replace(self, parameters={**self.parameters, **found})


def checked_level(level: float) -> float:
    """The level, if it lies in (0.5, 1).

    Raises
    ------
    MisuseError
        If it does not.

    Examples
    --------
    >>> checked_level(0.975)
    0.975
    """
    if not 0.5 < level < 1.0:
        raise MisuseError(f"a level of {level:g}: more than 0.5 and less than 1, like 0.975")
    return float(level)


def aligned(*columns: Array) -> tuple[Array, ...]:
    """Columns of forecasts as arrays of equal length, finite and not empty."""
    arrays = tuple(np.asarray(each, dtype=np.float64) for each in columns)
    if any(each.ndim != 1 or each.shape != arrays[0].shape for each in arrays):
        raise MisuseError("losses and forecasts must be columns of the same length")
    if arrays[0].size == 0:
        raise AssessmentError("there are no forecasts to test")
    if not all(np.all(np.isfinite(each)) for each in arrays):
        raise AssessmentError("a loss or a forecast is not a finite number")
    return arrays


def hits(loss: Array, var: Array) -> Hits:
    """Where a loss lies strictly above VaR; shape (n,).

    Examples
    --------
    >>> hits(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])).tolist()
    [False, False, True]
    """
    loss, var = aligned(loss, var)
    return np.asarray(loss > var)


def chi2_tail(statistic: float, freedom: int) -> float:
    """Chance that a chi-squared variable exceeds the statistic; 1 without degrees of freedom.

    Examples
    --------
    >>> round(chi2_tail(3.841458820694124, 1), 12)
    0.05
    """
    if freedom < 1:
        return 1.0
    if math.isinf(statistic):
        return 0.0
    return float(special.chdtrc(freedom, max(statistic, 0.0)))


def two_sided(z: float) -> float:
    """Chance that a standard normal variable is farther from zero than ``z``.

    Examples
    --------
    >>> round(two_sided(1.959963984540054), 12)
    0.05
    """
    return float(2.0 * special.ndtr(-abs(z)))


def likelihood(successes: Array | float, trials: Array | float, chance: Array | float) -> Array:
    """Logarithm of ``chance^successes (1 - chance)^(trials - successes)``, with 0 log 0 = 0.

    Examples
    --------
    >>> likelihood(0, 250, 0.0).tolist()
    0.0
    """
    failures = np.asarray(trials, dtype=np.float64) - successes
    return np.asarray(
        special.xlogy(successes, chance) + special.xlog1py(failures, -np.asarray(chance))
    )


def at_least(simulated: Array, observed: float) -> tuple[float, float]:
    """Monte Carlo p-value of large statistics, and its standard error.

    Parameters
    ----------
    simulated : array, shape (m,)
        Statistics under the null; NaN where a path has none (left out).
    observed : float

    Returns
    -------
    p, error : float
        ``(1 + number at least as large) / (1 + m)``, which is a valid p-value for any m.

    Source: Dufour, J. Econometrics 133 (2006), proposition 2.2 (ties counted against the null).

    Examples
    --------
    >>> p, error = at_least(np.array([1.0, 2.0, 3.0, 4.0]), 3.0)
    >>> p
    0.6
    """
    drawn = simulated[~np.isnan(simulated)]
    size = drawn.size
    if math.isinf(observed):
        count = int(np.count_nonzero(drawn == observed)) if observed > 0.0 else size
    else:
        count = int(np.count_nonzero(drawn >= observed - TIE * max(abs(observed), 1e-3)))
    p = (1.0 + count) / (1.0 + size)
    return p, math.sqrt(p * (1.0 - p) / (1.0 + size))
