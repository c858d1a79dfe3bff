# SPDX-License-Identifier: Apache-2.0
"""What is not known, apart from chance, of the joint law: figures given the beliefs of all lines.

Each draw of the beliefs gives a law of everything, the market and the networks as they are; what is
shown is how far these laws lie apart. The grid is coarse, and so are the cells of prices: every
figure is moved by as much as the law differs from the same with the beliefs averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import band as beliefs
from perilscope.engines.aggregate.band import Band, Interval
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.replaced import Exchanged
from perilscope.engines.joint.window import Window
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]

DRAWS = 128
_POINTS = 2**12
_CELLS = 16
"""Most cells of prices."""


@dataclass(frozen=True)
class JointBand:
    """90 % credible intervals of figures of the joint law, over the beliefs of all lines.

    Parameters
    ----------
    mean : Interval
    var, cvar : mapping of level to Interval
        In money.
    curve : Band
        Exceedance curve with its band.
    draws : int
        Of the beliefs; 0 where nothing is believed.
    """

    mean: Interval
    var: Mapping[float, Interval]
    cvar: Mapping[float, Interval]
    curve: Band
    draws: int


def band(
    joint: Joint,
    law: SignedLaw,
    levels: Sequence[float],
    *,
    seed: int,
    draws: int = DRAWS,
    points: int = 60,
) -> JointBand:
    """Figures and exceedance curve of the sum of everything with 90 % credible intervals.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    levels : sequence of float
    seed : int
        Names the streams: beliefs are drawn as in `perilscope.engines.aggregate.band.band`.
    draws : int
        How often the beliefs are drawn; at least 20.
    points : int
        About how many losses the curve has.

    Raises
    ------
    MisuseError
        For fewer than 20 draws.
    """
    values = beliefs.drawn(joint.register, seed, draws)
    curve = law.curve(points)
    losses = np.array([x for x, _ in curve])
    predictive = np.array([p for _, p in curve])
    if not values:
        return _certain(law, levels, losses, predictive)
    base, *laws = _laws(joint, values, draws)
    rows = np.array([[own.exceed(x) for x in losses] for own in laws])
    rows += predictive - np.array([base.exceed(x) for x in losses])
    rows = np.clip(rows, 0.0, 1.0)
    ends = [beliefs.quantile(rows, share) for share in (beliefs.LOW, 0.5, beliefs.HIGH)]
    return JointBand(
        mean=_around(law.mean, [own.mean for own in laws], base.mean),
        var={a: _around(law.var(a), [_var(x, a) for x in laws], base.var(a)) for a in levels},
        cvar={a: _around(law.cvar(a), [_cvar(x, a) for x in laws], base.cvar(a)) for a in levels},
        curve=Band(
            losses, ends[0][0], ends[1][0], ends[2][0], ends[0][1], ends[2][1], predictive, draws
        ),
        draws=draws,
    )


def _certain(
    law: SignedLaw, levels: Sequence[float], losses: Array, predictive: Array
) -> JointBand:
    """Nothing is believed: every interval is the figure itself."""
    none = np.zeros_like(predictive)
    flat = Band(losses, predictive, predictive, predictive, none, none, predictive, 0)
    return JointBand(
        Interval(law.mean, law.mean),
        {a: Interval(law.var(a), law.var(a)) for a in levels},
        {a: Interval(law.cvar(a), law.cvar(a)) for a in levels},
        flat,
        0,
    )


def _laws(joint: Joint, values: beliefs.Values, draws: int) -> Iterator[SignedLaw]:
    """The law with the beliefs averaged, then that of each draw, on a coarse window."""
    plain = _coarse(joint)
    lines, weights = plain.register.lines, plain.weights
    yield _read(plain, plain.fine.law(weights))
    for d in range(draws):
        known = {
            key: beliefs.given_all(lines[key], [float(column[d]) for column in columns])
            for key, columns in values.items()
        }
        yield _read(plain, Exchanged(plain, known).side.law(weights))


def _coarse(joint: Joint) -> Joint:
    """The same on a coarse window, with few cells of prices."""
    wide, few = joint.window, min(_POINTS, joint.window.grid.points)
    step = wide.grid.step * wide.grid.points / few
    if wide.grid.lattice:
        few, step = wide.grid.points, wide.grid.step
    grid = Grid(step, few, wide.grid.tilt, lattice=wide.grid.lattice)
    window = Window(grid, 2 * math.ceil(-wide.low / step / 2.0))
    few = min(joint.count, _CELLS)
    return Joint(
        joint.register, joint.interfaces, joint.scenarios, joint.tokens, wide=window, cells=few
    )


def _read(joint: Joint, mass: Array) -> SignedLaw:
    """A law on the window, its mean by the window itself."""
    places = joint.window.low + joint.window.grid.places
    return SignedLaw(joint.window, mass, mean=float(mass @ places), sd=math.nan)


def _var(law: SignedLaw, level: float) -> float:
    try:
        return law.var(level)
    except AssessmentError:
        return math.inf


def _cvar(law: SignedLaw, level: float) -> float:
    try:
        return law.cvar(level)
    except AssessmentError:
        return math.inf


def _around(figure: float, given: Sequence[float], base: float) -> Interval:
    found = beliefs.interval(np.array(given))
    apart = figure - base
    return Interval(found.low + apart, found.high + apart, found.low_error, found.high_error)
