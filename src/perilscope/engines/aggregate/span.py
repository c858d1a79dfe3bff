# SPDX-License-Identifier: Apache-2.0
"""Which grid: how far it reaches and how fine it is, from the lines alone.

A lattice where every loss is a multiple of one amount; else a first look with a thousand points
tells how far to go, and the points follow from how fine the quantiles want to be.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from perilscope.engines.aggregate.capped_covers import MOST as MOST_BELOW
from perilscope.engines.aggregate.expansion import Part
from perilscope.engines.aggregate.heavy import far_events, heavy
from perilscope.engines.aggregate.structure import MANY
from perilscope.engines.grids.families import families, joined
from perilscope.engines.grids.grid import TILT, Grid
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.distributions import Beta, Distribution
from perilscope.engines.laws.jumps import atoms, jumps, unbroken, unit
from perilscope.errors import AssessmentError

USUAL, PLAIN, MOST = 2**12, 2**14, 2**17
"""Points where a law can be extrapolated, where not, and at most."""
_MOST_LATTICE, _MOST_OF_ALL = 2**19, 2**22
"""Points of a lattice at most, and of the lattices of all lines together."""
_LOOK = 2**9
_BEYOND = 2e-5  # probability left beyond the grid, a fiftieth of the rarest level shown
_OF_RARE = 0.02  # the same, of the probability that there is any loss
_UNSHARED = 1e-4  # the same for sums before a cap, where only the shares of it depend on it
_BLUR = 8.5e-5  # most that events put on points may move a quantile before extrapolation
_MOST_OF_RUNG, _DAMPED = 2**16, 15.0
"""Points of the grid of one level, at most, and its tilt."""
_UNSEEN = 2.0  # points of the first look below which a quantile is not seen
_HARD = 30.0
_STEEP = math.log2(2.2)  # power with which a distribution function begins, at most, with a step
_SWAMPED = 1e-3  # of the squared width of the tail: what events of one line may hide of it
_FINE = {USUAL: 200.0, PLAIN: 400.0}  # least number of steps below the smallest quantile shown
_LEVELS = (0.95, 0.975, 0.99, 0.999)
_LOWER = (0.02, 0.05, 0.1, 0.18, 0.28, 0.4, 0.52, 0.64, 0.75, 0.85)
"""Of the years with a loss: levels for the curve alone, where it is that wide."""
_APART = 50.0
"""Least ratio of the quantiles of two such levels."""

Look = Callable[[Grid], LossLaw]
_Events = tuple[float, float, Distribution | None]
"""Number of events, their mean size, and their law where its density may begin with a step."""


def choose(
    parts: Mapping[str, Sequence[Part]],
    caps: Sequence[float],
    look: Look,
    bare: Look,
    apart: Collection[str] = (),
    bends: Collection[float] = (),
) -> tuple[Grid, bool]:
    """Grid on which the law of the sum of all lines is computed, and whether it is fine enough.

    Parameters
    ----------
    parts : mapping of sequences of Part
        The lines by key, without beliefs.
    caps : sequence of float
        Caps on holdings, which the grid reaches and, where it can, meets in a point.
    look, bare : callable
        The law of the sum on a given grid, with and without caps.
    apart : collection of str
        Lines that nothing drives and no cap acts on, whose events need not be put on points where
        they are very many (`perilscope.engines.aggregate.heavy`).
    bends : collection of float
        Amounts that are points too, if they can be: where what counts of a loss bends.

    Raises
    ------
    AssessmentError
        Where no grid reaches far enough, naming the line that reaches farthest.
    """
    reach = _reaches(parts)
    jump = max((r[0] for r in reach.values()), default=0.0)
    mean = math.fsum(r[1] for r in reach.values())
    spread = math.sqrt(math.fsum(r[2] for r in reach.values()))
    top = jump + mean + 6.0 * spread
    if not math.isfinite(top):
        worst = max(reach, key=lambda key: reach[key][0])
        raise AssessmentError(f"{worst}: no range is wide enough for its losses")
    if top <= 0.0:
        return Grid(1.0, 64, 0.0, lattice=True), True
    points = _points(parts)
    most = max(MOST, min(_MOST_LATTICE, _MOST_OF_ALL // len(parts)))
    if points is not None:
        on_lattice = _lattice([*points, *bends], caps, top, bare, most)
        if on_lattice and not (bends and max(caps) > MOST_BELOW * on_lattice.step):
            return on_lattice, True
    return general(parts, caps, top, look, bare, apart, bends)


def rungs(
    parts: Mapping[str, Sequence[Part]],
    grid: Grid,
    look: Look,
    apart: Collection[str],
) -> list[tuple[float, Grid]]:
    """Narrower grids, one for each level at which a grid that reaches far is too coarse.

    Parameters
    ----------
    parts, look, apart
        As in `choose`; no caps.
    grid : Grid
        What was chosen.

    Returns
    -------
    list of (level, Grid)
        Ascending; empty where the grid is fine enough everywhere. What lies beyond the end of such
        a grid has half of the probability of being beyond its level, and is damped more.
    """
    top = grid.range
    found: list[tuple[float, Grid]] = []
    none = look(Grid(top / _LOOK, _LOOK)).none
    lower = [none + share * (1.0 - none) for share in _LOWER]
    last = 0.0
    for level in (*(level for level in lower if level < _LEVELS[0]), *_LEVELS):
        law, end = _far(look, top, 0.5 * (1.0 - level), 1.0)
        if law.none >= level:
            continue
        for share in (0.9, 0.99, 0.998):  # a rare large loss may begin just beyond the level
            nearer, stop = _far(look, top, share * (1.0 - level), 1.0)
            if stop < end / 4.0:
                law, end = nearer, stop
        low, before = law.var(level), 1.0 - 2.0 * (1.0 - level)
        if level < _LEVELS[0] and low < _APART * last:
            continue
        last = low
        seen = [law.var(before), low] if law.none < before else [low, 2.0 * low]
        blur = _Blur(parts, seen, apart, math.log(2.0))
        count = USUAL
        while count < _MOST_OF_RUNG and (
            end / count > low / _FINE[PLAIN] or blur(Grid(end / count, count, _DAMPED)) > _BLUR
        ):
            count *= 2
        if end / count < 0.5 * grid.step:
            plain = Grid(end / count, count, _DAMPED)
            step = _aligned(plain.step, (), _on_points(parts, apart, plain))
            found.append((level, Grid(step, count, _DAMPED)))
    return found


def _reaches(parts: Mapping[str, Sequence[Part]]) -> dict[str, tuple[float, float, float]]:
    """Far quantile of one event, then mean and variance of the total as if cut off there."""
    some = [(key, part) for key, mine in parts.items() for part in mine if part.most > 0.0]
    cuts = _cuts([(part.severity, _rare(part)) for _, part in some])
    found = dict.fromkeys(parts, (0.0, 0.0, 0.0))
    for (key, part), (end, low, second) in zip(some, cuts, strict=True):
        if not math.isfinite(end):
            raise AssessmentError(f"{key}: no range is wide enough for its losses")
        far, mean, square = found[key]
        pairs = max([counts.second_factorial - counts.mean**2 for _, counts in part.counts])
        variance = part.most * second + max(pairs, 0.0) * low**2
        found[key] = max(far, end), max(mean, part.most * low), max(square, variance)
    return found


def _rare(part: Part) -> float:
    """How rarely an event may lie beyond the end."""
    return float(max(min(_BEYOND / 4.0 / max(part.most * part.weight, 1e-300), 0.5), 1e-15))


def _cuts(wanted: Sequence[tuple[Distribution, float]]) -> list[tuple[float, float, float]]:
    """Of laws: the end or a point rarely exceeded, and their two moments cut off there."""
    ends = [law.support[1] for law, _ in wanted]
    far = [i for i, end in enumerate(ends) if end == math.inf]
    found = [
        (end, law.mean, law.second) if end < math.inf else (end, end, end)
        for end, (law, _) in zip(ends, wanted, strict=True)
    ]
    for places in families([wanted[i][0] for i in far]):
        mine = [far[place] for place in places]
        law = joined([wanted[i][0] for i in mine], [1] * len(mine))
        cut = np.asarray(law.ppf(1.0 - np.array([wanted[i][1] for i in mine])))
        rows = zip(cut.tolist(), law.lev(cut).tolist(), law.second_lev(cut).tolist(), strict=True)
        for i, row in zip(mine, rows, strict=True):
            found[i] = row
    return found


def _points(parts: Mapping[str, Sequence[Part]]) -> list[float] | None:
    """Every possible loss, or None where some have a density."""
    found: list[float] = []
    for mine in parts.values():
        for part in mine:
            values = atoms(part.severity)
            if values is None:
                return None
            found.extend(value for value, _ in values)
    return found


def _lattice(
    points: Sequence[float], caps: Sequence[float], top: float, look: Look, most: int
) -> Grid | None:
    step = unit([*points, *caps])
    if step is None or top / step > most / 4:
        return None
    count = max(_power(top / step), 64)
    while count <= most // 2:
        if look(Grid(step, count, TILT, lattice=True)).beyond < 1e-10:
            return Grid(step, 2 * count, 0.0, lattice=True)  # nothing left that could wrap around
        count *= 2
    return None


def general(
    parts: Mapping[str, Sequence[Part]],
    caps: Sequence[float],
    top: float,
    look: Look,
    bare: Look,
    apart: Collection[str],
    bends: Collection[float] = (),
) -> tuple[Grid, bool]:
    """As `choose`, where losses are not all on one lattice; ``top`` is where to look first."""
    law, end = _far(look, top, _BEYOND)
    if caps:
        # shares of a cap are taken where the sum without it stands, so that is on the grid too
        uncapped = min(_far(bare, top, _UNSHARED)[1], 64.0 * max(caps))
        end = max([end, uncapped, *(cap * 1.05 for cap in caps if cap * 1.05 < 4.0 * end)])
    quantiles = [law.var(level) for level in _LEVELS if law.none < level < 1.0 - law.beyond]
    finest = min((q for q in quantiles if q > 0.0), default=end)
    blur = _Blur(parts, quantiles, apart)

    def grid(count: int) -> Grid:
        fine = _FINE[count]
        while count < MOST and (
            end / count > finest / fine or blur(Grid(end / count, count)) > _BLUR
        ):
            count *= 2
        plain = Grid(end / count, count)
        return Grid(_aligned(plain.step, caps, _on_points(parts, apart, plain) | {*bends}), count)

    found = grid(USUAL)
    blur.refuse(found)
    # a quantile in the first points that were looked at is not known yet
    fine = found.points < MOST and all(q > _UNSEEN * law.step for q in quantiles)
    # caps, and atoms split between two points, leave what no extrapolation takes off
    if caps or not found.coarse().meets(_on_points(parts, apart, found)):
        return grid(PLAIN), fine
    return found, fine


def _on_points(
    parts: Mapping[str, Sequence[Part]], apart: Collection[str], grid: Grid
) -> set[float]:
    """Where losses that are put on the points of a grid have atoms."""
    found = set[float]()
    for key, own in parts.items():
        if own[0].most < MANY or key not in apart or not heavy(own, grid):
            found.update(*[jumps(x.severity) for x in own if not unbroken(x.severity)])
    return found


class _Blur:
    """What events on points do to quantiles before extrapolation.

    An event put on points h apart gains a variance of h² / 6, or of h E X where X is less than a
    step; a variance of V moves a quantile q by V / 2s where the tail falls by e over s. Of very
    many small events only the sum is put on points, and the few that are large. Between the first
    and the last quantile given the tail falls by e as often as ``falls`` says.
    """

    def __init__(
        self,
        parts: Mapping[str, Sequence[Part]],
        quantiles: Sequence[float],
        apart: Collection[str],
        falls: float = 4.0,
    ) -> None:
        self._parts = parts
        self._few: list[_Events] = []
        self._many: dict[str, list[_Events]] = {}
        for key, mine in parts.items():
            own = []
            for part in mine:
                law = part.severity if part.severity.support[0] > 0.0 else None
                own.append((part.events, part.severity.mean, law))
            often = mine[0].most >= MANY and key in apart
            if often and min(c.mean for x in mine for _, c in x.counts) >= MANY:
                self._many[key] = own
            else:
                self._few += own
        seen = [q for q in quantiles if q > 0.0]
        self._least = seen[0] if seen else math.inf
        wide = max((seen[-1] - seen[0]) / falls, 1e-3 * seen[0]) if len(seen) > 1 else math.inf
        self._scale = wide

    def __call__(self, grid: Grid) -> float:
        """How far, relative, the points of a grid move quantiles."""
        here = list(self._few)
        for key, own in self._many.items():
            mine = self._parts[key]
            on_points = [(1.0 + far_events(mine, grid), grid.step, None)]
            here += on_points if heavy(mine, grid) else own
        return _gained(here, grid.step) / (2.0 * self._scale * self._least)

    def refuse(self, grid: Grid) -> None:
        """Refuse lines of so many events that the points of a grid would hide their sum."""
        for key, own in self._many.items():
            if heavy(self._parts[key], grid):
                continue
            hidden = all(
                grid.step * x.severity.mean > 0.5 * float(x.severity.second_lev(grid.range))
                for x in self._parts[key]
            )
            if hidden and _gained(own, grid.step) > _SWAMPED * self._scale**2:
                number = math.fsum(n for n, *_ in own)
                raise AssessmentError(
                    f"{key}: {number:.2g} events are too many to be added up one by one; write "
                    "what those of a day or an hour cost together as one event, and how often "
                    "there is one"
                )


def _gained(events: Iterable[_Events], step: float) -> float:
    """Variance that so many events of such mean sizes gain on points a step apart.

    Where a law begins about a step from zero with a step in its density, extrapolation takes off
    less of it, so it counts as more.
    """
    return math.fsum(
        n
        * step
        * min(step / 6.0, size)
        * (_HARD if law is not None and _is_hard(law, step) else 1.0)
        for n, size, law in events
    )


def _is_hard(law: Distribution, step: float) -> bool:
    """Whether a law begins about a step from zero with a step in its density."""
    return 0.2 * step < law.support[0] < 4.0 * step and _begins(law) > 0.0


@functools.lru_cache(maxsize=2**12)
def _begins(law: Distribution) -> float:
    """The least value of a law whose density begins there with a step; else zero."""
    low = law.support[0]
    if not 0.0 < low < law.mean < math.inf:
        return 0.0
    if type(law) is Beta:  # its distribution function begins as a power
        return low if law.a < _STEEP else 0.0
    reach = 1e-4 * (law.mean - low)
    half, whole = law.cdf(np.array([low + 0.5 * reach, low + reach]))
    return low if 0.0 < whole < 2.0**_STEEP * half and float(law.cdf(low)) == 0.0 else 0.0


def _far(look: Look, top: float, beyond: float, of_rare: float = _OF_RARE) -> tuple[LossLaw, float]:
    """A first law, and a point beyond which the sum lies with about the given probability."""
    law = look(Grid(top / _LOOK, _LOOK))
    # of a loss that is rarer itself most of its law is wanted all the same
    beyond = max(min(beyond, of_rare * (1.0 - law.none)), 1e-11)
    far = 0
    for _ in range(40):
        far = int(np.searchsorted(law.cumulative, 1.0 - beyond))
        if far >= _LOOK:
            top *= 4.0
        elif far < _LOOK // 64 and law.none < 1.0 - beyond:
            top *= (far + 4) / _LOOK * 4.0
        else:
            break
        law = look(Grid(top / _LOOK, _LOOK))
    return law, (far + 4) * top / _LOOK * 1.1


def _aligned(step: float, caps: Sequence[float], atoms_at: Iterable[float]) -> float:
    """A step a little above the given one, of which what is wanted is an even multiple.

    Of all atoms and caps if they have a common unit, else of all caps, else of the greatest.
    """
    every = [*caps, *sorted(atoms_at)]
    greatest = max((x for x in every if x >= 8.0 * step), default=0.0)
    for wanted in (every, caps, [max(caps, default=0.0)], [greatest]):
        common = unit(wanted)
        if common is not None and common >= 8.0 * step:
            return common / (2.0 * math.floor(common / (2.0 * step)))
    return step


def _power(count: float) -> int:
    return 1 << max(math.ceil(math.log2(max(count, 1.0))), 0)
