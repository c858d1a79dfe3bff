# SPDX-License-Identifier: Apache-2.0
"""The filter of two regimes with jumps, EM and the scores of days, by NumPy.

Source: Hamilton, Econometrica 57 (1989); Baum, Petrie, Soules and Weiss (1970) for EM. Days are not
walked one by one: products of their matrices are taken in a scan (Hillis and Steele 1986).
"""

from __future__ import annotations

import math

import numpy as np

from perilscope.engines.forecasts.regime_law import MOST_JUMPS, Array, Regimes

NAME = "numpy"
_ROOT = math.sqrt(2.0 * math.pi)


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


def climbed(x: Array, law: Regimes, least: float, rounds: int, gain: float) -> Regimes:
    """EM from a start until a round gains too little.

    Parameters
    ----------
    x : array, shape (n,)
        Log returns in percent, in the order of time.
    law : Regimes
    least : float
        Jumps are at least so wide.
    rounds : int
    gain : float
        Of the log likelihood.
    """
    height = -math.inf
    for _ in range(rounds):
        law, now = _better(x, law, least)
        if now - height < gain:
            break
        height = now
    return law


def steps_of(at: Array) -> Array:
    """Steps for slopes in each parameter."""
    return np.asarray(1e-4 * np.maximum(np.abs(at), 1.0))


def day_scores(x: Array, at: Array) -> Array:
    """Slope of the log density of each day given the past in every parameter, shape (n, 8)."""
    found = np.empty((len(x), at.size))
    for place, step in enumerate(steps_of(at).tolist()):
        shift = np.zeros(at.size)
        shift[place] = step
        more, less = (filtered(x, Regimes.of(at + sign * shift))[1] for sign in (1.0, -1.0))
        found[:, place] = (more - less) / (2.0 * step)
    return found
