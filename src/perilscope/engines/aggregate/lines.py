# SPDX-License-Identifier: Apache-2.0
"""Lines by themselves on one grid: transforms of their losses per event and of their totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import events, heavy
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.expansion import Part, parts
from perilscope.engines.aggregate.known import Known, known_of, zero
from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.kept import Kept
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.laws.exponentials import exponential

Array = npt.NDArray[np.float64]
ByKey = Mapping[str, Compound]
_Line = tuple[Compound, bool, Transform]

_TRANSFORMED: Kept[Transform] = Kept(2**27, lambda found: found.nbytes)
"""Transforms of losses per event, where each is wanted by itself."""
LINES = 2**28
"""Most bytes kept of the lines of a register and of those that differ from it in a few."""
_MANY = 2**14
_AT_ONCE = 16
"""Losses per event that are put on points together."""


def _size(found: Sequence[object]) -> int:
    """Bytes of what is kept with the lines it came from."""
    return sum([x.nbytes for x in found if isinstance(x, np.ndarray)])


def _weight(found: Any) -> int:
    return int(found.events.nbytes) + 64


class _Anywhere:
    """What is kept of lines on any grid: lines that are driven, and others, by what they are."""

    def __init__(self) -> None:
        self.parts: Kept[tuple[Compound, tuple[Part, ...]]] = Kept(_MANY)
        self.known: Kept[Known] = Kept(_MANY)


class _Here:
    """What is kept of one grid: transforms of lines, of components, of blocks of these and
    products of such blocks.
    """

    def __init__(self) -> None:
        self.lines: Kept[_Line] = Kept(LINES, _size)
        self.tied: Kept[tuple[tuple[Compound, ...], Transform]] = Kept(LINES // 4, _size)
        self.blocks: Kept[Any] = Kept(LINES, _size)
        self.products: Kept[tuple[tuple[Compound, ...], Transform]] = Kept(LINES // 4, _size)


class Lines:
    """Lines on one grid, each by itself, computed when first asked for.

    Parameters
    ----------
    grid : Grid
        The grid.
    effort : int
        Effort of the integrals over beliefs, see `perilscope.engines.laws.quadrature.nodes`.
    halved : bool
        Whether to stand on half the points of the grid.
    sharp : bool
        Whether losses below a step are spread for extrapolation, see
        `perilscope.engines.grids.grid.share`; a first look does without.
    held : int
        Points below the cap of a holding whose events are taken in turn.
    like : Lines, optional
        Lines of the same effort, on the same points, that are kept together with these; on other
        points only the integrals over beliefs.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        effort: int = 2,
        halved: bool = False,
        sharp: bool = True,
        held: int = 1024,
        like: Self | None = None,
    ) -> None:
        self.grid = grid.coarse() if halved else grid
        self._held = held
        self.effort, self._whole, self._halved, self._sharp = effort, grid, halved, sharp
        near = like is not None and like._whole == grid and like._sharp == sharp
        same = like is not None and like.grid == self.grid
        self._where: events.Where = like._where if like and near else events.where(grid, sharp)
        self._anywhere: _Anywhere = like._anywhere if like else _Anywhere()
        self._many: Kept[Any] = like._many if like and near else Kept(LINES, _weight)
        self._here: _Here = like._here if like and same else _Here()

    # --- losses per event

    def mass(self, law: Distribution) -> Array:
        """Probabilities of a loss per event on the grid."""
        return self._event(law).mass(self._whole, halved=self._halved)

    def masses(self, laws: Sequence[Distribution]) -> Iterator[Array]:
        """The same of many laws, a few at a time, which costs less than one by one."""
        for first in range(0, len(laws), _AT_ONCE):
            some = [self._event(law) for law in laws[first : first + _AT_ONCE]]
            if self._halved:
                yield from (each.mass(self._whole, halved=True) for each in some)
            else:
                yield from events.masses(some, self._whole)

    def excess(self, law: Distribution) -> float:
        """Expected excess of a loss per event over the end of the grid."""
        return self._event(law).excess

    def _event(self, law: Distribution) -> events.Event:
        """A loss per event on the grid."""
        return events.known(law, self._where)

    def severity(self, law: Distribution) -> Transform:
        """Transform of a loss per event."""
        return self._severity(law, halved=self._halved)

    def _severity(self, law: Distribution, *, halved: bool) -> Transform:
        key = law, self._where, halved
        found = _TRANSFORMED.peek(key)
        if found is None:
            event = self._event(law)
            if halved and event.alike:
                found = self._whole.thinned(self._severity(law, halved=False))
            else:
                found = self._on(halved).forward(event.mass(self._whole, halved=halved))
            _TRANSFORMED.put(key, found)
        return found

    def _on(self, halved: bool) -> Grid:
        return self.grid if halved == self._halved else self._whole

    def _foresee(self, laws: Iterable[Distribution]) -> None:
        """Have transforms of losses per event known that are wanted by themselves."""
        keys = {law: (law, self._where, False) for law in laws}
        wanted = [law for law, key in keys.items() if key not in _TRANSFORMED]
        rows = events.masses([self._event(law) for law in wanted], self._whole)
        for law, mass in zip(wanted, rows, strict=True):
            _TRANSFORMED.put(keys[law], self._whole.forward(mass))

    # --- lines

    def known(self, line: Compound) -> Known:
        """What a line is that is not driven, found once."""
        found = self._anywhere.known.peek(id(line))
        return found or self._anywhere.known.put(id(line), known_of(line, self.effort))

    def parts(self, line: Compound, driven: bool) -> tuple[Part, ...]:
        """A line as a mixture without beliefs."""
        if not driven:
            return self.known(line).parts
        return self._anywhere.parts.get(
            id(line), lambda: (line, parts(line, driven=True, effort=self.effort))
        )[1]

    def rate(self, line: Compound) -> tuple[float, Distribution] | None:
        """Mean of a line's counts and its loss per event; None where its counts are not Poisson,
        or it is heavy.
        """
        found = self.known(line)
        return None if found.law is None or self._is_heavy(found) else (found.mean, found.law)

    def is_heavy(self, line: Compound) -> bool:
        """Whether a line that is not driven has very many events, small against a step."""
        return self._is_heavy(self.known(line))

    def _is_heavy(self, found: Known) -> bool:
        return found.many and heavy.heavy(found.parts, self._whole)

    def line(self, line: Compound, driven: bool) -> Transform:
        """Transform of a line's total over its horizon; given some event, where it is driven."""
        _, logarithm, found = self._line(line, driven)
        return exponential(found) if logarithm else found

    def _line(self, line: Compound, driven: bool) -> _Line:
        """A line's transform, or its logarithm where its counts are Poisson (then True).

        Logarithms of many lines are added up before one exponential is taken.
        """
        return self._here.lines.get((id(line), driven), lambda: self._transformed(line, driven))

    def _transformed(self, line: Compound, driven: bool) -> _Line:
        found = None if driven else self.known(line)
        if found is not None and self._is_heavy(found):
            return line, False, self._of_many(line)
        if found is not None and found.law is not None:
            logarithm = self.severity(found.law) * found.mean
            logarithm -= found.mean
            return line, True, logarithm
        return line, False, self._mixed(self.parts(line, driven))

    def _mixed(self, mixed: Sequence[Part]) -> Transform:
        """Transform of a line that is given as a mixture."""
        if len(mixed) == 1 and len(mixed[0].counts) == 1:
            found: Transform = mixed[0].counts[0][1].pgf(self.severity(mixed[0].severity))
            return found
        total = self._nothing_lost()
        for part in mixed:
            z = self.severity(part.severity)
            for weight, counts in part.counts:
                total += part.weight * weight * counts.pgf(z)
        return total

    def _of_many(self, line: Compound) -> Transform:
        """Transform of the total of a heavy line, before it is put on points."""
        total = self._nothing_lost()
        for part in self.parts(line, False):
            alone = all(isinstance(counts, Poisson) for _, counts in part.counts)
            most = min(counts.mean for _, counts in part.counts) if alone else 0.0
            left = heavy.below_one(part.severity, self.grid, most, halved=self._halved)
            for weight, counts in part.counts:
                if isinstance(counts, Poisson):
                    total += part.weight * weight * np.exp(-counts.mean * left)
                else:
                    total += part.weight * weight * counts.pgf(1.0 - left)
        return total

    def nothing(self, line: Compound, *, driven: bool) -> float:
        """Probability that a line loses nothing."""
        return zero(self.parts(line, True)) if driven else self.known(line).none

    def _nothing_lost(self) -> Transform:
        """Zero at every frequency: what mixtures are added up from."""
        return np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
