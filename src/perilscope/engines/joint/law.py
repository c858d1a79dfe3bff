# SPDX-License-Identifier: Apache-2.0
"""The law of a gain or loss: a law on a window, read as one of losses moved up.

VaR, CVaR and exceedance are those of `grids.loss`, which keeps expected losses beyond
the end of the grid by exact means. The mean used for that is the mean of the law *as the window
holds it*, E max(L, low): with the true mean the expected excess would be wrong by what was cut.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.loss import LEVELS, LossLaw, Others
from perilscope.engines.joint.window import Window
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_ASIDES = (0.02, 1.0, 2.0, 4.0)
"""How far a scenario may lie aside on half the grid, in steps: there it is split over two."""


class SignedLaw:
    """Law of a sum that may be a gain.

    Parameters
    ----------
    window : Window
        Where it stands.
    mass : array, shape (points,)
        Probabilities on the window.
    mean, sd : float
        Of the sum itself, not of what the window holds; sd may be infinite, NaN where none asks.
    cut : float
        What cutting gains at the lowest point adds to the mean.
    coarse : array, shape (points / 2,), optional
        The same law on half the points, to extrapolate from.
    others : callable, optional
        Pairs of laws that tell the error, as in `perilscope.engines.grids.loss.LossLaw`.
    apart : mapping of level to float
        Further error of VaR and CVaR in money, such as that of prices in cells.

    Examples
    --------
    A coin that gains or loses 2, on a grid of steps of 1:

    >>> from perilscope.engines.grids.grid import Grid
    >>> window = Window(Grid(1.0, 8, lattice=True), 4)
    >>> mass = window.mass(np.array([-2.0, 2.0]), np.array([0.5, 0.5]))
    >>> law = SignedLaw(window, mass, mean=0.0, sd=2.0)
    >>> law.var(0.4), law.var(0.9), law.cvar(0.9), law.exceed(0.0)
    (-2.0, 2.0, 2.0, 0.5)
    """

    method = "exact, joint"

    def __init__(
        self,
        window: Window,
        mass: Array,
        *,
        mean: float,
        sd: float,
        cut: float = 0.0,
        coarse: Array | None = None,
        others: Others | None = None,
        apart: dict[float, float] | None = None,
    ) -> None:
        self.window, self.mean, self.sd, self.cut = window, mean, sd, cut
        self.apart = apart or {}
        self.moved = LossLaw(
            window.grid,
            mass,
            mean=mean + cut - window.low,
            sd=sd,
            none=0.0,
            coarse=coarse,
            others=others,
            asides=_ASIDES,
        )
        self.step, self.points, self.tilt = self.moved.step, self.moved.points, self.moved.tilt
        self.grid = window.grid

    @cached_property
    def none(self) -> float:
        """P(L <= 0): nothing is lost."""
        return 1.0 - self.exceed(0.0)

    @property
    def beyond(self) -> float:
        """P(L > highest point)."""
        return self.moved.beyond

    @property
    def mean_gap(self) -> float:
        """Mean of the law on the window against the exact one, relative to the spread."""
        gap = self.moved.mean_gap * self.moved.mean
        return gap / self.sd if 0.0 < self.sd < math.inf else 0.0

    def var(self, level: float) -> float:
        """Value at risk, in money; negative where a gain is that sure."""
        return self.moved.var(level) + self.window.low

    def cvar(self, level: float) -> float:
        """Conditional value at risk: mean of the worst share 1 - level, in money."""
        return self.moved.cvar(level) + self.window.low

    def exceed(self, x: float) -> float:
        """P(L > x)."""
        return self.moved.exceed(x - self.window.low)

    def excess(self, x: float) -> float:
        """E (L - x)+, in money."""
        return max(self.moved.mean - self.moved.limited(x - self.window.low), 0.0)

    def squared_excess(self, x: float) -> float:
        """E ((min(L, highest point) - x)+)^2, in money squared: what lies beyond counts as its end.

        >>> from perilscope.engines.grids.grid import Grid
        >>> window = Window(Grid(1.0, 8, lattice=True), 4)
        >>> mass = window.mass(np.array([-2.0, 2.0]), np.array([0.5, 0.5]))
        >>> SignedLaw(window, mass, mean=0.0, sd=2.0).squared_excess(-1.0)  # 3^2 / 2
        4.5
        """
        return self.moved.squared_excess(x - self.window.low)

    def density(self, x: float) -> float:
        """Probability per unit of money about x, over two steps."""
        h = self.step
        return max(self.exceed(x - h) - self.exceed(x + h), 0.0) / (2.0 * h)

    @cached_property
    def error(self) -> dict[float, float]:
        """Estimate of the relative error of VaR and CVaR, the larger of the two, by level."""
        return {level: self.error_at(level) for level in LEVELS}

    def error_at(self, level: float) -> float:
        """Estimate of the relative error at any level; infinite where it lies beyond the window.

        Relative to the smaller of VaR and CVaR, but for one that is nothing.
        """
        relative = self.moved.error_at(level)
        if not math.isfinite(relative):
            return math.inf
        sizes = (abs(self.var(level)), abs(self.cvar(level)))
        least = min((size for size in sizes if size > self.step), default=self.step)
        near = [gap for known, gap in self.apart.items() if abs(known - level) < 1e-9]
        apart = max(near or self.apart.values(), default=0.0)
        return (relative * self.moved.cvar(level) + apart) / least

    def curve(self, points: int = 150) -> list[tuple[float, float]]:
        """Exceedance for a chart: (loss, P(L > loss)), the first at zero, none of a gain."""
        start = (0.0, self.exceed(0.0))
        rare = np.geomspace(1e-6, max(start[1], 2e-6), points // 2)
        tops = [self._reached(1.0 - p) for p in rare]
        top = max([x for x in tops if math.isfinite(x)], default=0.0)
        if start[1] <= 0.0 or top <= 0.0:
            return [start]
        even = np.geomspace(max(self.step, top * 1e-4), top, points - points // 2)
        places = sorted({x for x in [*even.tolist(), *tops] if 0.0 < x < math.inf})
        return [start, *((x, p) for x in places if (p := self.exceed(x)) > 0.0)]

    def _reached(self, level: float) -> float:
        """The first point that has added up to a level."""
        k = int(np.searchsorted(self.moved.cumulative, level))
        return math.inf if k >= self.points - 1 else self.window.low + k * self.step
