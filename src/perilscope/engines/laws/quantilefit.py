# SPDX-License-Identifier: Apache-2.0
"""Laws from quantiles that somebody stated, and how far the laws are from them.

A law with two parameters takes two quantiles exactly; more of them are met as nearly as its shape
allows, in least squares of the logarithms (of the log-odds for beta), so that small and large
values count alike. How far it misses is part of the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import betaincinv, gammaincinv, gammaln, logit, ndtri

from perilscope.engines.laws.betafit import beta_shapes
from perilscope.engines.laws.continuous import Lognormal
from perilscope.engines.laws.law import Distribution, Floats
from perilscope.engines.laws.metalog import Metalog
from perilscope.engines.laws.positive import Beta, Gamma, Weibull
from perilscope.errors import MisuseError

FAMILIES = ("lognormal", "gamma", "weibull", "beta", "metalog")
#: Errors as near as this are alike: nobody states a quantile to a hundredth of itself.
ALIKE = 0.01


@dataclass(frozen=True)
class Fitted:
    """A law fitted to quantiles.

    Attributes
    ----------
    law : Distribution
        The law.
    family : str
        Its family, one of ``FAMILIES``.
    error : float
        The largest relative distance of its quantiles from those wanted: max |Q(p) / x - 1|.
    quantiles : tuple of float
        Its own quantiles at the probabilities asked for.
    """

    law: Distribution
    family: str
    error: float
    quantiles: tuple[float, ...]


def fit(
    family: str,
    probabilities: Sequence[float],
    values: Sequence[float],
    *,
    low: float | None = None,
    high: float | None = None,
    terms: int | None = None,
) -> Fitted:
    """The law of one family that is nearest to some quantiles.

    Parameters
    ----------
    family : str
        ``lognormal``, ``gamma``, ``weibull``, ``beta`` or ``metalog``.
    probabilities : sequence of float
        Two or more, rising, between 0 and 1.
    values : sequence of float
        The quantiles, rising.
    low, high : float, optional
        Ends: of beta 0 and 1 by default, of metalog none; other families have none to choose.
    terms : int, optional
        Of metalog: how many terms, see `Metalog.from_quantiles`.

    Raises
    ------
    MisuseError
        If the quantiles are not as described or outside what the family can reach, or no law of
        the family has them.

    Examples
    --------
    >>> found = fit("lognormal", (0.05, 0.5, 0.95), (10_000, 30_000, 120_000))
    >>> round(found.law.mu, 4), round(found.law.sigma, 4), round(found.error, 4)
    (10.4048, 0.7554, 0.1006)
    """
    if family not in FAMILIES:
        raise MisuseError(f"quantiles make a {', '.join(FAMILIES)} law, not {family!r}")
    if family not in ("beta", "metalog") and (low is not None or high is not None):
        raise MisuseError(f"a {family} law has no ends to choose; leave out low and high")
    if family != "metalog" and terms is not None:
        raise MisuseError(f"a {family} law has no terms to choose; leave out terms")
    p, x = _checked(probabilities, values)
    law: Distribution
    if family == "metalog":
        ends = -math.inf if low is None else low, math.inf if high is None else high
        law = Metalog.from_quantiles(p.tolist(), x.tolist(), *ends, terms)
    elif family == "beta":
        law = _beta(p, x, 0.0 if low is None else low, 1.0 if high is None else high)
    else:
        _refuse_unless_positive(family, x)
        law = {"lognormal": _lognormal, "gamma": _gamma, "weibull": _weibull}[family](p, x)
    return _told(law, family, p, x)


def best(
    probabilities: Sequence[float],
    values: Sequence[float],
    low: float = 0.0,
    high: float = math.inf,
) -> Fitted:
    """The family that is nearest to some quantiles, and its law.

    Parameters
    ----------
    probabilities, values : sequence of float
        As for `fit`.
    low, high : float
        What the law must stay between. Lognormal, gamma and Weibull are tried on (0, inf), beta
        between two finite ends, metalog everywhere.

    Returns
    -------
    Fitted
        Of the laws whose errors are within 0.01 of the least, the one with the simplest family:
        lognormal, gamma, Weibull, beta, metalog in this order.

    Raises
    ------
    MisuseError
        If the quantiles are not as described, or no family has a law for them.

    Notes
    -----
    A metalog law goes through nearly any quantiles, but beyond them it has the tail of a power
    law. Hence it is taken only where the others are visibly off, with fewer terms where all of
    them make no law, and never where it would have no mean.

    Examples
    --------
    >>> best((0.05, 0.5, 0.95), (10_000, 31_600, 100_000)).family
    'lognormal'
    >>> found = best((0.05, 0.5, 0.95), (10_000, 30_000, 120_000))
    >>> found.family, round(found.error, 6)
    ('metalog', 0.0)
    """
    p, x = (column.tolist() for column in _checked(probabilities, values))
    _refuse_unless_between(x, low, high)
    ends = {"low": low, "high": high}
    tries: list[tuple[str, dict[str, Any]]] = []
    if low == 0.0 and math.isinf(high):
        tries = [("lognormal", {}), ("gamma", {}), ("weibull", {})]
    elif math.isfinite(low) and math.isfinite(high):
        tries = [("beta", ends)]
    metalogs = [("metalog", {**ends, "terms": n}) for n in range(min(len(p), 9), 1, -1)]
    found = [_tried(p, x, family, options) for family, options in tries]
    found.append(next(filter(None, (_tried(p, x, *one) for one in metalogs)), None))
    laws = [one for one in found if one is not None]
    if not laws:
        raise MisuseError(
            "no family has a law with these quantiles; leave out one of them, or the ends"
        )
    least = min(one.error for one in laws)
    return next(one for one in laws if one.error <= least + ALIKE)


def _tried(p: list[float], x: list[float], family: str, options: dict[str, Any]) -> Fitted | None:
    """A fit, or nothing where the family has no law, or only one without a mean."""
    try:
        found = fit(family, p, x, **options)
    except MisuseError:
        return None
    return found if math.isfinite(found.law.mean) else None


def _told(law: Distribution, family: str, p: Floats, x: Floats) -> Fitted:
    own = np.asarray(law.ppf(p), dtype=np.float64)
    size = np.where(x != 0, np.abs(x), np.max(np.abs(x)))
    error = float(np.max(np.abs(own - x) / size))
    if not math.isfinite(error) or (p.size == 2 and error > 1e-6):  # two are met, or cannot be
        raise MisuseError(f"no {family} law comes near these quantiles; take another family")
    return Fitted(law, family, error, tuple(own.tolist()))


# -- what is refused


def _checked(probabilities: Sequence[float], values: Sequence[float]) -> tuple[Floats, Floats]:
    p, x = np.asarray(probabilities, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if p.ndim != 1 or p.shape != x.shape:
        raise MisuseError("each quantile must be one probability and one value")
    if p.size < 2:
        raise MisuseError(f"a fit needs two quantiles or more; {p.size} is given")
    for probability, value in zip(p.tolist(), x.tolist(), strict=True):
        if not 0 < probability < 1:
            raise MisuseError(
                f"probabilities of quantiles lie strictly between 0 and 1; found {probability:g}"
            )
        if not math.isfinite(value):
            raise MisuseError(f"the quantile at {100 * probability:g} % is no finite number")
    for (p1, x1), (p2, x2) in pairwise(zip(p.tolist(), x.tolist(), strict=True)):
        if not p1 < p2:
            raise MisuseError(f"probabilities must rise; {p2:g} stands after {p1:g}")
        if not x1 < x2:
            raise MisuseError(
                f"quantiles rise with their probabilities; {x1:g} at {100 * p1:g} % "
                f"is not below {x2:g} at {100 * p2:g} %"
            )
    return p, x


def _refuse_unless_positive(family: str, x: Floats) -> None:
    if x[0] <= 0:
        raise MisuseError(
            f"a {family} law has positive values only, and {x[0]:g} is a quantile here; "
            "a metalog law may have a lower end of its own"
        )


def _refuse_unless_between(x: Sequence[float], low: float, high: float) -> None:
    if not low < x[0] or not x[-1] < high:
        raise MisuseError(
            f"quantiles lie between the ends, {low:g} and {high:g}, and not on them; "
            f"here they run from {x[0]:g} to {x[-1]:g}"
        )


# -- the families


def _lognormal(p: Floats, x: Floats) -> Lognormal:
    mu, sigma = _straight(ndtri(p), np.log(x))
    return Lognormal(mu, sigma)


def _weibull(p: Floats, x: Floats) -> Weibull:
    """Its quantiles are scale (-ln(1 - p))^(1 / shape), a straight line in logarithms."""
    level, slope = _straight(np.log(-np.log1p(-p)), np.log(x))
    if not abs(level) < 700:
        raise MisuseError("no Weibull law spreads as far as these quantiles; take lognormal")
    return Weibull(1 / slope, math.exp(level))


def _straight(t: Floats, y: Floats) -> tuple[float, float]:
    """Level at 0 and slope of the straight line nearest to the points (t, y)."""
    middle, centre = math.fsum(t) / t.size, math.fsum(y) / y.size
    slope = math.fsum((t - middle) * (y - centre)) / math.fsum((t - middle) ** 2)
    return centre - slope * middle, slope


def _gamma(p: Floats, x: Floats) -> Gamma:
    """From the law through the first and last quantile, by Gauss-Newton where there are more."""
    wanted = math.log(x[-1]) - math.log(x[0])
    least, most = math.log(1e-2), math.log(1e10)  # the shape; the quantiles' ratio falls with it
    ends = p[[0, -1]]
    if not _spread(most, ends) < wanted < _spread(least, ends):
        raise MisuseError(
            f"no gamma law has quantiles {x[0]:g} and {x[-1]:g} at {100 * p[0]:g} % and "
            f"{100 * p[-1]:g} %; take lognormal"
        )
    while (middle := (least + most) / 2) not in (least, most):
        if _spread(middle, ends) > wanted:
            least = middle
        else:
            most = middle
    start = np.array([middle, math.log(x[-1]) - _log_gamma(middle, ends)[1]])

    def off(v: Floats) -> Floats:
        return np.asarray(_log_gamma(float(v[0]), p) + v[1] - np.log(x))

    log_shape, log_scale = (_nearest(off, start) if p.size > 2 else start).tolist()
    if not abs(log_scale) < 700:
        raise MisuseError("no gamma law spreads as far as these quantiles; take lognormal")
    return Gamma(math.exp(log_shape), math.exp(log_scale))


def _log_gamma(log_shape: float, p: Floats) -> Floats:
    """Logarithms of the quantiles of the gamma law with scale 1, however small they are."""
    shape = math.exp(log_shape)
    quantile = gammaincinv(shape, p)
    tiny = (np.log(p) + gammaln(shape + 1)) / shape
    return np.asarray(np.where(quantile < 1e-100, tiny, np.log(np.maximum(quantile, 1e-300))))


def _spread(log_shape: float, p: Floats) -> float:
    low, high = _log_gamma(log_shape, p).tolist()
    return float(high - low)


def _beta(p: Floats, x: Floats, low: float, high: float) -> Beta:
    """From the law through the first and last quantile, by Gauss-Newton where there are more."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise MisuseError("a beta law needs two finite ends, low < high")
    _refuse_unless_between(x.tolist(), low, high)
    t = (x - low) / (high - low)
    start = np.log(beta_shapes(float(t[0]), float(t[-1]), float(p[0]), float(1 - p[-1])))

    def off(v: Floats) -> Floats:
        a, b = np.exp(v)
        return np.asarray(logit(np.clip(betaincinv(a, b, p), 1e-300, 1 - 1e-16)) - logit(t))

    a, b = np.exp(_nearest(off, start) if p.size > 2 else start).tolist()
    return Beta(a, b, low, high)


def _nearest(off: Callable[[Floats], Floats], start: Floats) -> Floats:
    """The two numbers that make the sum of squares least, from a start that is not far.

    Gauss-Newton steps, damped as by Levenberg (1944) until each one lowers the sum.
    """
    v, now, damping = start, off(start), 1e-6
    for _ in range(200):
        h = 1e-6
        one, two = ((off(v + h * e) - off(v - h * e)) / (2 * h) for e in np.eye(2))
        a, b, c = math.fsum(one * one), math.fsum(one * two), math.fsum(two * two)
        f, g = math.fsum(one * now), math.fsum(two * now)
        a, c = a * (1 + damping), c * (1 + damping)
        determinant = a * c - b * b
        if not determinant > 0:
            break
        step = np.array([c * f - b * g, a * g - b * f]) / determinant
        if float(np.max(np.abs(step))) < 1e-11:
            break
        then = off(v - step)
        if math.fsum(then * then) <= math.fsum(now * now):
            v, now, damping = v - step, then, damping / 10
        elif damping > 1e12:
            break
        else:
            damping = max(damping * 10, 1e-6)
    return v
