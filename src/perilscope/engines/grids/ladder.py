# SPDX-License-Identifier: Apache-2.0
"""A law read from several grids, narrow ones for usual years and a wide one for the worst.

Where a small loss is certain and a large one rare, or one law spans many orders of magnitude, no
one grid is both fine where the 1-in-20 year lies and wide enough for the 1-in-1,000 year. But a
grid need not reach beyond the level that is asked of it: what lies beyond is damped, and expected
losses beyond come from exact means. So each level has a grid of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from perilscope.engines.grids.loss import Array, LossLaw


class Ladder(LossLaw):
    """A law by rungs: each rung is the same law on a grid for levels up to its own.

    Parameters
    ----------
    widest : LossLaw
        The law on the widest grid, for levels beyond all rungs.
    rungs : sequence of (level, LossLaw)
        Ascending; each law is right up to its level.
    """

    def __init__(self, widest: LossLaw, rungs: Sequence[tuple[float, LossLaw]]) -> None:
        self.__dict__.update(widest.__dict__)
        self.widest = widest
        self.rungs = tuple(rungs)
        self._quantiles = {}

    def rung(self, level: float) -> LossLaw:
        """The law that is read at a level."""
        rungs = (law for top, law in self.rungs if level <= top)
        # made for other lines, a grid may end before the level
        return next((law for law in rungs if law.beyond < 0.9999 * (1.0 - level)), self.widest)

    def at(self, x: float) -> LossLaw:
        """The law that is read at a loss."""
        ends = ((law.step * (law.points - 4), law) for _, law in self.rungs)
        return next((law for end, law in ends if x < end), self.widest)

    def _var(self, level: float) -> float:
        return self.rung(level).var(level)

    def cvar(self, level: float) -> float:
        """Conditional value at risk: mean of the worst share 1 - level, in money."""
        return self.rung(level).cvar(level)

    def limited(self, x: float) -> float:
        """E min(L, x) for x on the grid's range."""
        return self.at(x).limited(x)

    def all_limited(self, x: Array) -> Array:
        """The same at many losses."""
        found = self.widest.all_limited(x)
        for _, law in reversed(self.rungs):
            mine = x < law.step * (law.points - 4)
            found[mine] = law.all_limited(x[mine])
        return found

    def exceed(self, x: float) -> float:
        """P(L > x); beyond the widest grid an upper bound."""
        return self.at(x).exceed(x)

    def smooth(self, x: float) -> bool:
        """Whether the law is smooth, as far as the grid can tell, a step around a loss."""
        return self.at(x).smooth(x)

    def step_at(self, x: float) -> float:
        """Distance between the points of the grid that is read at a loss."""
        return self.at(x).step

    def error_at(self, level: float) -> float:
        """Estimate of the relative error at any level; infinite where it lies beyond the grid."""
        return self.rung(level).error_at(level)

    def curve(self, points: int = 150) -> list[tuple[float, float]]:
        """Exceedance for a chart: (loss, P(L > loss)), the first at zero."""
        rows, least = super().curve(points), 1.0
        found = []
        for x, p in rows:  # where one rung ends and another begins they differ a little
            least = min(least, p)
            found.append((x, least))
        return found

    def _chart(self, points: int) -> list[float]:
        found: set[float] = set()
        low = 0.0
        for _, law in [*self.rungs, (1.0, self.widest)]:
            places = [x for x in law._chart(points) if low < x < law.step * (law.points - 4)]
            found.update(places[:: 1 if law is self.widest else 2])
            low = max(found, default=0.0)
        return sorted(found)
