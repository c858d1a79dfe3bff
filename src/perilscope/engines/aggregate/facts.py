# SPDX-License-Identifier: Apache-2.0
"""What is asked of a part of a register to make the law of the sum, beside its transform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw, Others

Array = npt.NDArray[np.float64]


class Facts(NamedTuple):
    """Figures of a component, or of the sum of all.

    Its moments, the probability that it loses nothing, its expected loss beyond the grid, whether
    its atoms are on every other point, whether nothing about it is a belief, the largest amount
    of many whose steps are not seen, and how many events there are in heavy lines. Of a component
    with a capped holding the last are not known.
    """

    mean: float
    variance: float
    none: float
    excess: float = 0.0
    even: bool = False
    certain: bool = False
    grain: float = 0.0
    events: float = 0.0

    def law(
        self,
        grid: Grid,
        mass: Array,
        *,
        coarse: Array | None = None,
        within: Array | None = None,
        others: Others | None = None,
    ) -> LossLaw:
        """The law with these figures that has such probabilities on a grid, see `LossLaw`."""
        return LossLaw(
            grid,
            mass,
            mean=self.mean,
            sd=math.sqrt(self.variance),
            none=self.none,
            excess=self.excess,
            coarse=coarse,
            within=within,
            others=others,
            grain=self.grain,
            events=self.events,
        )


NOTHING = Facts(0.0, 0.0, 1.0, 0.0, True, True)
"""A sum of no lines."""


def summed(parts: Sequence[Facts]) -> Facts:
    """Figures of the sum of independent components."""
    rows = zip(*(parts or [NOTHING]), strict=True)
    means, variances, nones, excesses, evens, sure, grains, events = rows
    return Facts(
        math.fsum(means),
        math.fsum(variances),
        math.prod(nones),
        math.fsum(excesses),
        all(evens),
        all(sure),
        max(grains),
        math.fsum(events),
    )
