# SPDX-License-Identifier: Apache-2.0
"""The volatility models as numbers that a search can move within a box.

A search wants variables that are bounded one by one, but the parameters of GARCH lie in a polytope
(alpha, beta >= 0, their sum at most 1). So it is searched in the persistence p = alpha + beta and
the share s = alpha / p, both in [0, 1], a shifted logarithm of omega, the mean in standard
deviations, and, where the model has them, the part q of alpha that falls to gains, and 1 / nu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.once import cached_property

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
MOST_NU, LEAST_NU = 500.0, 2.05
LEAST_OMEGA, MOST_OMEGA = 1e-8, 10.0
"""Bounds of omega as a share of the variance, as in arch."""
_SHIFT = 1e-3
_AT_ONCE = 128  # windows, so that what is between stays close to the processor


def shifted(omega: Any) -> Any:
    """The variable of omega, a share of the variance.

    A logarithm where omega counts; straight near 0, so that a search gets there in a few steps.
    """
    return np.log(omega + _SHIFT)


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches of the rows of a table, all equally long.

    Parameters
    ----------
    series : array, shape (A, T)
    row, start : integer arrays, shape (K,)
        Which row, and where the stretch begins.
    size : int
        Its length.
    presample : str
        ``"backcast"``: what stands before the first day is the mean of the first 75 squares about
        the mean of the window, weighted by 0.94^i (as the library arch does); ``"sample"``: the
        mean square about the fitted mean (Bollerslev and Ghysels).
    """

    series: Array
    row: Integers
    start: Integers
    size: int
    presample: str = "backcast"

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def _views(self) -> Array:
        return np.lib.stride_tricks.sliding_window_view(self.series, self.size, axis=1)

    @cached_property
    def moments(self) -> tuple[Array, Array, Array]:
        """Mean, variance and backcast of each, shapes (K,)."""
        mean, square, back = np.empty((3, len(self)))
        tau = min(75, self.size)
        fade = 0.94 ** np.arange(tau)
        fade /= fade.sum()
        for begin in range(0, len(self), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            x = self._views[self.row[some], self.start[some]]
            mean[some] = x.mean(axis=1)
            y = x - mean[some, None]
            np.square(y, out=y)
            square[some] = y.mean(axis=1)
            back[some] = (y[:, :tau] * fade).sum(axis=1)  # one by one, however many there are
        return mean, square, back if self.presample == "backcast" else square

    def take(self, which: Any) -> Windows:
        """Some of them."""
        part = Windows(self.series, self.row[which], self.start[which], self.size, self.presample)
        if "moments" in self.__dict__:
            part.__dict__["moments"] = tuple(each[which] for each in self.moments)
        return part

    @property
    def where(self) -> tuple[Array, Integers, Integers, int]:
        """Table, rows, starts and size, as the likelihoods take them."""
        return self.series, self.row, self.start, self.size

    def values(self) -> Array:
        """The stretches themselves, shape (K, size)."""
        return np.asarray(self._views[self.row, self.start])

    def before(self, mu: Array) -> Array:
        """Variance before the first day and its two derivatives by the mean, shape (K, 3)."""
        mean, _, back = self.moments
        found = np.zeros((len(self), 3))
        found[:, 0] = back
        if self.presample == "sample":
            found[:, 0] += (mean - mu) ** 2
            found[:, 1] = 2.0 * (mu - mean)
            found[:, 2] = 2.0
        return found


@dataclass(frozen=True)
class Form:
    """A member of the family: which variance, which innovations.

    Parameters
    ----------
    kind : str
        ``"garch"``, ``"gjr"`` or ``"egarch"``.
    student : bool
        Student t innovations, of variance one, instead of normal ones.
    """

    kind: str
    student: bool = False

    @property
    def skew(self) -> bool:
        """Whether losses and gains move the variance differently."""
        return self.kind != "garch"

    @property
    def size(self) -> int:
        """How many variables there are."""
        return 4 + self.skew + self.student

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters as they are printed."""
        skew, tail = ("gamma",) if self.skew else (), ("nu",) if self.student else ()
        return ("mu", "omega", "alpha", *skew, "beta", *tail)

    @property
    def slots(self) -> list[int]:
        """Which of the six natural parameters move: mu, omega, two of alpha, beta, 1 / nu."""
        return [0, 1, 2, *([3] if self.skew else []), 4, *([5] if self.student else [])]

    def box(self, windows: Windows) -> tuple[Array, Array]:
        """Least and greatest variables, shapes (K, size).

        As in arch: omega between 1e-8 and 10 of the variance, nu between 2.05 and 500. The
        mean is kept within the returns seen.
        """
        count = len(windows)
        tail = [(1.0 / MOST_NU, 1.0 / LEAST_NU)] if self.student else []
        if self.kind == "egarch":
            log = np.log(windows.moments[1])
            middle = [(-20.0, 20.0), (0, 0), (-3.0, 3.0), (-3.0, 3.0), (0.0, 1.0 - 1e-9)]
            edges = np.array([*middle, *tail])
            low, high = (np.tile(edges[:, side], (count, 1)) for side in (0, 1))
            low[:, 1], high[:, 1] = log - np.log(1e4), log + np.log(1e4)
            return low, high
        omega = float(shifted(LEAST_OMEGA)), float(shifted(MOST_OMEGA))
        middle = [(-20.0, 20.0), omega, (0.0, 1.0), (0.0, 1.0)]
        edges = np.array([*middle, *([(0.0, 1.0)] if self.skew else []), *tail])
        return np.tile(edges[:, 0], (count, 1)), np.tile(edges[:, 1], (count, 1))

    @property
    def reach(self) -> Array:
        """How far each variable goes in a bold step."""
        tail = [0.1] if self.student else []
        if self.kind == "egarch":
            return np.array([0.2, 0.3, 0.3, 0.2, 0.3, *tail])
        return np.array([0.2, 2.0, 0.3, 0.3, *([0.3] if self.skew else []), *tail])

    def before(self, windows: Windows, mu: Array) -> Array:
        """What stands before the first day, shape (K, 3).

        The variance and its two derivatives by mu; of EGARCH its logarithm, and the bounds of the
        logarithm.
        """
        if self.kind != "egarch":
            return windows.before(mu)
        _, variance, back = windows.moments
        low, high = np.log(variance) + np.log(1e-8), np.log(variance) + np.log(1e8)
        return np.column_stack([np.clip(np.log(np.maximum(back, 1e-300)), low, high), low, high])

    def natural(self, x: Array, mean: Array, variance: Array) -> Array:
        """The six natural parameters of the variables x, shape (..., 6).

        They are mu, omega, alpha of gains, alpha of losses, beta, 1 / nu; of EGARCH mu, omega,
        alpha, gamma, beta, 1 / nu.
        """
        out = np.empty((*x.shape[:-1], 6))
        out[..., 0] = mean + np.sqrt(variance) * x[..., 0]
        out[..., 5] = x[..., -1] if self.student else 0.0
        if self.kind == "egarch":
            out[..., 1:5] = x[..., 1:5]
            return out
        out[..., 1] = variance * np.maximum(np.exp(x[..., 1]) - _SHIFT, LEAST_OMEGA)
        p, s = x[..., 2], x[..., 3]
        q = x[..., 4] if self.skew else 0.5
        out[..., 2], out[..., 3] = 2.0 * p * s * q, 2.0 * p * s * (1.0 - q)
        out[..., 4] = p * (1.0 - s)
        return out

    def variables(self, natural: Array, mean: Array, variance: Array) -> Array:
        """The variables of natural parameters: the inverse of `natural`."""
        x = np.empty((*natural.shape[:-1], self.size))
        x[..., 0] = (natural[..., 0] - mean) / np.sqrt(variance)
        if self.student:
            x[..., -1] = natural[..., 5]
        if self.kind == "egarch":
            x[..., 1:5] = natural[..., 1:5]
            return x
        x[..., 1] = shifted(natural[..., 1] / variance)
        a = 0.5 * (natural[..., 2] + natural[..., 3])
        p = a + natural[..., 4]
        x[..., 2], x[..., 3] = p, np.where(p > 0.0, a / np.where(p > 0.0, p, 1.0), 0.5)
        if self.skew:
            x[..., 4] = np.where(a > 0.0, 0.5 * natural[..., 2] / np.where(a > 0.0, a, 1.0), 0.5)
        return x

    def pulled(
        self, x: Array, natural: Array, variance: Array, slope: Array, bend: Array
    ) -> tuple[Array, Array]:
        """Gradient and Hessian by the variables from those by the natural parameters."""
        slots = self.slots
        g, h = slope[:, slots], bend[:, slots][:, :, slots]
        count, size = x.shape
        J = np.zeros((count, size, size))
        J[:, 0, 0] = np.sqrt(variance)
        if self.student:
            J[:, -1, -1] = 1.0
        if self.kind == "egarch":
            for i in range(1, 5):
                J[:, i, i] = 1.0
            return _chained(J, g, h)
        om, p, s = natural[:, 1], x[:, 2], x[:, 3]
        J[:, 1, 1] = moved = om + _SHIFT * variance
        b = 3 + self.skew
        J[:, b, 2], J[:, b, 3] = 1.0 - s, -p
        if not self.skew:
            J[:, 2, 2], J[:, 2, 3] = s, p
            grad, hess = _chained(J, g, h)
            hess[:, 1, 1] += g[:, 1] * moved
            cross = g[:, 2] - g[:, 3]
        else:
            q = x[:, 4]
            J[:, 2, 2], J[:, 2, 3], J[:, 2, 4] = 2 * s * q, 2 * p * q, 2 * p * s
            J[:, 3, 2], J[:, 3, 3], J[:, 3, 4] = 2 * s * (1 - q), 2 * p * (1 - q), -2 * p * s
            grad, hess = _chained(J, g, h)
            hess[:, 1, 1] += g[:, 1] * moved
            cross = 2 * q * g[:, 2] + 2 * (1 - q) * g[:, 3] - g[:, 4]
            tilt = 2 * (g[:, 2] - g[:, 3])
            for i, by in ((2, s), (3, p)):
                hess[:, i, 4] += tilt * by
                hess[:, 4, i] += tilt * by
        hess[:, 2, 3] += cross
        hess[:, 3, 2] += cross
        return grad, hess

    def constant(self, eta: Array, size: int) -> tuple[Array, Array, Array]:
        """What the densities have beside the variance, summed, and its derivatives by 1 / nu."""
        if not self.student:
            return np.full(np.shape(eta), 0.5 * size * np.log(2.0 * np.pi)), 0.0 * eta, 0.0 * eta
        A, B = 0.5 + 0.5 / eta, 0.5 / eta
        A1, A2 = -0.5 / eta**2, 1.0 / eta**3
        one = special.gammaln(B) - special.gammaln(A) + 0.5 * np.log(np.pi * (1 - 2 * eta) / eta)
        gap = special.digamma(B) - special.digamma(A)
        two = A1 * gap - 1.0 / (1.0 - 2.0 * eta) - 0.5 / eta
        three = A2 * gap + A1**2 * (special.polygamma(1, B) - special.polygamma(1, A))
        three = three - 2.0 / (1.0 - 2.0 * eta) ** 2 + 0.5 / eta**2
        return size * one, size * two, size * three


def _chained(J: Array, g: Array, h: Array) -> tuple[Array, Array]:
    """Gradient and Hessian through a linear map."""
    turned = J.transpose(0, 2, 1)
    return (turned @ g[:, :, None])[:, :, 0], turned @ h @ J
