# SPDX-License-Identifier: Apache-2.0
"""What a cover pays for the losses of some lines, and what is left: the law of the net total.

Per event a cover pays y = share x min((x - deductible)+, limit); of the sum Y of a year it pays
R = min((Y - annual deductible)+, annual limit). Net of it the lines cost Z + g(Y), with Z the sum
of what each event leaves and g(y) = y - R(y). Terms of the year act on the sum, so that Z and Y are
wanted together: their joint law is found by a transform in two dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.fft

from perilscope.engines.compound import Compound
from perilscope.engines.counts import CountLaw
from perilscope.engines.distributions import Distribution, Layered, Retained
from perilscope.engines.expansion import Part, parts
from perilscope.engines.grid import Grid, Transform, atoms, place, spread, unit
from perilscope.engines.limited import limited
from perilscope.engines.loss import LossLaw, Others
from perilscope.engines.register import Register
from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]

_NET, _CEDED = 2**12, 2**9
_TILT = 10.0
_RARE = 1e-7


@dataclass(frozen=True)
class Terms:
    """Terms of a cover, in money; `share` is what it bears of each layer (coinsurance).

    Examples
    --------
    >>> terms = Terms(deductible=100.0, limit=500.0, share=0.9, annual_limit=800.0)
    >>> terms.of_event(1_000.0), float(terms.of_year(np.array([900.0]))[0])
    (450.0, 800.0)
    """

    deductible: float = 0.0
    limit: float = math.inf
    share: float = 1.0
    annual_deductible: float = 0.0
    annual_limit: float = math.inf

    def __post_init__(self) -> None:
        amounts = (self.deductible, self.limit, self.annual_deductible, self.annual_limit)
        if any(math.isnan(x) or x < 0.0 for x in amounts) or not 0.0 <= self.share <= 1.0:
            raise MisuseError("terms of a cover are not negative, and its share is at most 1")

    @property
    def annual(self) -> bool:
        """Whether terms act on the sum of a year."""
        return self.annual_deductible > 0.0 or math.isfinite(self.annual_limit)

    def of_event(self, x: float) -> float:
        """What is paid for one loss, before terms of the year."""
        return self.share * min(max(x - self.deductible, 0.0), self.limit)

    def of_year(self, y: Array) -> Array:
        """What is paid of a year's sum."""
        paid: Array = np.minimum(np.maximum(y - self.annual_deductible, 0.0), self.annual_limit)
        return paid


@dataclass(frozen=True)
class Covered:
    """The total net of a cover, and what the cover pays.

    Parameters
    ----------
    net : LossLaw
        Law of the sum of all lines, net.
    pays : float
        Expected payments over the horizon.
    pays_something, exhausted : float
        Probability of any payment, and that the annual limit is reached.
    """

    net: LossLaw
    pays: float
    pays_something: float
    exhausted: float


def covered(register: Register, keys: Sequence[str], terms: Terms) -> Covered:
    """The register net of one cover of some of its lines.

    Parameters
    ----------
    register : Register
        All lines, gross.
    keys : sequence of str
        Lines that the cover pays for.
    terms : Terms

    Raises
    ------
    AssessmentError
        Terms of the year over a horizon that is not one, or on lines that depend on others: a
        driver, a shared belief or a capped holding.
    """
    _check(register, keys, terms)
    lines = {key: register.lines[key] for key in keys}
    ceded = [_each(line, partial(_layered, terms)) for line in lines.values()]
    law = register.subset(list(keys)).with_(ceded).law()
    if not terms.annual:
        net = register.with_([_each(line, partial(_retained, terms)) for line in lines.values()])
        return Covered(net.law(), law.mean, 1.0 - law.none, 0.0)
    top = terms.annual_deductible + terms.annual_limit
    upper = law.mean if math.isinf(top) else law.limited(min(top, law.grid.range))
    pays = upper - law.limited(min(terms.annual_deductible, law.grid.range))
    return Covered(
        _net(register, lines, terms, pays, _reach(law, top)),
        pays,
        law.exceed(terms.annual_deductible),
        0.0 if math.isinf(top) else law.exceed(max(top - 1e-6 * law.step, 0.0)),
    )


def _reach(ceded: LossLaw, top: float) -> float:
    """How far the ceded sum is looked at: to where hardly any of it lies, and beyond the limit."""
    far = int(np.searchsorted(ceded.cumulative, 1.0 - _RARE)) + 2
    enough = min(far * 1.1 * ceded.step, ceded.grid.range)
    return max(enough, 1.1 * top) if math.isfinite(top) and top < ceded.grid.range else enough


def _check(register: Register, keys: Sequence[str], terms: Terms) -> None:
    for key in keys:
        part, line = register.component_of(key), register.lines[key]
        if any(unit.capped and key in unit.keys for unit in part.units):
            raise AssessmentError(
                f"the year's loss of {key} is capped by a holding, and what a cover pays beside "
                "that cap is not computed: say `refilled: yes`, or leave out `at_most`"
            )
        if terms.annual and line.years != 1.0:
            raise AssessmentError("terms of the year are applied to one year: look one year ahead")
        if terms.annual and not part.simple:
            raise AssessmentError(
                f"terms of the year on {key}, which shares a driver, a factor or a shock with "
                "others: only terms per event can be applied there"
            )


def _layered(terms: Terms, x: Distribution) -> Distribution:
    return Layered(x, terms.deductible, terms.limit, terms.share)


def _retained(terms: Terms, x: Distribution) -> Distribution:
    return Retained(x, terms.deductible, terms.limit, terms.share)


