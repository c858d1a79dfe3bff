# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail: Euler contributions to CVaR, and the law of one line's part of a cap.

The contribution of line i to CVaR is its mean where the sum is in the worst share 1 - a (Tasche
1999, "Risk contributions and performance measurement"). It is its whole mean less what it bears
below VaR, so nothing beyond the grid is lost.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perilscope.engines import capped, span
from perilscope.engines.grid import Grid, Transform
from perilscope.engines.loss import LossLaw
from perilscope.engines.transforms import Transforms

if TYPE_CHECKING:
    from perilscope.engines.register import Register

Array = npt.NDArray[np.float64]


def rests(transforms: Sequence[Transform], grid: Grid) -> list[Transform]:
    """For each transform the product of all others, without a division."""
    if not transforms:
        return []
    ahead = [capped.multiplied([], grid)]
    for transform in transforms[:-1]:
        ahead.append(ahead[-1] * transform)
    behind = [capped.multiplied([], grid)]
    for transform in reversed(transforms[1:]):
        behind.append(behind[-1] * transform)
    return [a * b for a, b in zip(ahead, reversed(behind), strict=True)]


class Split:
    """Where the law of a sum is cut at VaR, and how a line's mean divides there.

    Parameters
    ----------
    law : LossLaw
        Law of the sum.
    level : float
        Level of the CVaR.
    """

    def __init__(self, law: LossLaw, level: float) -> None:
        self.law, self.level = law, level
        self.var = law.var(level)
        self.last = min(math.floor(self.var / law.step * (1 + 1e-15)), law.points - 1)

    def shares(self, sizes: Mapping[str, Array], means: Mapping[str, float]) -> dict[str, float]:
        """Contribution of each line.

        Parameters
        ----------
        sizes : mapping of arrays
            E[X_i; sum = s] on the grid.
        means : mapping of float
            E X_i, which add to the mean of the sum.

        Notes
        -----
        (1 - a) CVaR = E L - E[L; L <= s_j] - v (a - F(s_j)), with s_j the last point not above v:
        the same splits line by line, v by the lines' parts where the sum is about v.
        """
        j = self.last
        left = self.level - float(self.law.cumulative[j])
        # an atom at VaR is split as it is; between two points both tell who is there
        end = j + 1 if self.var == j * self.law.step else j + 2
        about = {key: float(size[j:end].sum()) for key, size in sizes.items()}
        whole = math.fsum(about.values())
        if whole <= 0.0:
            about, whole = dict(means), math.fsum(means.values())
        below = {key: float(np.cumsum(size[: j + 1])[-1]) for key, size in sizes.items()}
        # what wraps around the grid's end keeps the sizes from adding up to the last digits
        borne = math.fsum(below.values())
        exact = float(self.law.partial[j]) / borne if borne > 0.0 else 1.0
        at = self.var / whole if whole > 0.0 else 0.0
        return {
            key: (means[key] - below[key] * exact - left * at * about[key]) / (1.0 - self.level)
            for key in sizes
        }


def part(register: Register, key: str) -> LossLaw:
    """Law of one line's part of a capped holding.

    Parameters
    ----------
    register : Register
        The lines of the holding and no others.
    key : str
        One of them.
    """
    if register.grid.lattice:  # a part is no longer a multiple of anything
        points = max(span.USUAL, register.grid.points)
        step = register.grid.range / points
        register = register.on(Grid(step, points))
    none = register.none_of(key)

    def law(transforms: Transforms, coarser: Callable[[], LossLaw] | None) -> LossLaw:
        total = transforms.part(register.component_of(key), register.lines, key)
        mass = transforms.grid.back(total)
        mean = float((mass * transforms.grid.places).sum())
        sd = math.sqrt(math.fsum((mass * (transforms.grid.places - mean) ** 2).tolist()))
        return LossLaw(transforms.grid, mass, mean=mean, sd=sd, none=none, coarser=coarser)

    return law(register.fine, functools.cache(lambda: law(register.coarse, None)))
