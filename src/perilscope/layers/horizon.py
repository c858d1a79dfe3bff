# SPDX-License-Identifier: Apache-2.0
"""From the period of a network to another horizon: powers of laws, no word of what they are about.

Parts of a horizon are taken to be alike and independent. Over k periods the worst that happens on
every axis has the distribution function F^k, where F(a) = P(no axis above a) within one period; the
joint probabilities follow by differences along the axes (Moebius inversion).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-12
"""A joint probability above minus this is zero but for rounding."""


def happens_over(probability: float, years: float, period: float) -> float:
    """Probability over ``years`` of what happens with ``probability`` within ``period`` years.

    The periods are alike and independent: 1 - (1 - p)^(years/period), accurate for small p.

    Examples
    --------
    >>> round(happens_over(0.19, years=0.5, period=1.0), 12)
    0.1
    """
    if probability >= 1.0:
        return 1.0 if years > 0.0 else 0.0
    return -math.expm1(years / period * math.log1p(-probability))


def powered(within: Floats, periods: float) -> tuple[Floats, str]:
    """Law of the componentwise worst of ``periods`` alike draws, and a note where none exists.

    Works with the probability of *exceeding* a rung, so that small probabilities keep their digits.
    Events that exclude each other within a period are no sum of alike parts of it; there every axis
    keeps its own law and the joint probabilities are an estimate, which the note says.

    Parameters
    ----------
    within : array
        Joint law within one period, mildest rung first on every axis.
    periods : float
        How many; need not be whole.

    Examples
    --------
    >>> law, note = powered(np.array([[0.80, 0.05], [0.05, 0.10]]), 2.0)
    >>> law.round(6).tolist(), note
    ([[0.64, 0.0825], [0.0825, 0.195]], '')
    """
    if not within.ndim or periods == 1.0:  # nothing happens on no axis
        return within, ""
    above = _above(within)
    with np.errstate(divide="ignore"):
        over = -np.expm1(periods * np.log1p(-np.clip(above, 0.0, 1.0)))
    law = _differences(over)
    if law.min() >= -ROUNDING:
        if law.min() < 0.0:
            law = np.clip(law, 0.0, None)
            law = law / math.fsum(law.ravel().tolist())
        return law, ""
    whole = math.floor(periods)
    part = _cumulated(_thinned(within, periods - whole))
    law = _differences(1.0 - _cumulated(within) ** whole * part)
    law = np.clip(law, 0.0, None)
    return law / math.fsum(law.ravel().tolist()), (
        "events that exclude each other within a period cannot come from alike parts of it; each "
        "was moved to the horizon by itself (its own probability is kept, joint ones are estimates)"
    )


def _above(within: Floats) -> Floats:
    """P(some axis exceeds its rung), by the first axis that does: nothing is subtracted."""
    found = np.zeros_like(within)
    below = within  # on the axes before at most the rung
    for axis in range(within.ndim):
        over = np.flip(np.cumsum(np.flip(below, axis), axis=axis), axis)
        none = np.zeros_like(np.take(over, [0], axis=axis))
        over = np.concatenate([np.delete(over, 0, axis=axis), none], axis=axis)
        found = found + over.sum(axis=tuple(range(axis + 1, within.ndim)), keepdims=True)
        below = np.cumsum(below, axis=axis)
    return found


def slopes(within: Floats, periods: float, worth: Floats) -> Floats | None:
    """Derivatives of E[worth of the worst of ``periods`` alike draws] by the law of one draw.

    Parameters
    ----------
    within : array
        Joint law within one period, mildest rung first on every axis.
    periods : float
    worth : array, the same shape

    Returns
    -------
    array, the same shape, or None
        Defined up to a constant, as probabilities add up to one. None where no law exists over the
        horizon and :func:`powered` gives an estimate.

    Notes
    -----
    With F the distribution function of one draw the expectation is the sum of F^k times what the
    worth changes by along all axes; each F is a sum of entries of the law.

    Examples
    --------
    A chance of 0.1 a period, over two periods 1 - 0.9^2, whose slope is 2 x 0.9:

    >>> found = slopes(np.array([0.9, 0.1]), 2.0, np.array([0.0, 1.0]))
    >>> round(float(found[1] - found[0]), 12)
    1.8
    """
    if powered(within, periods)[1]:
        return None
    by, below = worth, within
    for axis in range(within.ndim):
        last = np.take(by, [-1], axis=axis)
        by = np.concatenate([-np.diff(by, axis=axis), last], axis=axis)
        below = np.cumsum(below, axis=axis)
    rate = np.zeros_like(below)
    np.power(below, periods - 1.0, out=rate, where=below > 0.0)
    found = by * periods * rate
    for axis in range(within.ndim):
        found = np.flip(np.cumsum(np.flip(found, axis), axis=axis), axis)
    return np.asarray(found)


def _differences(over: Floats) -> Floats:
    """Cells from the probabilities ``over[a]`` that some axis exceeds rung a."""
    padded = np.pad(over, [(1, 0)] * over.ndim, constant_values=1.0)
    for axis in range(over.ndim):
        padded = np.diff(padded, axis=axis)
    return -padded if over.ndim else 1.0 - over


def _cumulated(law: Floats) -> Floats:
    for axis in range(law.ndim):
        law = np.cumsum(law, axis=axis)
    return np.minimum(law, 1.0)


def _thinned(within: Floats, share: float) -> Floats:
    """A law over a share of the period with the right law on every axis, axes thinned apart.

    Each axis is moved by the monotone (quantile) coupling from its law F to F^share.
    """
    moved = within
    for axis in range(within.ndim):
        rest = tuple(i for i in range(within.ndim) if i != axis)
        old = np.concatenate([[0.0], np.minimum(np.cumsum(within.sum(axis=rest)), 1.0)])
        new = np.concatenate([[0.0], old[1:-1] ** share, [1.0]])
        old[-1] = 1.0
        low = np.maximum(old[:-1, None], new[None, :-1])
        high = np.minimum(old[1:, None], new[None, 1:])
        shared = np.clip(high - low, 0.0, None)
        mass = shared.sum(axis=1, keepdims=True)
        kernel = np.divide(shared, mass, out=np.eye(len(shared)), where=mass > 0.0)
        moved = np.moveaxis(
            np.einsum("...i,ij->...j", np.moveaxis(moved, axis, -1), kernel), -1, axis
        )
    return moved
