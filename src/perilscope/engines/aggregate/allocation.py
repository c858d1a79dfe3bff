# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail: Euler contributions to CVaR, and the law of one line's part of a cap.

The contribution of line i to CVaR is its mean where the sum is in the worst share 1 - a (Tasche
1999, "Risk contributions and performance measurement"). It is its whole mean less what it bears
below VaR, so nothing beyond the grid is lost.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import capped, span
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Grid, Transform, against, weighed
from perilscope.engines.grids.loss import LossLaw, Others
from perilscope.once import cached_property

if TYPE_CHECKING:
    from perilscope.engines.aggregate.register import Register

Array = npt.NDArray[np.float64]


def rests(transforms: Sequence[Transform], grid: Grid) -> Iterator[tuple[int, Transform]]:
    """Each place, from the last on, with the product of all other transforms; no division."""
    ahead = [capped.multiplied([], grid)]
    for transform in transforms[:-1]:
        ahead.append(ahead[-1] * transform)
    behind = capped.multiplied([], grid)
    for i in range(len(transforms) - 1, -1, -1):
        yield i, ahead.pop() * behind
        behind = behind * transforms[i]


def weighed_sizes(
    transforms: Transforms,
    components: Sequence[Component],
    lines: Mapping[str, Compound],
    by: Transform,
    whole: Transform | None = None,
) -> dict[str, float]:
    """Weighted sum of E[X_i; sum = s] for each line of independent components that nothing drives.

    Parameters
    ----------
    transforms : Transforms
    components : sequence of Component
    lines : mapping of Compound
    by : array, shape (frequencies,)
        Of the weights, against everything else that is added (see `perilscope.engines.grids.grid`).
    whole : array, shape (frequencies,), optional
        Of the sum of the components, where it is known.

    Notes
    -----
    Of a compound Poisson line E[X; sum = s] is its rate times that of one event beside the whole
    sum, which wants no transform of its own. Of others it is one product.
    """
    grid = transforms.grid
    rates = {
        part.keys[0]: rate
        for part in components
        if part.simple and (rate := transforms.rate(lines[part.keys[0]])) is not None
    }
    slow = [part for part in components if part.keys[0] not in rates]
    quick = whole
    if quick is None or slow:
        quick = transforms.sum([part for part in components if part.keys[0] in rates], lines)
    totals = [transforms.component(part, lines)[0] for part in slow]
    by = against(by, quick)
    found: dict[str, float] = {}
    if rates:
        beside = grid.weights(against(by, capped.multiplied(totals, grid))) * grid.places
        masses = transforms.masses([law for _, law in rates.values()])
        for (key, (mean, _)), mass in zip(rates.items(), masses, strict=True):
            found[key] = mean * float(mass @ beside)
    for i, rest in rests(totals, grid):
        mine = against(by, rest)
        for key, size in transforms.component(slow[i], lines, shares=True)[1].items():
            found[key] = weighed(mine, size)
    return found


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

    def cut(self, size: Array) -> tuple[float, float]:
        """What a line bears up to the last point not above VaR, and about VaR.

        Parameters
        ----------
        size : array
            E[X_i; sum = s] on the grid.
        """
        j = self.last
        # an atom at VaR is split as it is; between two points both tell who is there
        end = j + 1 if self.var == j * self.law.step else j + 2
        return float(size[: j + 1].sum()), float(size[j:end].sum())

    @cached_property
    def weights(self) -> Array:
        """What each point counts for below VaR, so that E X_i less the weighted sum of
        E[X_i; sum = s] is (1 - level) times the contribution of line i.

        All up to the last point not above VaR; about VaR as much as makes contributions CVaR.
        """
        law, j = self.law, self.last
        end = j + 1 if self.var == j * law.step else min(j + 2, law.points)
        found = np.zeros(law.points)
        found[: j + 1] = 1.0
        beside = law.mean - law.partial(j) - (1.0 - self.level) * law.cvar(self.level)
        about = float(law.mass[j:end] @ np.arange(j, end)) * law.step
        if about > 0.0:
            found[j:end] += beside / about
        return found

    def shares(
        self, cuts: Mapping[str, tuple[float, float]], means: Mapping[str, float]
    ) -> dict[str, float]:
        """Contribution of each line.

        Parameters
        ----------
        cuts : mapping
            What `cut` gives for each line.
        means : mapping of float
            E X_i, which add to the mean of the sum.

        Notes
        -----
        (1 - a) CVaR is E L less what the sum bears below s_j, the last point not above v, and less
        what it bears from there to v. The same splits line by line, the last as the lines' parts
        where the sum is about v.
        """
        about = {key: cut[1] for key, cut in cuts.items()}
        whole = math.fsum(about.values())
        if whole <= 0.0:
            about, whole = dict(means), math.fsum(means.values())
        # what wraps around the grid's end keeps the sizes from adding up to the last digits
        borne = math.fsum(below for below, _ in cuts.values())
        exact = self.law.partial(self.last) / borne if borne > 0.0 else 1.0
        beside = math.fsum(means.values()) - self.law.partial(self.last)
        at = (beside - (1.0 - self.level) * self.law.cvar(self.level)) / whole if whole else 0.0
        return {
            key: (means[key] - below * exact - at * about[key]) / (1.0 - self.level)
            for key, (below, _) in cuts.items()
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
        points = max(span.PLAIN, register.grid.points)
        step = register.grid.range / points
        register = register.on(Grid(step, points))
    none = register.none_of(key)

    def law(transforms: Transforms, others: Others | None = None) -> LossLaw:
        total = transforms.part(register.component_of(key), register.lines, key)
        mass = transforms.grid.back(total)
        mean = float((mass * transforms.grid.places).sum())
        sd = math.sqrt(math.fsum((mass * (transforms.grid.places - mean) ** 2).tolist()))
        return LossLaw(transforms.grid, mass, mean=mean, sd=sd, none=none, others=others)

    rougher = functools.cache(lambda: law(register.rough))
    return law(register.fine, lambda this, _: [(this, rougher())])
