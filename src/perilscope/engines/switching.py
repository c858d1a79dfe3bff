# SPDX-License-Identifier: Apache-2.0
"""Calm and turbulent days that follow one another, with jumps: a Markov chain of two regimes.

Log returns are normal with the spread of the regime of the day, or with a small probability a jump
from a wider law. Fitted by maximum likelihood (EM, then Newton steps on the scores of the days).
The law of several days is exact: given how many days were calm, turbulent and jumps, the sum is
normal, and these counts are summed over the chain.

Sources: Hamilton, Econometrica 57 (1989); Merton, J. Financial Economics 3 (1976) for the jumps;
Baum, Petrie, Soules and Weiss (1970) for EM.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from perilscope.engines.influence import by_influence, contributions
from perilscope.engines.predictive import CONVENTIONS, Model, Prediction, Sample
from perilscope.errors import AssessmentError

Array = NDArray[np.float64]

LEAST = 100
ROUNDS, STEPS = 400, 12
MOST_JUMPS = 0.1
"""Jumps on more than a tenth of the days are no jumps."""
WIDEST = 2.0
"""Jumps are at least so many standard deviations of the whole wide."""
MOST_DAYS = 120
_ROOT = math.sqrt(2.0 * math.pi)


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


def _densities(x: Array, law: Regimes) -> tuple[Array, Array]:
    """Density of each day in each regime, shape (n, 2), and the part of it that is a jump (n,)."""

    def bell(centre: float, scale: float) -> Array:
        return np.asarray(np.exp(-0.5 * ((x - centre) / scale) ** 2) / (scale * _ROOT))

    jump = law.jumps * bell(law.jump_mean, law.jump_scale)
    plain = np.stack([bell(law.mu, law.calm), bell(law.mu, law.wild)], axis=1)
    return (1.0 - law.jumps) * plain + jump[:, None] + 1e-300, jump


def _scan(steps: Array) -> tuple[Array, Array]:
    """Products of the first 1, 2, ... matrices, each of sum 1, and the logs of what was divided."""
    found = steps.copy()
    logs = np.zeros(len(found))
    reach = 1
    while reach < len(found):
        joined = np.matmul(found[:-reach], found[reach:])
        sums = joined.sum(axis=(1, 2))
        new = logs[:-reach] + logs[reach:] + np.log(sums)
        found[reach:] = joined / sums[:, None, None]
        logs[reach:] = new
        reach *= 2
    return found, logs


def filtered(x: Array, law: Regimes) -> tuple[Array, Array]:
    """Probabilities of the regimes after each day, and the log density of each day given the past.

    Returns
    -------
    after : array, shape (n, 2)
    logs : array, shape (n,)
    """
    dense, _ = _densities(x, law)
    steps = law.chain[None, :, :] * dense[:, None, :]
    sums = steps.sum(axis=(1, 2))
    products, logs = _scan(steps / sums[:, None, None])
    row = law.lasting @ products  # shape (n, 2)
    whole = row.sum(axis=1)
    totals = np.log(whole) + logs + np.cumsum(np.log(sums))
    return row / whole[:, None], np.diff(totals, prepend=0.0)


def _smoothed(x: Array, law: Regimes) -> tuple[Array, Array, Array, float]:
    """Probabilities of regimes and moves between them, share of jumps, and the likelihood."""
    dense, jump = _densities(x, law)
    after, logs = filtered(x, law)
    steps = law.chain[None, :, :] * dense[:, None, :]
    back = steps[::-1].transpose(0, 2, 1)
    back = back / back.sum(axis=(1, 2))[:, None, None]
    products, _ = _scan(back)
    ahead = np.ones((len(x), 2))
    ahead[:-1] = np.ones(2) @ products[:-1][::-1]
    ahead /= ahead.sum(axis=1)[:, None]
    smooth = after * ahead
    smooth /= smooth.sum(axis=1)[:, None]
    before = np.vstack([law.lasting, after[:-1]])
    moves = before[:, :, None] * steps * ahead[:, None, :]
    moves /= moves.sum(axis=(1, 2))[:, None, None]
    jumped = (smooth * (jump[:, None] / dense)).sum(axis=1)
    return smooth, moves, jumped, float(logs.sum())


def _better(x: Array, law: Regimes, least: float) -> tuple[Regimes, float]:
    """One round of EM."""
    smooth, moves, jumped, likelihood = _smoothed(x, law)
    dense, jump = _densities(x, law)
    plain = smooth * (1.0 - jump[:, None] / dense)
    weight = plain / np.array([law.calm**2, law.wild**2])
    mu = float((weight.sum(axis=1) * x).sum() / weight.sum())
    scales = np.sqrt((plain * ((x - mu) ** 2)[:, None]).sum(axis=0) / (plain.sum(axis=0) + 1e-12))
    counts = moves.sum(axis=0) + 0.5  # half a move, so that no probability is 0 or 1
    stay = np.diag(counts) / counts.sum(axis=1)
    total = float(jumped.sum()) + 1e-9
    centre = float((jumped * x).sum()) / total
    spread = math.sqrt(max(float((jumped * (x - centre) ** 2).sum()) / total, 0.0))
    floor = least / 50.0
    return (
        Regimes(
            mu,
            max(float(scales[0]), floor),
            max(float(scales[1]), floor),
            float(stay[0]),
            float(stay[1]),
            min(max(total / len(x), 1e-4), 0.99 * MOST_JUMPS),
            centre,
            max(spread, least),
        ),
        likelihood,
    )


def _steps_of(at: Array) -> Array:
    return np.asarray(1e-4 * np.maximum(np.abs(at), 1.0))


def day_scores(x: Array, at: Array) -> Array:
    """Slope of the log density of each day given the past in every parameter, shape (n, 8)."""
    found = np.empty((len(x), at.size))
    for place, step in enumerate(_steps_of(at).tolist()):
        shift = np.zeros(at.size)
        shift[place] = step
        more, less = (filtered(x, Regimes.of(at + sign * shift))[1] for sign in (1.0, -1.0))
        found[:, place] = (more - less) / (2.0 * step)
    return found


def fit_regimes(x: Array) -> tuple[Regimes, float]:
    """Fit two regimes with jumps.

    Parameters
    ----------
    x : array, shape (n,)
        Log returns in percent, in the order of time.

    Returns
    -------
    law : Regimes
        The calmer one first.
    likelihood : float

    Raises
    ------
    AssessmentError
        Fewer than 100 days, or prices that never moved.
    """
    scale = float(x.std())
    if x.size < LEAST:
        raise AssessmentError(f"{x.size} days are too few for two regimes; {LEAST} are needed")
    if scale <= 1e-9 or int(np.unique(x, return_counts=True)[1].max()) * 2 >= x.size:
        raise AssessmentError("half of the days or more did not move: there are no two regimes")
    best: tuple[Regimes, float] | None = None
    for stays in ((0.97, 0.93), (0.99, 0.8)):
        law = Regimes(
            float(x.mean()), 0.6 * scale, 1.4 * scale, *stays, 0.01, float(x.mean()), 3.0 * scale
        )
        height = -math.inf
        for _ in range(ROUNDS):
            law, now = _better(x, law, WIDEST * scale)
            if now - height < 1e-4:
                break
            height = now
        found = _polished(x, law)
        if best is None or found[1] > best[1]:
            best = found
    assert best is not None
    law, height = best
    if law.calm > law.wild:
        law = Regimes(
            law.mu, law.wild, law.calm, law.stay_wild, law.stay_calm, law.jumps, law.jump_mean,
            law.jump_scale,
        )  # fmt: skip
    return law, height


def _polished(x: Array, law: Regimes) -> tuple[Regimes, float]:
    """Newton steps with the scores of the days, halved until the likelihood rises."""
    at = law.coded
    height = float(filtered(x, law)[1].sum())
    for _ in range(STEPS):
        scores = day_scores(x, at)
        step = np.linalg.lstsq(scores, np.ones(len(x)), rcond=1e-6)[0]
        step = np.clip(step, -1.0, 1.0)
        for size in (1.0, 0.5, 0.25, 0.1, 0.02):
            moved = Regimes.of(at + size * step)
            now = float(filtered(x, moved)[1].sum())
            if now > height:
                break
        else:
            break
        at, gained, height = at + size * step, now - height, now
        if gained < 1e-7:
            break
    return Regimes.of(at), height


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


def regime(sample: Sample) -> Prediction:
    """Calm and turbulent days with jumps, from the regimes of today."""
    x = sample.log_percent
    law, likelihood = fit_regimes(x)
    now = filtered(x, law)[0][-1]
    at = law.coded
    scores = day_scores(x, at)
    slope = np.empty((at.size, at.size))
    for place, step in enumerate(_steps_of(at).tolist()):
        shift = np.zeros(at.size)
        shift[place] = 10.0 * step
        more, less = (day_scores(x, at + sign * shift).mean(axis=0) for sign in (1.0, -1.0))
        slope[:, place] = (more - less) / (20.0 * step)
    slope = 0.5 * (slope + slope.T)

    def measures(p: Array, level: float) -> tuple[float, float]:
        moved = Regimes.of(p)
        found = ahead(moved, filtered(x, moved)[0][-1], sample.horizon)
        return found.var(level), found.cvar(level)

    predicted = ahead(law, now, sample.horizon)
    return Prediction(
        predicted,
        by_influence(
            measures, at, _steps_of(at), contributions(scores, slope), 0, sample.share,
            -math.expm1(float(predicted.weights @ predicted.means) / 100.0),
        ),
        {
            "mu": law.mu, "sigma_calm": law.calm, "sigma_wild": law.wild,
            "stay_calm": law.stay_calm, "stay_wild": law.stay_wild, "jumps": law.jumps,
            "jump_mean": law.jump_mean, "jump_sigma": law.jump_scale,
            "wild_today": float(now[1]),
        },
        likelihood,
        conventions={
            **CONVENTIONS,
            "mean": "the fitted mean",
            "units": "parameters and likelihood of 100 x log returns of the portfolio",
            "horizon": "exact, over every number of calm, turbulent and jump days",
        },
    )  # fmt: skip


MODELS = (Model("regime", "calm and turbulent days with jumps (Hamilton 1989)", regime),)
