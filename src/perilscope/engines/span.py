# SPDX-License-Identifier: Apache-2.0
"""Which grid: how far it reaches and how fine it is, from the lines alone.

A lattice where every loss is a multiple of one amount; else a first look with a thousand points
tells how far to go, and the points follow from how fine the quantiles want to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from perilscope.engines.distributions import Distribution
from perilscope.engines.expansion import Part
from perilscope.engines.grid import TILT, Grid, atoms, jumps, unit
from perilscope.engines.limited import families, joined
from perilscope.engines.loss import LossLaw
from perilscope.errors import AssessmentError

USUAL, PLAIN, MOST = 2**12, 2**14, 2**17
"""Points where a law can be extrapolated, where not, and at most."""
_LOOK = 2**9
_BEYOND = 2e-5  # probability left beyond the grid, a fiftieth of the rarest level shown
_OF_RARE = 0.02  # the same, of the probability that there is any loss
_UNSHARED = 1e-4  # the same for sums before a cap, where only the shares of it depend on it
_BLUR = 1e-4  # most that events put on points may move a quantile before extrapolation
_FINE = {USUAL: 200.0, PLAIN: 400.0}  # least number of steps below the smallest quantile shown
_LEVELS = (0.95, 0.975, 0.99, 0.999)

Look = Callable[[Grid], LossLaw]


def choose(
    parts: Mapping[str, Sequence[Part]], caps: Sequence[float], look: Look, bare: Look
) -> Grid:
    """Grid on which the law of the sum of all lines is computed.

    Parameters
    ----------
    parts : mapping of sequences of Part
        The lines by key, without beliefs.
    caps : sequence of float
        Caps on holdings, which the grid reaches and, where it can, meets in a point.
    look, bare : callable
        The law of the sum on a given grid, with and without caps.

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
        return Grid(1.0, 64, 0.0, lattice=True)
    points = _points(parts)
    on_lattice = _lattice(points, caps, top, bare) if points is not None else None
    return on_lattice or _general(parts, caps, top, look, bare)


def _reaches(parts: Mapping[str, Sequence[Part]]) -> dict[str, tuple[float, float, float]]:
    """Far quantile of one event, then mean and variance of the total as if cut off there."""
    rare = {key: [_rare(part) for part in mine] for key, mine in parts.items()}
    cut = _cuts(
        (part.severity, p)
        for key, mine in parts.items()
        for part, p in zip(mine, rare[key], strict=True)
        if p is not None
    )
    found = {}
    for key, mine in parts.items():
        far, mean, square = 0.0, 0.0, 0.0
        for part, p in zip(mine, rare[key], strict=True):
            if p is None:
                continue
            end, low, second = cut[part.severity, p]
            if not math.isfinite(end):
                raise AssessmentError(f"{key}: no range is wide enough for its losses")
            events = max(counts.mean for _, counts in part.counts)
            pairs = max(counts.second_factorial - counts.mean**2 for _, counts in part.counts)
            far = max(far, end)
            mean = max(mean, events * low)
            square = max(square, events * second + max(pairs, 0.0) * low**2)
        found[key] = far, mean, square
    return found


def _rare(part: Part) -> float | None:
    """How rarely an event may lie beyond the end; None where there are no events."""
    events = max(counts.mean for _, counts in part.counts)
    if events <= 0.0:
        return None
    return max(min(_BEYOND / 4.0 / max(events * part.weight, 1e-300), 0.5), 1e-15)


def _cuts(
    wanted: Iterable[tuple[Distribution, float]],
) -> dict[tuple[Distribution, float], tuple[float, float, float]]:
    """Of laws: the end or a point rarely exceeded, and their two moments cut off there."""
    found = {}
    far = []
    for law, rare in dict.fromkeys(wanted):
        high = law.support[1]
        if high < math.inf:
            found[law, rare] = high, float(law.mean), float(law.second)
        else:
            far.append((law, rare))
    for places in families([law for law, _ in far]):
        mine = [far[place] for place in places]
        law = joined([law for law, _ in mine], [1] * len(mine))
        cut = np.asarray(law.ppf(1.0 - np.array([rare for _, rare in mine])))
        rows = zip(
            mine, cut, np.asarray(law.lev(cut)), np.asarray(law.second_lev(cut)), strict=True
        )
        for pair, *row in rows:
            found[pair] = float(row[0]), float(row[1]), float(row[2])
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


def _lattice(points: Sequence[float], caps: Sequence[float], top: float, look: Look) -> Grid | None:
    step = unit([*points, *caps])
    if step is None or top / step > MOST / 4:
        return None
    count = max(_power(top / step), 64)
    while count <= MOST // 2:
        if look(Grid(step, count, TILT, lattice=True)).beyond < 1e-10:
            return Grid(step, 2 * count, 0.0, lattice=True)  # nothing left that could wrap around
        count *= 2
    return None


def _general(
    parts: Mapping[str, Sequence[Part]], caps: Sequence[float], top: float, look: Look, bare: Look
) -> Grid:
    law, end = _far(look, top, _BEYOND)
    if caps:
        # shares of a cap are taken where the sum without it stands, so that is on the grid too
        uncapped = min(_far(bare, top, _UNSHARED)[1], 64.0 * max(caps))
        end = max([end, uncapped, *(cap * 1.05 for cap in caps if cap * 1.05 < 4.0 * end)])
    quantiles = [law.var(level) for level in _LEVELS if law.none < level < 1.0 - law.beyond]
    finest = min((q for q in quantiles if q > 0.0), default=end)
    blur = _blur(parts, quantiles)
    atoms_at = set[float]().union(*(jumps(x.severity) for mine in parts.values() for x in mine))

    def grid(count: int) -> Grid:
        fine = _FINE[count]
        while count < MOST and (end / count > finest / fine or blur(end / count) > _BLUR):
            count *= 2
        return Grid(_aligned(end / count, caps, atoms_at), count)

    found = grid(USUAL)
    # caps, and atoms split between two points, leave what no extrapolation takes off
    return grid(PLAIN) if caps or not found.coarse().meets(atoms_at) else found


def _blur(
    parts: Mapping[str, Sequence[Part]], quantiles: Sequence[float]
) -> Callable[[float], float]:
    """How far, relative, a step moves quantiles before extrapolation.

    An event put on points h apart gains a variance of h² / 6, or of h E X where X is less than a
    step; a variance of V moves a quantile q by V / 2s where the tail falls by e over s.
    """
    events: list[tuple[float, float]] = []
    for mine in parts.values():
        for part in mine:
            mean = math.fsum(w * counts.mean for w, counts in part.counts)
            events.append((part.weight * mean, part.severity.mean))
    seen = [q for q in quantiles if q > 0.0]
    scale = max((seen[-1] - seen[0]) / 4.0, 1e-3 * seen[0]) if len(seen) > 1 else math.inf

    def blur(step: float) -> float:
        variance = math.fsum(n * step * min(step / 6.0, size) for n, size in events)
        return variance / (2.0 * scale * seen[0]) if seen else 0.0

    return blur


def _far(look: Look, top: float, beyond: float) -> tuple[LossLaw, float]:
    """A first law, and a point beyond which the sum lies with about the given probability."""
    law = look(Grid(top / _LOOK, _LOOK))
    # of a loss that is rarer itself most of its law is wanted all the same
    beyond = max(min(beyond, _OF_RARE * (1.0 - law.none)), 1e-11)
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
