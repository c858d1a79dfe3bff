# SPDX-License-Identifier: Apache-2.0
"""One event under a cover: what the cover pays, and what stays with the insured.

Both are functions of the loss that are straight but for two bends, where the cover sets in and
where it ends. Their limited means therefore follow from those of the loss, stretch by stretch,
without error.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.engines.laws.law import (
    Distribution,
    Floats,
    Numbers,
    legendre,
    need,
    plain,
    product,
)


@dataclass(frozen=True)
class _Bent(Distribution):
    """A rising function of a loss, straight up to the deductible, through the cover and beyond."""

    of: Distribution
    deductible: float = 0.0
    limit: float = np.inf
    share: float = 1.0

    def __post_init__(self) -> None:
        start, part = np.asarray(self.deductible), np.asarray(self.share)
        need((start >= 0) & np.isfinite(start), "a deductible must be a finite amount, 0 or more")
        need(np.asarray(self.limit) > 0, "the limit of a cover must be more than 0, or infinite")
        need((part >= 0) & (part <= 1), "the share of a cover must lie between 0 and 1")

    @property
    @abstractmethod
    def _slopes(self) -> tuple[float, Any, float]:
        """Slope below the deductible (0 or 1), within the cover, and beyond it (0 or 1)."""

    @property
    def _end(self) -> Any:
        """The loss at which the cover ends."""
        return np.asarray(self.deductible, dtype=np.float64) + self.limit

    def bears(self, x: Numbers) -> Floats:
        """The part of a loss x that is borne here."""
        x = np.asarray(x, dtype=np.float64)
        before, within, beyond = self._slopes
        return np.asarray(
            product(before, np.minimum(x, self.deductible))
            + product(within, np.clip(x - self.deductible, 0.0, self.limit))
            + product(beyond, np.where(x > self._end, x - _finite(self._end), 0.0))
        )

    def _loss(self, part: Numbers) -> Any:
        """The largest loss of which no more than this is borne here; -inf where there is none."""
        part = np.asarray(part, dtype=np.float64)
        before, within, beyond = self._slopes
        first = product(before, self.deductible)
        second = first + product(within, self.limit)
        below = part if before else np.full_like(part, -np.inf)
        inside = self.deductible + (part - first) / np.where(within > 0, within, 1.0)
        with np.errstate(invalid="ignore"):  # nothing finite lies beyond a cover without end
            above = self._end + (part - second) if beyond else np.inf
        above = np.where(np.isfinite(second) & np.isfinite(part), above, np.inf)
        # what was itself found as a part of an atom must not miss that atom by one bit
        inside, above = inside * (1 + 4e-16), above * (1 + 4e-16)
        return np.where(part < first, below, np.where(part < second, inside, above))

    def _limited(self, x: Any, *, squared: bool) -> Any:
        """The mean, or mean square, of what is borne of min(X, x)."""
        start, end = np.asarray(self.deductible, dtype=np.float64), self._end
        before, within, beyond = self._slopes
        at = product(before, start)
        far = at + product(within, self.limit)
        pieces = [
            (before, 0.0, None, np.minimum(x, start)),
            (within, at - within * start, start, np.clip(x, start, end)),
            (beyond, _finite(far) - _finite(end), end, np.maximum(x, end)),
        ]
        total: Any = 0.0
        for slope, offset, low, high in pieces:
            total = total + self._gain(slope, offset, low, high, squared=squared)
        return total

    def _gain(self, slope: Any, offset: Any, low: Any, high: Any, *, squared: bool) -> Any:
        """What a stretch from low to high adds, where slope times X + offset is borne."""
        if np.all(slope == 0):
            return 0.0
        with np.errstate(invalid="ignore"):
            rise = self.of.lev(high) - (0.0 if low is None else self.of.lev(low))
            if squared:
                square = self.of.second_lev(high) - (
                    0.0 if low is None else self.of.second_lev(low)
                )
                bent = slope**2 * square + 2 * slope * product(rise, offset)
                rise = np.where(np.isfinite(square), bent, np.inf)
            else:
                rise = slope * rise
        empty = False if low is None else (np.asarray(high) <= low)
        return np.where(empty | (np.asarray(slope) == 0), 0.0, rise)

    @property
    def mean(self) -> float:
        return plain(self._limited(np.inf, squared=False))

    @property
    def second(self) -> float:
        return plain(self._limited(np.inf, squared=True))

    @property
    def support(self) -> tuple[float, float]:
        low, high = self.of.support
        return plain(self.bears(low)), plain(self.bears(high))

    def lev(self, x: Numbers) -> Floats:
        loss = self._loss(x)
        inside = self._limited(np.maximum(loss, np.finfo(float).min), squared=False)
        return np.where(loss == -np.inf, x, inside)

    def second_lev(self, x: Numbers) -> Floats:
        loss = self._loss(x)
        inside = self._limited(np.maximum(loss, np.finfo(float).min), squared=True)
        return np.where(loss == -np.inf, np.minimum(x, 0.0) ** 2, inside)

    def cdf(self, x: Numbers) -> Floats:
        loss = self._loss(x)
        known = np.isfinite(loss)
        inside = self.of.cdf(np.where(known, loss, 0.0))
        return np.where(known, inside, np.where(loss > 0, 1.0, 0.0))

    def ppf(self, u: Numbers) -> Floats:
        return self.bears(self.of.ppf(u))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.bears(self.of.sample(rng, n))

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """Gauss-Legendre in the probability of each stretch; one node where it is flat."""
        ends = [float(self.of.cdf(self.deductible)), float(_reached(self.of, self._end))]
        cuts = [0.0, *ends, 1.0]
        stretches = [
            (a, b, slope)
            for a, b, slope in zip(cuts, cuts[1:], self._slopes, strict=False)
            if b > a
        ]
        flat = sum(slope == 0 for _, _, slope in stretches)
        each = max((n - flat) // max(len(stretches) - flat, 1), 1)
        levels, weights = [], []
        for a, b, slope in stretches:
            u, w = legendre(1 if slope == 0 else each)
            levels.append(a + (b - a) * u)
            weights.append((b - a) * w)
        return self.ppf(np.concatenate(levels)), np.concatenate(weights)


@dataclass(frozen=True)
class Layered(_Bent):
    """What a cover pays for one event: share * min(max(X - deductible, 0), limit).

    Parameters
    ----------
    of : Distribution
        The loss X.
    deductible : float
        The cover pays what exceeds this; 0 or more.
    limit : float
        Of the excess, the cover takes part in no more than this; more than 0.
    share : float
        The part that the cover pays, in [0, 1]; the rest is coinsurance.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Exponential
    >>> law = Layered(Exponential(1.0), 1.0, share=0.5)
    >>> round(law.mean, 6), round(float(law.cdf(0.0)), 6)
    (0.18394, 0.632121)
    """

    @property
    def _slopes(self) -> tuple[float, Any, float]:
        return 0.0, self.share, 0.0


@dataclass(frozen=True)
class Retained(_Bent):
    """What stays with the insured of one event: X less what `Layered` pays.

    Parameters
    ----------
    of : Distribution
        The loss X.
    deductible, limit, share : float
        The cover, as for `Layered`.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Exponential
    >>> round(Retained(Exponential(1.0), 1.0, share=0.5).mean, 6)
    0.81606
    """

    @property
    def _slopes(self) -> tuple[float, Any, float]:
        return 1.0, 1.0 - self.share, 1.0


def _finite(x: Any) -> Any:
    """A number to reckon with in place of an infinite one that is not used."""
    return np.where(np.isfinite(x), x, 0.0)


def _reached(law: Distribution, x: Any) -> Any:
    return law.cdf(x) if np.isfinite(x) else 1.0
