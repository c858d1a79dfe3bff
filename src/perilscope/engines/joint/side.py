# SPDX-License-Identifier: Apache-2.0
"""Everything that is added up, as transforms on one grid.

Parts that nothing drives are one factor; of the others there is a transform for each pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.joint.many import Many
from perilscope.engines.joint.markets import Markets
from perilscope.engines.joint.parts import Part, Rungs, ones
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Weights = Sequence[Array]

Priced = Callable[[Rungs, bool], Transform]
"""Given a state of prices, and whether prices stand still within a cell: the transform of the
market, by combination of patterns of what is counted in tokens."""


class Side:
    """Everything on one grid: parts by pattern, markets by state of prices.

    Parameters
    ----------
    parts : sequence of Part
    lines : mapping of Compound
        By key.
    transforms : Transforms
        On the grid.
    markets : Markets
    priced : callable
        The market on the same grid.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        lines: Mapping[str, Compound],
        transforms: Transforms,
        markets: Markets,
        priced: Priced,
    ) -> None:
        self.parts, self.lines, self.transforms = parts, lines, transforms
        self.grid: Grid = transforms.grid
        self._markets, self._priced = markets, priced
        self._patterns: dict[int, Any] = {}
        self._mixtures: dict[tuple[int, Rungs], tuple[Weights, Transform]] = {}

    def patterns(self, c: int) -> Any:
        """Of one part, that is not counted in tokens, its transform in each pattern."""
        if c not in self._patterns:
            self._patterns[c] = self.parts[c].transforms(self.transforms, self.lines)
        return self._patterns[c]

    def with_(
        self,
        lines: Mapping[str, Compound],
        changed: Mapping[int, Part],
        priced: Priced | None = None,
    ) -> Side:
        """The same with other lines in some parts, whose make may have changed with them.

        Parameters
        ----------
        lines : mapping of Compound
            All of them.
        changed : mapping of int to Part
            The parts that are others, by place.
        priced : callable, optional
            The market, where what is counted in tokens is another with it.
        """
        parts = [changed.get(c, part) for c, part in enumerate(self.parts)]
        other = Side(parts, lines, self.transforms, self._markets, priced or self._priced)
        other._patterns = {c: z for c, z in self._patterns.items() if c not in changed}
        other._mixtures = {at: z for at, z in self._mixtures.items() if at[0] not in changed}
        return other

    # --- what no state of prices touches

    @cached_property
    def _free(self) -> Transform:
        """Sum of all that nothing drives."""
        return self._sum_of_free(-1)

    def _sum_of_free(self, leave: int) -> Transform:
        mine = [
            part.component
            for c, part in enumerate(self.parts)
            if part.free and c != leave and part.component is not None
        ]
        return self.transforms.sum(mine, self.lines)

    def fixed(self, weights: Weights, leave: int = -1) -> Transform:
        """Product of the parts that no state of prices touches, but for one."""
        without = leave >= 0 and self.parts[leave].free
        return (self._sum_of_free(leave) if without else self._free) * self.driven(weights, leave)

    def driven(self, weights: Weights, leave: int = -1) -> Transform:
        """Product of those of them that something drives."""
        found = ones(self.grid)
        for c, part in enumerate(self.parts):
            if not part.coupled and not part.free and c != leave:
                found *= self._mixture(c, weights)
        return found

    def _mixture(self, c: int, weights: Weights, rungs: Rungs = ()) -> Transform:
        """A driven part where it makes these rungs; that of the last weights is kept."""
        part = self.parts[c]
        mine = [weights[i] for i in part.interfaces]
        known = self._mixtures.get((c, rungs))
        if known is None or any(a is not b for a, b in zip(known[0], mine, strict=True)):
            known = mine, mixed(part.table(weights)[rungs], self.patterns(c))
            self._mixtures[c, rungs] = known
        return known[1]

    # --- what answers to the state of prices

    def moved(
        self, weights: Weights, *, leave: int = -1, plain: bool = False
    ) -> dict[Rungs, Transform]:
        """Sum over the states of prices, by the rungs of the part that is left out."""
        tables = [part.table(weights) if part.coupled else {} for part in self.parts]
        found: dict[Rungs, Transform] = {}
        for rungs in self._markets.states:
            term = self._term(rungs, weights, tables, leave, plain)
            if term is not None:
                mine = self._markets.made_by(self.parts[leave], rungs) if leave >= 0 else ()
                found[mine] = found[mine] + term if mine in found else term
        return found

    def _term(
        self,
        rungs: Rungs,
        weights: Weights,
        tables: Sequence[Mapping[Rungs, Array]],
        leave: int,
        plain: bool,
    ) -> Transform | None:
        chances = {
            c: tables[c][self._markets.made_by(part, rungs)]
            for c, part in enumerate(self.parts)
            if part.coupled and c != leave
        }
        if any(not chance.any() for chance in chances.values()):
            return None
        mass = np.ones(1)  # of the combinations of patterns of what is counted in tokens
        for c, chance in chances.items():
            if self.parts[c].counted:
                mass = np.outer(mass, chance).ravel()
        term = mixed(mass, self._priced(rungs, plain))
        for c in chances:
            if not self.parts[c].counted:
                made = self._markets.made_by(self.parts[c], rungs)
                term = term * self._mixture(c, weights, made)
        return term

    def in_money(self, weights: Weights, rungs: Rungs) -> Transform:
        """Product of what answers to a state of prices and is counted in money.

        Probabilities of parts that are counted in tokens are left out.
        """
        found = ones(self.grid)
        for c, part in enumerate(self.parts):
            if part.coupled and not part.counted:
                found *= self._mixture(c, weights, self._markets.made_by(part, rungs))
        return found

    # --- everything

    def total(self, weights: Weights, *, plain: bool = False) -> Transform:
        """Transform of the sum of everything, on the window."""
        moved = self.moved(weights, plain=plain)
        return self.fixed(weights) * sum(moved.values(), np.zeros(1, dtype=np.complex128))

    def law(self, weights: Weights, *, plain: bool = False) -> Array:
        """Law of the sum of everything."""
        return self.grid.back(self.total(weights, plain=plain))


def mixed(weights: Array, transforms: Any) -> Transform:
    """Mixture of the rows of transforms."""
    if isinstance(transforms, Many):
        return np.asarray(weights @ transforms)
    if len(weights) == 1:
        return np.asarray(transforms[0] * weights[0])
    found: Transform = np.asarray(weights @ transforms.view(np.float64)).view(np.complex128)
    return found
