# SPDX-License-Identifier: Apache-2.0
"""Errors of figures of a fitted volatility model that hold with a few hundred days of heavy tails.

The sandwich of Bollerslev and Wooldridge (1992) is too small then. A wild day draws the fit to
itself and hides by that how far it drew it, which the jackknife mends (HC3 of regressions;
MacKinnon and White, J. Econometrics 29 (1985)). And what is left depends on a few wild days, so it
is too small more often than not; the form that takes size and time of shocks as independent depends
on their kurtosis alone. Both are right with many days: the larger is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perilscope.engines.volatility.garch import NEAR, STRETCH, Fit
from perilscope.engines.volatility.garch_forms import Array, Integers
from perilscope.once import cached_property

_STEP = 1e-3
_FLAT = 1e-9
_LEFT = 0.2


@dataclass(frozen=True, eq=False)
class Errors:
    """Of what a fit says."""

    fit: Fit

    @cached_property
    def free(self) -> Integers:
        """Variables that move. A persistence at its bound does: it is not known for that."""
        fit = self.fit
        low, high = fit.form.box(fit.windows)
        inside = (fit.x > low[0] + NEAR) & (fit.x < high[0] - NEAR)
        if fit.form.kind != "egarch":
            inside[2] |= fit.x[2] >= high[0, 2] - NEAR and inside[3]
        return np.flatnonzero(inside)

    @cached_property
    def _steps(self) -> Array:
        form = self.fit.form
        wide = np.full(form.size, _STEP)
        if form.kind == "egarch":  # slopes jump where the mean meets a return
            wide[0] = STRETCH
        return np.asarray((wide * form.reach)[self.free])

    @cached_property
    def _each_day(self) -> tuple[Array, Array]:
        """Slopes (n, m) and bends (n, m, m) of each day's log density, in steps."""
        x, count = self.fit.x, self.free.size
        unit = np.zeros((count, x.size))
        unit[np.arange(count), self.free] = self._steps
        pairs = [(i, j) for i in range(count) for j in range(i)]
        sides = [(1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0)]
        at = [x, *(x + unit), *(x - unit)]
        at += [x + one * unit[i] + two * unit[j] for i, j in pairs for one, two in sides]
        mean, variance, _ = self.fit.windows.moments
        value = self.fit.densities(self.fit.form.natural(np.array(at), mean[0], variance[0]))
        more, less = value[1 : count + 1], value[count + 1 : 2 * count + 1]
        bends = np.empty((value.shape[1], count, count))
        for i in range(count):
            bends[:, i, i] = more[i] - 2.0 * value[0] + less[i]
        crossed = value[2 * count + 1 :].reshape(-1, 4, value.shape[1])
        for (i, j), (a, b, c, d) in zip(pairs, crossed, strict=True):
            bends[:, i, j] = bends[:, j, i] = 0.25 * (a + b - c - d)
        slopes = 0.5 * (more - less).T
        return slopes - slopes.mean(axis=0), bends

    @cached_property
    def _root(self) -> Array:
        """R with R R' the inverse of the whole bend, flat directions left out."""
        roots, basis = np.linalg.eigh(-self._each_day[1].sum(axis=0))
        good = roots > _FLAT * roots.max()
        return np.asarray(basis[:, good] / np.sqrt(roots[good]))

    @cached_property
    def without(self) -> Array:
        """As `Fit.influences`, each day left out in truth: a step of Newton's without it."""
        root = self._root
        slopes, bends = self._each_day
        inner, along = root.T @ bends @ root, slopes @ root
        left = np.eye(root.shape[1]) + inner
        moved = np.empty_like(along)
        # where next to nothing may be left without a day, one step says too much
        wild = np.sqrt((inner**2).sum(axis=(1, 2))) > 1.0 - _LEFT
        moved[~wild] = np.linalg.solve(left[~wild], along[~wild, :, None])[:, :, 0]
        some, turned = np.linalg.eigh(left[wild])
        told = along[wild, None, :] @ turned / np.maximum(some, _LEFT)[:, None, :]
        moved[wild] = (told @ turned.transpose(0, 2, 1))[:, 0, :]
        return self._of_variables(moved)

    def _of_variables(self, moved: Array) -> Array:
        fit = self.fit
        found = np.zeros((fit.returns.size, fit.x.size))
        found[:, self.free] = fit.returns.size * (moved @ self._root.T) * self._steps
        return found

    @cached_property
    def _parts(self) -> Array:
        """With t innovations a wild day cannot draw the fit far, and need not be left out."""
        if self.fit.form.student:
            return self._of_variables(np.asarray(self._each_day[0] @ self._root))
        return self.without

    def of(self, slope: Array) -> float:
        """Standard error of a figure with these slopes by the variables of the search."""
        parts = self._parts @ slope
        return max(math.sqrt(float((parts**2).mean()) / parts.size), self._even(slope))

    def _even(self, slope: Array) -> float:
        """As if size and time of shocks were independent; with t innovations, by the bend alone."""
        fit, free, steps = self.fit, self.free, self._steps
        turned = self._root.T @ (slope[free] * steps)
        if fit.form.student:
            return math.sqrt(float(turned @ turned))
        along = self._root @ turned * steps
        logs = fit.slopes(lambda natural: np.log(fit.paths(natural)[:, :-1]))[:, free] @ along
        by_mean = fit.slopes(lambda natural: natural[:, 0])[free] @ along
        means = by_mean / np.sqrt(fit.variances[:-1])
        z = fit.residuals
        skew, excess = float((z**3).mean()), float((z**4).mean()) - 1.0
        square = 0.25 * excess * logs @ logs + means @ means + skew * (logs @ means)
        return math.sqrt(max(float(square), 0.0))
