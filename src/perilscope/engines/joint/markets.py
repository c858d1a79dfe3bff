# SPDX-License-Identifier: Apache-2.0
"""States of prices that several networks make together, and the market's scenarios under each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.joint.parts import Interface, Part, Rungs, Scenarios
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]

MOST_MARKETS = 256
"""States of prices that are listed."""


class Markets:
    """Scenarios under every state of prices, each asked for once.

    Parameters
    ----------
    interfaces : sequence of Interface
    scenarios : Scenarios

    Raises
    ------
    AssessmentError
        Too many states of prices would have to be listed.
    """

    def __init__(self, interfaces: Sequence[Interface], scenarios: Scenarios) -> None:
        self._interfaces, self.scenarios = tuple(interfaces), scenarios
        self._movers = [i for i, each in enumerate(self._interfaces) if each.moves]
        self.states = self._listed()
        self._losses: dict[Rungs, Array] = {}
        self._prices: dict[Rungs, Mapping[str, Array]] = {}

    def _listed(self) -> tuple[Rungs, ...]:
        """States of prices, over the interfaces that move them, in order."""
        each = [sorted(set(self._interfaces[i].rungs)) for i in self._movers]
        count = math.prod(map(len, each))
        if count > MOST_MARKETS:
            raise AssessmentError(
                f"{count:,} joint states of the networks move prices; at most {MOST_MARKETS} are "
                "listed: let fewer nodes move prices"
            )
        return tuple(itertools.product(*each))

    def made_by(self, part: Part, rungs: Rungs) -> Rungs:
        """What of a state of prices the interfaces of one part make."""
        return tuple(rungs[self._movers.index(i)] for i in part.moving)

    def losses(self, rungs: Rungs) -> Array:
        """What the portfolio loses in each scenario under a state of prices."""
        if rungs not in self._losses:
            self._losses[rungs] = self.scenarios.total(rungs)
        return self._losses[rungs]

    def prices(self, rungs: Rungs) -> Mapping[str, Array]:
        """Price of each token that losses may be counted in, in each scenario."""
        if rungs not in self._prices:
            self._prices[rungs] = self.scenarios.prices(rungs)
        return self._prices[rungs]

    def chance(self, rungs: Rungs, weights: Sequence[Array]) -> float:
        """Probability of a state of prices, by the weights of the interfaces' states."""
        found = 1.0
        for i, rung in zip(self._movers, rungs, strict=True):
            at = [k for k, each in enumerate(self._interfaces[i].rungs) if each == rung]
            found *= math.fsum(weights[i][at].tolist())
        return found
