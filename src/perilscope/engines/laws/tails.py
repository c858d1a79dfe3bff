# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""Laws for the tail of a loss: generalised Pareto, and a body spliced with a tail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.engines.laws.law import Distribution, Floats, Numbers, need, plain, product
from perilscope.engines.laws.positive import laguerre

_LEAST = 1e-12  # mass that a part of a spliced law must have, else rounding is all there is


@dataclass(frozen=True)
class GeneralisedPareto(Distribution):
    """What exceeds a high threshold: P(X > x) = (1 + shape (x - threshold) / scale)^(-1 / shape).

    Parameters
    ----------
    shape : float
        Heaviness of the tail. Above 0 the tail is that of a Pareto law with shape 1 / ``shape``
        (no mean from 1 on, no variance from 1/2 on); 0 is exponential; below 0 the law ends at
        threshold - scale / shape.
    scale : float
        Spread; > 0.
    threshold : float
        Least value.

    Notes
    -----
    Pickands (1975), Statistical inference using extreme order statistics. All is written in the
    time v of an exponential law, x = threshold + scale (e^(shape v) - 1) / shape, so that nothing
    is lost near shape 0, and the two formulas of the limited second moment each stand where they
    do not cancel: near 0 one of them would, near 1 the other.

    Examples
    --------
    >>> law = GeneralisedPareto(0.5, 100.0)
    >>> law.mean, law.second, float(law.lev(200.0))
    (200.0, inf, 100.0)
    """

    shape: float
    scale: float
    threshold: float = 0.0

    def __post_init__(self) -> None:
        need(np.isfinite(self.shape), "a generalised Pareto law needs a finite shape")
        wide = (np.asarray(self.scale) > 0) & np.isfinite(self.scale)
        need(wide, "a generalised Pareto law needs a finite scale > 0")
        need(np.isfinite(self.threshold), "a generalised Pareto law needs a finite threshold")

    @property
    def mean(self) -> float:
        return plain(self.threshold + np.asarray(self.scale) * self._moment(1))

    @property
    def second(self) -> float:
        spread = np.asarray(self.scale, dtype=np.float64)
        below = 2 * self.threshold * spread * np.where(self.shape < 0.5, self._moment(1), 0.0)
        return plain(np.asarray(self.threshold) ** 2 + below + spread**2 * self._moment(2))

    @property
    def variance(self) -> float:
        finite = np.asarray(self.shape) < 0.5
        k = np.where(finite, self.shape, 0.0)
        variance = np.asarray(self.scale) ** 2 / ((1 - k) ** 2 * (1 - 2 * k))
        return plain(np.where(finite, variance, np.inf))

    @property
    def support(self) -> tuple[float, float]:
        ends = self._shape < 0
        reach = -np.asarray(self.scale) / np.where(ends, self._shape, -1.0)
        return self.threshold, plain(np.where(ends, self.threshold + reach, np.inf))

    def _moment(self, power: int) -> Any:
        """E Y^power of the law with scale 1 and threshold 0."""
        finite = np.asarray(self.shape) < 1 / power
        k = np.where(finite, self.shape, 0.0)
        moment = 1 / (1 - k) if power == 1 else 2 / ((1 - k) * (1 - 2 * k))
        return np.where(finite, moment, np.inf)

    @property
    def _shape(self) -> Any:
        """The shape; 0 where it is so small that a product with it would lose its digits."""
        k = np.asarray(self.shape, dtype=np.float64)
        return np.where(np.abs(k) < 1e-30, 0.0, k)

    def _way(self, x: Numbers) -> tuple[Any, Any]:
        """(x - threshold) / scale within the support, and the time at which it is reached."""
        t = np.maximum(np.asarray(x, dtype=np.float64) - self.threshold, 0.0) / self.scale
        k = self._shape
        end = np.where(k < 0, -1 / np.where(k < 0, k, -1.0), np.inf)
        curved = (k != 0) & (t < end)
        with np.errstate(over="ignore"):
            bent = np.log1p(np.where(curved, k, 0.0) * np.where(curved, t, 0.0))
        time = np.where(curved, bent / np.where(curved, k, 1.0), t)
        return np.minimum(t, end), np.where(t < end, time, np.inf)

    def lev(self, x: Numbers) -> Floats:
        _, time = self._way(x)
        inside = self.threshold + self.scale * _grown(self._shape - 1.0, time)
        return np.asarray(inside + np.minimum(np.asarray(x) - self.threshold, 0.0))

    def second_lev(self, x: Numbers) -> Floats:
        t, time = self._way(x)
        k = self._shape
        first, twice = _grown(k - 1.0, time), _grown(2.0 * k - 1.0, time)
        light = k <= 0.5
        left = product(np.exp(np.where(light & (time > 0), (k - 1.0) * time, 0.0)), t)
        with np.errstate(invalid="ignore"):
            heavy = 2.0 * (twice - first) / np.where(light, 1.0, k)
        heavy = np.where(np.isfinite(twice), heavy, np.inf)
        square = np.where(light, 2.0 * (twice - left) / np.where(light, 1.0 - k, 1.0), heavy)
        low = np.asarray(self.threshold)
        inside = low**2 + 2 * self.scale * product(low, first) + self.scale**2 * square
        x = np.asarray(x, dtype=np.float64)
        return np.asarray(np.where(x < low, np.minimum(x, low) ** 2, inside))

    def cdf(self, x: Numbers) -> Floats:
        return np.asarray(-np.expm1(-self._way(x)[1]))

    def ppf(self, u: Numbers) -> Floats:
        with np.errstate(divide="ignore"):
            return self._at(-np.log1p(-np.asarray(u, dtype=np.float64)))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self._at(rng.standard_exponential(n))

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """Gauss nodes of the exponential time behind the law; exact for shape 0."""
        time, weights = laguerre(n, 1.0)
        return self._at(time), weights

    def _at(self, time: Any) -> Floats:
        return np.asarray(self.threshold + self.scale * _grown(self._shape, time))


