# SPDX-License-Identifier: Apache-2.0
"""The two updates with a closed form: a rate from counted events, a probability from trials.

The posterior is computed from the totals, never step by step, so that the same set of observations
gives the same bits in whatever order, and taking one out restores what was before.
"""

from __future__ import annotations

from perilscope.errors import MisuseError


def gamma_poisson(shape: float, rate: float, events: int, exposure: float) -> tuple[float, float]:
    """Shape and rate of the gamma posterior of a Poisson rate.

    Parameters
    ----------
    shape, rate : float
        Prior: ``shape`` events in ``rate`` years, as it were.
    events : int
        Events seen.
    exposure : float
        Years watched.

    Raises
    ------
    MisuseError
        For a prior that is none, a negative count or a negative exposure.

    Notes
    -----
    Gelman et al., *Bayesian Data Analysis*, 3rd ed., section 2.6.

    Examples
    --------
    >>> gamma_poisson(3, 5, events=3, exposure=2)
    (6, 7)
    """
    if not (shape > 0 and rate > 0):
        raise MisuseError(f"gamma({shape}, {rate}) is no law: shape and rate are positive")
    if events < 0 or not exposure >= 0:
        raise MisuseError(f"{events} events in {exposure} years: neither can be negative")
    return shape + events, rate + exposure


def beta_binomial(a: float, b: float, successes: int, trials: int) -> tuple[float, float]:
    """Parameters of the beta posterior of a probability.

    Parameters
    ----------
    a, b : float
        Prior: ``a`` successes and ``b`` failures, as it were.
    successes, trials : int
        What was seen.

    Raises
    ------
    MisuseError
        For a prior that is none, or successes that are not some of the trials.

    Notes
    -----
    Gelman et al., *Bayesian Data Analysis*, 3rd ed., section 2.4.

    Examples
    --------
    >>> beta_binomial(2, 8, successes=1, trials=20)
    (3, 27)
    """
    if not (a > 0 and b > 0):
        raise MisuseError(f"beta({a}, {b}) is no law: both parameters are positive")
    if not 0 <= successes <= trials:
        raise MisuseError(f"{successes} successes out of {trials} trials")
    return a + successes, b + (trials - successes)
