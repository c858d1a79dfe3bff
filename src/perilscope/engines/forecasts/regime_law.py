# SPDX-License-Identifier: Apache-2.0
"""Two regimes with jumps: parameters, and the law of the loss over the days ahead.

The law of several days is exact: given how many days were calm, turbulent and jumps, the sum is
normal, and these counts are summed over the chain.

Sources: Hamilton, Econometrica 57 (1989); Merton, J. Financial Economics 3 (1976) for the jumps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from perilscope.errors import AssessmentError

Array = NDArray[np.float64]

MOST_JUMPS = 0.1
"""Jumps on more than a tenth of the days are no jumps."""
MOST_DAYS = 120


@dataclass(frozen=True)
class Regimes:
    """Parameters, in percent of log return a day.

    Parameters
    ----------
    mu : float
        Mean of days without a jump.
    calm, wild : float
        Standard deviations of the regimes.
    stay_calm, stay_wild : float
        Probability that the next day is in the same regime.
    jumps : float
        Probability of a jump on a day.
    jump_mean, jump_scale : float
    """

    mu: float
    calm: float
    wild: float
    stay_calm: float
    stay_wild: float
    jumps: float
    jump_mean: float
    jump_scale: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """In their order."""
        return (
            self.mu, self.calm, self.wild, self.stay_calm, self.stay_wild, self.jumps,
            self.jump_mean, self.jump_scale,
        )  # fmt: skip

    @property
    def coded(self) -> Array:
        """As numbers without bounds."""
        return np.array(
            [
                self.mu, math.log(self.calm), math.log(self.wild), special.logit(self.stay_calm),
                special.logit(self.stay_wild), special.logit(self.jumps / MOST_JUMPS),
                self.jump_mean, math.log(self.jump_scale),
            ]
        )  # fmt: skip

    @classmethod
    def of(cls, coded: Array) -> Regimes:
        """From numbers without bounds.

        Examples
        --------
        >>> one = Regimes(0.1, 2.0, 5.0, 0.98, 0.9, 0.01, -3.0, 9.0)
        >>> bool(np.allclose(Regimes.of(one.coded).coded, one.coded))
        True
        """
        c = np.clip(coded, -30.0, 30.0).tolist()
        return cls(
            c[0], math.exp(c[1]), math.exp(c[2]), float(special.expit(c[3])),
            float(special.expit(c[4])), MOST_JUMPS * float(special.expit(c[5])), c[6],
            math.exp(c[7]),
        )  # fmt: skip

    @property
    def chain(self) -> Array:
        """Probabilities of tomorrow's regime (column) by today's (row)."""
        return np.array(
            [[self.stay_calm, 1.0 - self.stay_calm], [1.0 - self.stay_wild, self.stay_wild]]
        )

    @property
    def lasting(self) -> Array:
        """Long-run shares of the two regimes."""
        leave = 1.0 - self.stay_calm, 1.0 - self.stay_wild
        return np.array([leave[1], leave[0]]) / (leave[0] + leave[1])


@dataclass(frozen=True, eq=False)
class MixedLaw:
    """Loss of a value whose log return in percent is a mixture of normal laws.

    Parameters
    ----------
    weights, means, scales : arrays, shape (m,)

    Examples
    --------
    >>> law = MixedLaw(np.array([1.0]), np.array([0.0]), np.array([1.0]))
    >>> round(law.var(0.975), 6)  # 1 - exp(-1.959964 / 100)
    0.019409
    """

    weights: Array
    means: Array
    scales: Array

    def _below(self, x: float) -> float:
        return float(self.weights @ special.ndtr((x - self.means) / self.scales))

    def _quantile(self, part: float) -> float:
        reach = 40.0 * float(self.scales.max())
        low, high = float(self.means.min()) - reach, float(self.means.max()) + reach
        return float(optimize.brentq(lambda x: self._below(x) - part, low, high, xtol=1e-10))

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return -math.expm1(self._quantile(1.0 - level) / 100.0)

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        at = self._quantile(1.0 - level)
        means, scales = self.means / 100.0, self.scales / 100.0
        kept = np.exp(means + 0.5 * scales**2)
        kept = kept * special.ndtr((at / 100.0 - means - scales**2) / scales)
        return 1.0 - float(self.weights @ kept) / (1.0 - level)

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        values = np.asarray(losses, dtype=np.float64)
        logs = 100.0 * np.log1p(-np.minimum(values, 1.0 - 1e-15))
        unit = (logs[..., None] - self.means) / self.scales
        return np.asarray(1.0 - special.ndtr(unit) @ self.weights)

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        chosen = rng.choice(self.weights.size, count, p=self.weights / self.weights.sum())
        drawn = self.means[chosen] + self.scales[chosen] * rng.standard_normal(count)
        return np.asarray(-np.expm1(drawn / 100.0))


def ahead(law: Regimes, now: Array, horizon: int) -> MixedLaw:
    """The law of the loss over the next days, given the probabilities of the regimes today.

    Examples
    --------
    >>> law = Regimes(0.0, 1.0, 3.0, 0.9, 0.8, 0.0001, 0.0, 9.0)
    >>> round(float(ahead(law, np.array([0.5, 0.5]), 3).weights.sum()), 12)
    1.0
    """
    if horizon > MOST_DAYS:
        raise AssessmentError(f"regimes look at most {MOST_DAYS} days ahead, not {horizon}")
    size = horizon + 1
    held = np.zeros((2, size, size))  # regime, calm days, turbulent days
    held[:, 0, 0] = now
    for _ in range(horizon):
        moved = np.tensordot(law.chain.T, held, axes=1)
        held = law.jumps * moved
        held[0, 1:, :] += (1.0 - law.jumps) * moved[0, :-1, :]
        held[1, :, 1:] += (1.0 - law.jumps) * moved[1, :, :-1]
    weights = held.sum(axis=0)
    calm, wild = np.nonzero(weights > 1e-15)
    jumps = horizon - calm - wild
    means = (calm + wild) * law.mu + jumps * law.jump_mean
    spread = calm * law.calm**2 + wild * law.wild**2 + jumps * law.jump_scale**2
    return MixedLaw(weights[calm, wild], means.astype(np.float64), np.sqrt(spread))