def _each(line: Compound, change: Callable[[Distribution], Distribution]) -> Compound:
    """The line with another loss for each event."""

    def build(theta: tuple[float, ...], years: float) -> tuple[CountLaw, Distribution]:
        counts, loss = line.build(theta, years)
        return counts, change(loss)

    return replace(line, build=build)


def _net(
    register: Register, lines: Mapping[str, Compound], terms: Terms, pays: float, most: float
) -> LossLaw:
    """Law of everything net of the cover.

    ``most`` is how far the ceded sum reaches; what would be ceded beyond stays with us. Beside the
    law stands that on half the points, for its error, unless every amount is on a lattice.
    """
    mean = math.fsum(register.means.values()) - pays
    gross = register.law()
    leaves = terms.deductible > 0.0 or terms.share < 1.0 or terms.annual_deductible > 0.0

    def law(grid: Grid, ceded: Grid, others: Others | None = None) -> LossLaw:
        net = _joint(lines, terms, grid, ceded)
        rest = [key for key in register.lines if key not in lines]
        if rest:
            net = net * grid.forward(register.subset(rest).on(grid).law().mass)
        mass = grid.back(net)
        inside = math.fsum((mass * (grid.places - mean) ** 2).tolist())
        none = gross.none if leaves else min(max(float(mass[0]), 0.0), 1.0)
        return LossLaw(
            grid,
            mass,
            mean=mean,
            sd=math.sqrt(max(inside, 0.0)),
            none=none,
            excess=gross.excess,
            others=others,
        )

    found = _lattice(register, lines, terms) if gross.grid.lattice else None
    if found is not None:
        return law(*found)
    reach = gross.grid.range
    coarse = law(
        Grid(2 * reach / _NET, _NET // 2, _TILT), Grid(2 * most / _CEDED, _CEDED // 2, _TILT)
    )
    grids = Grid(reach / _NET, _NET, _TILT), Grid(most / _CEDED, _CEDED, _TILT)
    return law(*grids, lambda this, _x: [(this, coarse)])


def _lattice(
    register: Register, lines: Mapping[str, Compound], terms: Terms
) -> tuple[Grid, Grid] | None:
    """Grids on which what events leave and what is ceded are whole steps, where these are few."""
    values = [x for x in (terms.annual_deductible, terms.annual_limit) if math.isfinite(x)]
    for key, line in register.lines.items():
        for part in parts(line):
            for x, _ in atoms(part.severity) or ():
                paid = terms.of_event(x) if key in lines else 0.0
                values += [paid, x - paid]
    step = unit(values)
    if step is None or register.grid.range / step > 4 * _CEDED:
        return None
    points = 1 << math.ceil(math.log2(max(register.grid.range / step, 64.0)))
    grid = Grid(step, points, 3.0, lattice=True)
    return grid, grid


def _joint(lines: Mapping[str, Compound], terms: Terms, grid: Grid, ceded: Grid) -> Transform:
    """Transform of Z + g(Y) on a grid, Y being put on another."""
    product = np.ones((grid.points // 2 + 1, ceded.points), dtype=np.complex128)
    for line in lines.values():
        total = np.zeros_like(product)
        for part in parts(line):
            z = _plane(part, terms, grid, ceded)
            for weight, counts in part.counts:
                total += part.weight * weight * counts.pgf(z)
        product *= total
    # back over the ceded sum: for each frequency of the net sum a measure over y
    by_sum = scipy.fft.ifft(product, axis=1) / ceded.damping()
    left = ceded.places - terms.of_year(ceded.places)
    found = np.zeros(grid.points // 2 + 1, dtype=np.complex128)
    for column, shift in zip(by_sum.T, left.tolist(), strict=True):
        found += column * grid.forward(place([(shift, 1.0)], grid))
    return found


def _plane(part: Part, terms: Terms, grid: Grid, ceded: Grid) -> npt.NDArray[np.complex128]:
    """Transform of (what an event leaves, what is ceded) in two dimensions, means kept in both."""
    points = atoms(part.severity)
    level = limited([part.severity], grid)[0] if points is None else None
    mass = place(points or (), grid) if level is None else spread(level, grid.step)
    x = grid.places
    y = terms.share * np.minimum(np.maximum(x - terms.deductible, 0.0), terms.limit)
    y = np.minimum(y, ceded.range - ceded.step)
    plane = np.zeros((grid.points + 1) * (ceded.points + 1))
    (row, up), (column, right) = _cell((x - y) / grid.step), _cell(y / ceded.step)
    for i, share in ((0, 1.0 - up), (1, up)):
        for j, other in ((0, 1.0 - right), (1, right)):
            at = (row + i) * (ceded.points + 1) + column + j
            plane += np.bincount(at, mass * share * other, plane.size)
    both = plane.reshape(grid.points + 1, ceded.points + 1)[:-1, :-1]
    damped = both * grid.damping()[:, None] * ceded.damping()[None, :]
    found: npt.NDArray[np.complex128] = scipy.fft.fft(scipy.fft.rfft(damped, axis=0), axis=1)
    return found


def _cell(steps: Array) -> tuple[npt.NDArray[np.int64], Array]:
    """The point below, and how far above it, in steps; what is on a point but for rounding is."""
    near = np.rint(steps)
    steps = np.where(np.abs(steps - near) <= 1e-9 * np.maximum(1.0, steps), near, steps)
    below = np.floor(steps)
    return below.astype(np.int64), steps - below
