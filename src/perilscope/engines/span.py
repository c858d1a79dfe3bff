# SPDX-License-Identifier: Apache-2.0
"""Which grid: how far it reaches and how fine it is, from the lines alone.

A lattice where every loss is a multiple of one amount; else a first look with a thousand points
tells how far to go, and the points follow from how fine the quantiles want to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from perilscope.engines.expansion import Part
from perilscope.engines.grid import TILT, Grid, atoms, unit
from perilscope.engines.loss import LossLaw
from perilscope.errors import AssessmentError

USUAL, MOST = 2**14, 2**17
_LOOK = 2**10
_BEYOND = 2e-5  # probability left beyond the grid, a fiftieth of the rarest level shown
_UNSHARED = 1e-4  # the same for sums before a cap, where only the shares of it depend on it
_FINE = 400.0  # least number of steps below the smallest quantile shown
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
    reach = {key: _reach(mine, key) for key, mine in parts.items()}
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
    return _lattice(points, caps, top, bare) or _general(points, caps, top, look, bare)


def _reach(parts: Sequence[Part], key: str) -> tuple[float, float, float]:
    """Far quantile of one event, then mean and variance of the total as if cut off there."""
    far, mean, square = 0.0, 0.0, 0.0
    for part in parts:
        events = max(counts.mean for _, counts in part.counts)
        pairs = max(counts.second_factorial - counts.mean**2 for _, counts in part.counts)
        if events <= 0.0:
            continue
        rare = min(_BEYOND / 4.0 / max(events * part.weight, 1e-300), 0.5)
        high = part.severity.support[1]
        cut = high if high < math.inf else float(part.severity.ppf(1.0 - max(rare, 1e-15)))
        if not math.isfinite(cut):
            raise AssessmentError(f"{key}: no range is wide enough for its losses")
        low = float(part.severity.lev(cut))
        far = max(far, cut)
        mean = max(mean, events * low)
        second = float(part.severity.second_lev(cut))
        square = max(square, events * second + max(pairs, 0.0) * low**2)
    return far, mean, square


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
    points: Sequence[float] | None, caps: Sequence[float], top: float, look: Look
) -> Grid | None:
    step = unit([*points, *caps]) if points is not None else None
    if step is None or top / step > MOST / 4:
        return None
    count = max(_power(top / step), 64)
    while count <= MOST // 2:
        if look(Grid(step, count, TILT, lattice=True)).beyond < 1e-10:
            return Grid(step, 2 * count, 0.0, lattice=True)  # nothing left that could wrap around
        count *= 2
    return None


def _general(
    points: Sequence[float] | None, caps: Sequence[float], top: float, look: Look, bare: Look
) -> Grid:
    law, end = _far(look, top, _BEYOND)
    if caps:
        # shares of a cap are taken where the sum without it stands, so that is on the grid too
        uncapped = min(_far(bare, top, _UNSHARED)[1], 64.0 * max(caps))
        end = max([end, uncapped, *(cap * 1.05 for cap in caps if cap * 1.05 < 4.0 * end)])
    quantiles = [law.var(level) for level in _LEVELS if law.none < level < 1.0 - law.beyond]
    finest = min((q for q in quantiles if q > 0.0), default=end) / _FINE
    count = USUAL
    while count < MOST and end / count > finest:
        count *= 2
    return Grid(_aligned(end / count, [*caps, *(points or [])]), count)


def _far(look: Look, top: float, beyond: float) -> tuple[LossLaw, float]:
    """A first law, and a point beyond which the sum lies with about the given probability."""
    law = look(Grid(top / _LOOK, _LOOK))
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


def _aligned(step: float, wanted: Sequence[float]) -> float:
    """A step a little above the given one, of which what is wanted is an even multiple."""
    common = unit(wanted)
    if common is None or common < 8.0 * step:
        common = max((x for x in wanted if x >= 8.0 * step), default=None)
    if common is None:
        return step
    return common / (2.0 * math.floor(common / (2.0 * step)))


def _power(count: float) -> int:
    return 1 << max(math.ceil(math.log2(max(count, 1.0))), 0)
