# SPDX-License-Identifier: Apache-2.0
"""Everything that is transformed once and used often: losses per event, lines, components, sums.

Sums of independent components are added up in blocks of a few, always the same ones in the same
order, and blocks are kept: where one line is another, one block is computed again, and no bit
depends on what was kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from perilscope.engines.aggregate import capped, factored, heavy
from perilscope.engines.aggregate import events as on_grid
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.events import Some
from perilscope.engines.aggregate.lines import ByKey
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.aggregate.tied import Tied
from perilscope.engines.grids.grid import Transform
from perilscope.engines.kept import Kept
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.laws.exponentials import exponential

_Key = tuple[tuple[Component, ...], tuple[int, ...]]
_SIZE, _AHEAD = 4, 8
"""Components of a block, and blocks of which losses per event are transformed together."""


class _Poisson(NamedTuple):
    """Events of the lines of a block that are simple and have Poisson counts, and the components
    that are left; with all lines, which live as long as something is kept by their ids.
    """

    lines: tuple[Compound, ...]
    events: Some
    others: tuple[Component, ...]


class _Others(NamedTuple):
    """The product of a block's other components, and whether there are heavy lines among them."""

    lines: tuple[Compound, ...]
    product: Transform
    heavy: bool


class Block(NamedTuple):
    """A few components, and what their sum is kept by: how their lines are tied, and which objects
    these are.
    """

    parts: tuple[Component, ...]
    key: _Key


class Together(NamedTuple):
    """Events of all simple lines with Poisson counts, and the blocks that have other components."""

    events: Some
    mixed: tuple[Block, ...]


def blocks(structure: Sequence[Component], lines: ByKey) -> list[Block]:
    """Components in blocks, always the same ones."""
    starts = range(0, len(structure), _SIZE)
    return [block(tuple(structure[at : at + _SIZE]), lines) for at in starts]


def changed(known: Sequence[Block], places: Iterable[int], lines: ByKey) -> list[Block]:
    """The same blocks where components at these places have other lines."""
    found = list(known)
    for at in {place // _SIZE for place in places}:
        found[at] = block(found[at].parts, lines)
    return found


def block(parts: tuple[Component, ...], lines: ByKey) -> Block:
    """One block."""
    ties = tuple([part for part in parts if not part.simple])
    return Block(parts, (ties, tuple([id(lines[key]) for part in parts for key in part.keys])))


class Transforms(Tied):
    """Transforms on one grid, computed when first asked for; parameters as of `Lines`."""

    def sum(
        self, structure: Sequence[Component], lines: ByKey, *, at_once: bool = False
    ) -> Transform:
        """Transform of the sum of independent components; ``at_once`` where none is wanted again
        with other lines.
        """
        every = [block(tuple(structure), lines)] if at_once else blocks(structure, lines)
        return self.summed(self.together(every, lines), lines)

    def together(self, blocks: Sequence[Block], lines: ByKey) -> Together:
        """What of some blocks is added up before it is transformed: the sum of lines with Poisson
        counts is compound Poisson again. The same on half the points.
        """
        new = [block for block in blocks if block.key not in self._many]
        if len(new) > 1 or len(blocks) == 1:  # of one block among others, one line is another
            known = [self.known(lines[p.keys[0]]) for b in new for p in b.parts if p.simple]
            on_grid.foresee([x.severity for own in known for x in own.parts], self._where)
        found = [self._poisson(block, lines) for block in blocks]
        events = Some.sum([own.events for own in found if own.events.number > 0.0])
        pairs = zip(blocks, found, strict=True)
        return Together(events, tuple([block for block, own in pairs if own.others]))

    def summed(self, known: Together, lines: ByKey) -> Transform:
        """Transform of the sum of all components of some blocks."""
        events, others = known.events, self._beside(known.mixed, lines)
        if events.number == 0.0:
            return capped.multiplied([] if others is None else [others], self.grid)
        logarithm = self.grid.forward(events.mass(self._whole, halved=self._halved))
        logarithm -= events.number
        total: Transform = exponential(logarithm)
        if others is not None:
            total *= others
        return total

    def _beside(self, mixed: tuple[Block, ...], lines: ByKey) -> Transform | None:
        """The product of all other components of some blocks; None of none."""
        if not mixed:
            return None
        key = tuple([block.key for block in mixed])
        found = self._here.products.peek(key)
        if found is None:
            others = self._others(mixed, lines)
            product = [own.product for own in others]
            if any(own.heavy for own in others):  # on points here, as a sum
                product.append(heavy.split(self.grid))
            mine = tuple([line for own in others for line in own.lines])
            found = mine, capped.multiplied(product, self.grid)
            self._here.products.put(key, found)
        return found[1]

    def _poisson(self, block: Block, lines: ByKey) -> _Poisson:
        """Events of the lines of a block that are simple and have Poisson counts."""
        found: _Poisson | None = self._many.peek(block.key)
        if found is not None:
            return found
        pairs, others = [], []
        for part in block.parts:
            known = self.known(lines[part.keys[0]]) if part.simple else None
            if known is None or known.law is None or self._is_heavy(known):
                others.append(part)
            else:
                pairs.append((known.mean, self._event(known.law)))
        mine = tuple([lines[key] for part in block.parts for key in part.keys])
        found = _Poisson(mine, Some.of(pairs), tuple(others))
        self._many.put(block.key, found)
        return found

    def _others(self, mixed: Sequence[Block], lines: ByKey) -> list[_Others]:
        """Of each block the product of its other components."""
        kept: Kept[_Others] = self._here.blocks
        found = {block.key: kept.peek(block.key) for block in mixed}
        new = [block for block in mixed if found[block.key] is None]
        for at in range(0, len(new), _AHEAD):
            some = new[at : at + _AHEAD]
            if not self._halved and (len(some) > 1 or len(mixed) == 1):
                self._foresee(self._laws(some, lines))
            for block in some:
                found[block.key] = kept.put(block.key, self._multiplied(block, lines))
        return [own for own in found.values() if own is not None]

    def _laws(self, mixed: Sequence[Block], lines: ByKey) -> list[Distribution]:
        """Losses per event of simple lines in blocks that are transformed by themselves."""
        parts = (part for block in mixed for part in self._poisson(block, lines).others)
        known = [self.known(lines[part.keys[0]]) for part in parts if part.simple]
        return [x.severity for own in known if not self._is_heavy(own) for x in own.parts]

    def _multiplied(self, block: Block, lines: ByKey) -> _Others:
        product: list[Transform] = []
        is_heavy = False
        mine, _, others = self._poisson(block, lines)
        for part in others:
            line = lines[part.keys[0]]
            if not part.simple:
                product.append(self.tied(part, lines))
                is_heavy = is_heavy or self._any_heavy(part, lines)
            elif self.is_heavy(line):
                product.append(self._of_many(line))
                is_heavy = True
            else:
                product.append(self._mixed(self.known(line).parts))
        return _Others(mine, capped.multiplied(product, self.grid), is_heavy)

    def _any_heavy(self, part: Component, lines: ByKey) -> bool:
        free = (key for unit in part.units if not unit.capped for key in unit.keys)
        apart = {*part.driven, *factored.keys(part, lines)}
        return any(self.is_heavy(lines[key]) for key in free if key not in apart)