@dataclass(frozen=True)
class Spliced(Distribution):
    """One law up to a point and another beyond it.

    Parameters
    ----------
    body, tail : Distribution
        With probability 1 - ``above`` the body given that it is at most ``at``, else the tail
        given that it is more.
    at : float
        Where the tail begins.
    above : float
        Probability beyond ``at``.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Lognormal
    >>> law = Spliced(Lognormal(10, 1), GeneralisedPareto(0.4, 3e5, 1e5), 1e5, 0.05)
    >>> round(float(law.cdf(1e5)), 12), round(float(law.ppf(0.96)))
    (0.95, 170022)
    """

    body: Distribution
    tail: Distribution
    at: float
    above: float

    def __post_init__(self) -> None:
        need(np.isfinite(self.at), "a spliced law needs a finite point where its tail begins")
        share = np.asarray(self.above)
        need((share >= 0) & (share <= 1), "the probability of the tail must lie in [0, 1]")
        need(
            self._under > _LEAST,
            "the body of a spliced law puts nothing below the point where the tail begins; "
            "begin the tail higher, or take another body",
        )
        need(
            self._over > _LEAST,
            "the tail of a spliced law puts nothing above the point where it begins; "
            "begin it lower, or take a tail that reaches further",
        )

    @classmethod
    def continued(cls, body: Distribution, tail: Distribution, at: float) -> Spliced:
        """The body as it is up to ``at``; what it puts beyond is laid out as the tail instead.

        Examples
        --------
        >>> from perilscope.engines.laws.distributions import Exponential
        >>> law = Spliced.continued(Exponential(1.0), GeneralisedPareto(0.5, 2.0, 1.0), 1.0)
        >>> round(law.above, 6)
        0.367879
        """
        return cls(body, tail, at, plain(1.0 - body.cdf(at)))

    @property
    def _under(self) -> Any:
        """P(body <= at)."""
        return np.asarray(self.body.cdf(self.at))

    @property
    def _over(self) -> Any:
        """P(tail > at)."""
        return 1.0 - np.asarray(self.tail.cdf(self.at))

    @property
    def mean(self) -> float:
        low = (self.body.lev(self.at) - self.at * (1 - self._under)) / self._under
        high = (self.tail.mean - self.tail.lev(self.at)) / self._over + self.at
        return plain(product(1 - np.asarray(self.above), low) + product(self.above, high))

    @property
    def second(self) -> float:
        at = np.asarray(self.at)
        low = (self.body.second_lev(at) - at**2 * (1 - self._under)) / self._under
        high = (self.tail.second - self.tail.second_lev(at)) / self._over + at**2
        return plain(product(1 - np.asarray(self.above), low) + product(self.above, high))

    @property
    def support(self) -> tuple[float, float]:
        (low, body_high), (tail_low, high) = self.body.support, self.tail.support
        above, at = np.asarray(self.above), np.asarray(self.at)
        return (
            plain(np.where(above < 1, low, np.maximum(tail_low, at))),
            plain(np.where(above > 0, high, np.minimum(body_high, at))),
        )

    def lev(self, x: Numbers) -> Floats:
        under, over = self._under, self._over
        low, high = np.minimum(x, self.at), np.maximum(x, self.at)
        body = (self.body.lev(low) - low * (1 - under)) / under
        tail = low + (self.tail.lev(high) - self.tail.lev(self.at)) / over
        return np.asarray((1 - self.above) * body + product(self.above, tail))

    def second_lev(self, x: Numbers) -> Floats:
        under, over = self._under, self._over
        low, high = np.minimum(x, self.at), np.maximum(x, self.at)
        body = (self.body.second_lev(low) - low**2 * (1 - under)) / under
        tail = low**2 + (self.tail.second_lev(high) - self.tail.second_lev(self.at)) / over
        return np.asarray((1 - self.above) * body + product(self.above, tail))

    def cdf(self, x: Numbers) -> Floats:
        body = np.minimum(self.body.cdf(np.minimum(x, self.at)) / self._under, 1.0)
        beyond = 1.0 - np.asarray(self.tail.cdf(np.maximum(x, self.at)))
        tail = np.clip(1.0 - beyond / self._over, 0.0, 1.0)
        return np.asarray((1 - self.above) * body + self.above * tail)

    def ppf(self, u: Numbers) -> Floats:
        u, above = np.asarray(u, dtype=np.float64), np.asarray(self.above)
        below = 1 - above
        share = np.minimum(u / np.where(below > 0, below, 1), 1.0)
        beyond = np.clip((u - below) / np.where(above > 0, above, 1), 0.0, 1.0)
        low = np.minimum(self.body.ppf(share * self._under), self.at)
        high = np.maximum(self.tail.ppf(1.0 - (1.0 - beyond) * self._over), self.at)
        return np.asarray(np.where((u <= below) & (below > 0), low, high))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        u, beyond = rng.random(n), rng.random(n) < self.above
        drawn = np.zeros(n)
        low, high = np.flatnonzero(~beyond), np.flatnonzero(beyond)
        part = self.take(low)
        drawn[low] = np.minimum(part.body.ppf(u[low] * part._under), part.at)
        part = self.take(high)
        drawn[high] = np.maximum(part.tail.ppf(1.0 - u[high] * part._over), part.at)
        return drawn


def _grown(power: Any, time: Any) -> Any:
    """The integral of exp(power v) for v from 0 to a time; the time itself at power 0."""
    power, time = np.asarray(power, dtype=np.float64), np.asarray(time, dtype=np.float64)
    flat = power == 0
    with np.errstate(over="ignore"):
        rise = np.expm1(np.where(flat, 1.0, power) * np.where(flat, 0.0, time))
    return np.where(flat, time, rise / np.where(flat, 1.0, power))
