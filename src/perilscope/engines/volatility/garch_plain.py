# SPDX-License-Identifier: Apache-2.0
"""Likelihoods of GARCH models and exact derivatives, by NumPy: the twin of `garch_compiled`.

Both add up minus the logarithm of the density of each day, without its constants, and its first
and second derivatives by six natural parameters: mu, omega, alpha of gains, alpha of losses, beta
and 1 / nu (EGARCH: mu, omega, alpha, gamma, beta, 1 / nu). Every derivative of a GARCH variance
obeys the same linear recursion with another input, y(t) = input(t) + beta y(t-1) (Fiorentini,
Calzolari and Panattoni, J. Applied Econometrics 11 (1996)), so here a digital filter runs them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Where = tuple[Array, Integers, Integers, int]
NAME = "numpy"
_MEAN_SIZE = math.sqrt(2.0 / math.pi)  # E|z| of a normal z


def garch(
    where: Where,
    given: Array,
    before: Array,
    student: bool,
    skew: bool,
    value: Array,
    slope: Array,
    bend: Array,
) -> None:
    """Minus the log-likelihood of GJR (GARCH without skew), with gradient and Hessian.

    Parameters
    ----------
    where : (array, shape (A, T), integer arrays, shapes (K,), int)
        A table, the row and the day each window begins at, and its days; `Windows.where`.
    given : array, shape (K, 6)
        Natural parameters.
    before : array, shape (K, 3)
        Variance before the first day, and its first and second derivative by mu.
    student, skew : bool
        Innovations are Student's; losses and gains have an alpha each. Without skew the third slot
        of the derivatives moves both alphas and the fourth is nothing.
    value, slope, bend : arrays, shapes (K,), (K, 6), (K, 6, 6)
        Filled.

    Examples
    --------
    >>> out = np.empty(1), np.empty((1, 6)), np.empty((1, 6, 6))
    >>> at, zero = np.array([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]), np.zeros(1, dtype=int)
    >>> where = np.array([[2.0, 0.0]]), zero, zero, 2
    >>> garch(where, at, np.ones((1, 3)), False, False, *out)
    >>> float(out[0][0])  # half the sum of squares: the variance is 1
    2.0
    """
    series, row, start, size = where
    for lane in range(len(row)):
        x = series[row[lane], start[lane] : start[lane] + size]
        value[lane], slope[lane], bend[lane] = _curve(x, given[lane], before[lane], student, skew)


def _curve(
    x: Array, given: Array, before: Array, student: bool, skew: bool
) -> tuple[float, Array, Array]:
    _, om, gains, losses, b, eta = given
    e = x - given[0]
    e2, down = e * e, e < 0.0
    a = np.where(down, losses, gains)
    total = 0.5 * (gains + losses) + b
    h = _filtered(om + a * e2, om + total * before[0], b)
    if skew:
        masks = np.array([~down, down], dtype=np.float64)
    else:
        masks = np.array([np.ones_like(e), np.zeros_like(e)])
    half = np.array([0.5, 0.5] if skew else [1.0, 0.0])
    inputs = np.array([-2.0 * a * e, np.ones_like(e), e2 * masks[0], e2 * masks[1], h])
    heads = np.array([total * before[1], 1.0, *(half * before[0]), before[0]])
    first = _filtered(inputs, heads, b)
    second = np.zeros((6, 6, len(x)))
    twice = [
        ((0, 0), 2.0 * a, total * before[2]),
        ((0, 2), -2.0 * e * masks[0], half[0] * before[1]),
        ((0, 3), -2.0 * e * masks[1], half[1] * before[1]),
        ((0, 4), first[0], before[1]),
        ((1, 4), first[1], 0.0),
        ((2, 4), first[2], 0.0),
        ((3, 4), first[3], 0.0),
        ((4, 4), 2.0 * first[4], 0.0),
    ]
    bent = _filtered(np.array([t[1] for t in twice]), np.array([t[2] for t in twice]), b)
    for (i, j), curve in zip([t[0] for t in twice], bent, strict=True):
        second[i, j] = second[j, i] = curve
    return _summed(e, h, first, second, student, eta)


def _filtered(inputs: Array, heads: Any, b: float) -> Array:
    """y(0) = head, y(t) = input(t-1) + b y(t-1), along the last axis."""
    fed = np.empty_like(inputs)
    fed[..., 0], fed[..., 1:] = heads, inputs[..., :-1]
    return _run(fed, b)


def _run(fed: Array, b: float) -> Array:
    """y(t) = input(t) + b y(t-1), along the last axis."""
    from scipy import signal  # half a second that only a fit without compiled code pays

    return np.asarray(signal.lfilter([1.0], [1.0, -b], fed, axis=-1))


def _summed(
    e: Array, h: Array, first: Array, second: Array, student: bool, eta: float
) -> tuple[float, Array, Array]:
    """The sums of a density in (e, h, 1 / nu) through the derivatives of h; e falls with mu."""
    z2 = e * e / h
    slope, bend = np.zeros(6), np.zeros((6, 6))
    dh = np.vstack([first, np.zeros((1, len(e)))])
    if student:
        A, A1, A2, w, w1, w2 = tail_terms(eta)
        q = 1.0 + w * z2
        k = w * z2 / q
        logs = float(np.log(q).sum())
        value = 0.5 * float(np.log(h).sum()) + A * logs
        fh, fe = (0.5 - A * k) / h, 2.0 * A * w * e / (h * q)
        fhh = (A * k / q - 0.5 + A * k) / h**2
        fee = 2.0 * A * w / (h * q) * (1.0 - 2.0 * k)
        fhe = -2.0 * A * w * e / (h * q) ** 2
        r = w1 / w
        fhn = -(A1 * k + A * r * k / q) / h
        fen = 2.0 * e / (h * q) * (A1 * w + A * w1 * (1.0 - k))
        slope[5] = A1 * logs + A * r * k.sum()
        bend[5] = (fhn * dh).sum(axis=1)
        bend[5, 0] -= fen.sum()
        bend[:, 5] = bend[5]
        bend[5, 5] = A2 * logs + ((2.0 * A1 * r + A * w2 / w) * k - A * r * r * k * k).sum()
    else:
        value = 0.5 * float(np.log(h).sum() + z2.sum())
        fh, fe = 0.5 * (1.0 - z2) / h, e / h
        fhh, fee, fhe = 0.5 * (2.0 * z2 - 1.0) / h**2, 1.0 / h, -e / h**2
    slope += (fh * dh).sum(axis=1)
    slope[0] -= fe.sum()
    bend += np.einsum("t,it,jt->ij", fhh, dh, dh, optimize=True) + second @ fh
    mixed = (fhe * dh).sum(axis=1)
    bend[0] -= mixed
    bend[:, 0] -= mixed
    bend[0, 0] += fee.sum()
    return value, slope, bend


def tail_terms(eta: float) -> tuple[float, ...]:
    """A = (nu + 1) / 2 and w = 1 / (nu - 2), each with two derivatives by eta = 1 / nu."""
    rest = 1.0 - 2.0 * eta
    lead = 0.5 + 0.5 / eta, -0.5 / eta**2, 1.0 / eta**3
    return *lead, eta / rest, 1.0 / rest**2, 4.0 / rest**3


def garch_values(
    where: Where,
    given: Array,
    before: Array,
    student: bool,
    value: Array,
) -> None:
    """Minus the log-likelihoods of several candidates for each window.

    Parameters
    ----------
    where, student
        As for `garch`.
    given : array, shape (K, S, 6)
    before : array, shape (K,)
    value : array, shape (K, S)
        Filled.
    """
    series, row, start, size = where
    mu, om, gains, losses, b, eta = np.moveaxis(given, -1, 0)
    h = om + (0.5 * (gains + losses) + b) * before[:, None]
    value[...] = 0.0
    logs = np.zeros_like(value)
    for t in range(size):
        e = series[row, start + t][:, None] - mu
        e2 = e * e
        value += np.log(h)
        if student:
            logs += np.log1p(eta / (1.0 - 2.0 * eta) * e2 / h)
        else:
            value += e2 / h
        h = om + np.where(e < 0.0, losses, gains) * e2 + b * h
    value *= 0.5
    if student:
        value += (0.5 + 0.5 / eta) * logs


def garch_path(
    where: Where,
    given: Array,
    before: Array,
    out: Array,
) -> None:
    """Variances of each day and of the day after the last, shape (K, size + 1).

    Parameters as for `garch`; ``before`` has shape (K,).
    """
    series, row, start, size = where
    for lane in range(len(row)):
        mu, om, gains, losses, b = given[lane, :5]
        e = series[row[lane], start[lane] : start[lane] + size] - mu
        fed = np.empty(size + 1)
        fed[0] = om + (0.5 * (gains + losses) + b) * before[lane]
        fed[1:] = om + np.where(e < 0.0, losses, gains) * e * e
        out[lane] = _run(fed, b)


def egarch(
    where: Where,
    given: Array,
    before: Array,
    student: bool,
    value: Array,
    slope: Array,
    bend: Array,
) -> None:
    """Minus the log-likelihood of EGARCH with gradient and Hessian.

    log h(t) = omega + alpha (|z(t-1)| - E|z|) + gamma z(t-1) + beta log h(t-1), E|z| that of a
    normal law whatever the innovations (Nelson, Econometrica 59 (1991); the constant as in arch).

    Parameters
    ----------
    before : array, shape (K, 3)
        log h before the first day, and the bounds that log h is held within.
    where, given, student, value, slope, bend
        As for `garch`. All windows walk through time side by side.
    """
    series, row, start, size = where
    mu, om, a, g, b, eta = given.T
    low, high = before[:, 1], before[:, 2]
    count = len(row)
    L = om + b * before[:, 0]
    li, lij = np.zeros((5, count)), np.zeros((5, 5, count))
    li[1], li[4] = 1.0, before[:, 0]
    G, H = np.zeros((6, count)), np.zeros((6, 6, count))
    f, logs = np.zeros(count), np.zeros(count)
    if student:
        A, A1, A2, w, w1, w2 = tail_terms(eta)
        r = w1 / w
    for t in range(size):
        held = (low > L) | (high < L)
        if held.any():
            L = np.clip(L, low, high)
            li[:, held], lij[:, :, held] = 0.0, 0.0
        s = np.exp(-0.5 * L)
        z = (series[row, start + t] - mu) * s
        sign = np.where(z > 0.0, 1.0, -1.0)
        zi = -0.5 * z * li
        zi[0] -= s
        f += 0.5 * L
        if student:
            q = 1.0 + w * z * z
            k = 1.0 - 1.0 / q
            logs += np.log(q)
            fz, fzz = 2.0 * A * w * z / q, 2.0 * A * w / q * (1.0 - 2.0 * k)
            G[5] += A * r * k
            H[5, 5] += (2.0 * A1 * r + A * w2 / w) * k - A * r * r * k * k
            H[:5, 5] += 2.0 * z / q * (A1 * w + A * w1 * (1.0 - k)) * zi
        else:
            f += 0.5 * z * z
            fz, fzz = z, np.ones(count)
        zij = 0.25 * z * li[:, None] * li[None] - 0.5 * z * lij
        zij[0] += 0.5 * s * li
        zij[:, 0] += 0.5 * s * li
        G[:5] += 0.5 * li + fz * zi
        H[:5, :5] += 0.5 * lij + fz * zij + fzz * zi[:, None] * zi[None]
        tilt = a * sign + g
        lij = tilt * zij + b * lij
        for i, moved in ((2, sign * zi), (3, zi), (4, li)):
            lij[i] += moved
            lij[:, i] += moved
        li = tilt * zi + b * li
        li[1] += 1.0
        li[2] += np.abs(z) - _MEAN_SIZE
        li[3] += z
        li[4] += L
        L = om + a * (np.abs(z) - _MEAN_SIZE) + g * z + b * L
    if student:
        f += A * logs
        G[5] += A1 * logs
        H[5, 5] += A2 * logs
    H[5, :5] = H[:5, 5]
    value[:], slope[:], bend[:] = f, G.T, np.moveaxis(H, -1, 0)


def egarch_values(
    where: Where,
    given: Array,
    before: Array,
    student: bool,
    value: Array,
) -> None:
    """As `garch_values`, of EGARCH; ``before`` as for `egarch`."""
    series, row, start, size = where
    mu, om, a, g, b, eta = np.moveaxis(given, -1, 0)
    L = om + b * before[:, :1]
    value[...] = 0.0
    logs = np.zeros_like(value)
    for t in range(size):
        L = np.clip(L, before[:, 1:2], before[:, 2:3])
        z = (series[row, start + t][:, None] - mu) * np.exp(-0.5 * L)
        value += 0.5 * L
        if student:
            logs += np.log1p(eta / (1.0 - 2.0 * eta) * z * z)
        else:
            value += 0.5 * z * z
        L = om + a * (np.abs(z) - _MEAN_SIZE) + g * z + b * L
    if student:
        value += (0.5 + 0.5 / eta) * logs


def egarch_path(
    where: Where,
    given: Array,
    before: Array,
    out: Array,
) -> None:
    """As `garch_path`, of EGARCH; ``before`` as for `egarch`."""
    series, row, start, size = where
    mu, om, a, g, b, _ = given.T
    L = om + b * before[:, 0]
    for t in range(size + 1):
        L = np.clip(L, before[:, 1], before[:, 2])
        out[:, t] = np.exp(L)
        if t < size:
            z = (series[row, start + t] - mu) * np.exp(-0.5 * L)
            L = om + a * (np.abs(z) - _MEAN_SIZE) + g * z + b * L
