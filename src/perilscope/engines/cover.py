# SPDX-License-Identifier: Apache-2.0
"""What a cover pays for the losses of some lines, and what is left: the law of the net total.

Per event a cover pays y = share x min((x - deductible)+, limit); of the sum Y of a year it pays
R = min((Y - annual deductible)+, annual limit). Net of it the lines cost Z + g(Y), with Z the sum
of what each event leaves and g(y) = y - R(y). Terms of the year act on the sum, so that Z and Y are
wanted together: their joint law is found by a transform in two dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
from perilscope.engines.of_year import OfYear
from perilscope.engines.register import Register
from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]

_NET, _CEDED = 2**12, 2**9
_TILT = 10.0
_RARE = 1e-7
_ONE_DIMENSION = 2**14
_USUAL, _TOO_COARSE = 0.99, 0.25


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

    @property
    def by_sum(self) -> bool:
        """Whether what is paid depends on the sum of a year alone."""
        return self.deductible == 0.0 and math.isinf(self.limit) and self.share > 0.0

    def of_event(self, x: float) -> float:
        """What is paid for one loss, before terms of the year."""
        return self.share * min(max(x - self.deductible, 0.0), self.limit)

    def of_year(self, y: Array) -> Array:
        """What is paid of a year's sum."""
        paid: Array = np.minimum(np.maximum(y - self.annual_deductible, 0.0), self.annual_limit)
        return paid


@dataclass(frozen=True)
class Ceded:
    """What a cover pays over the horizon.

    Parameters
    ----------
    pays : float
        Expected payments.
    pays_something, exhausted : float
        Probability of any payment, and that the annual limit is reached.
    reach : float
        How far the ceded sum is looked at where terms of the year act on it.
    """

    pays: float
    pays_something: float
    exhausted: float
    reach: float


@dataclass(frozen=True)
class Cover:
    """Terms for the losses of some lines, by their keys."""

    keys: tuple[str, ...]
    terms: Terms


def ceded(register: Register, cover: Cover) -> Ceded:
    """What one cover pays of the losses of its lines.

    Raises
    ------
    AssessmentError
        Terms of the year over a horizon that is not one, or on lines that depend on others: a
        driver, a shared belief or a capped holding.
    """
    keys, terms = cover.keys, cover.terms
    _check(register, keys, terms)
    top = terms.annual_deductible + terms.annual_limit
    if terms.annual and terms.by_sum:
        left, gross = _of_year(register, cover), register.subset(keys).law()
        end = top / terms.share
        return Ceded(
            pays=left.ceded,
            pays_something=gross.exceed(terms.annual_deductible / terms.share),
            exhausted=_beyond(gross, end),
            reach=0.0,
        )
    lines = [_each(register.lines[key], partial(_layered, terms)) for key in keys]
    law = register.subset(keys).with_(lines).law()
    if not terms.annual:
        return Ceded(law.mean, 1.0 - law.none, 0.0, 0.0)
    upper = law.mean if math.isinf(top) else law.limited(min(top, law.grid.range))
    return Ceded(
        pays=upper - law.limited(min(terms.annual_deductible, law.grid.range)),
        pays_something=law.exceed(terms.annual_deductible),
        exhausted=_beyond(law, top),
        reach=_reach(law, top),
    )


def _beyond(law: LossLaw, top: float) -> float:
    """P(a sum reaches a limit)."""
    return 0.0 if math.isinf(top) else law.exceed(max(top - 1e-6 * law.step_at(top), 0.0))


def _of_year(register: Register, cover: Cover) -> OfYear:
    terms = cover.terms
    gross = register.subset(cover.keys).law()
    return OfYear(gross, terms.share, terms.annual_deductible, terms.annual_limit)


def net(register: Register, covers: Sequence[Cover]) -> LossLaw:
    """Law of the sum of all lines, net of several covers together.

    Parameters
    ----------
    register : Register
        All lines, gross.
    covers : sequence of Cover
        No line has two.

    Raises
    ------
    AssessmentError
        As `ceded`; a line that two covers pay for.
    """
    seen: set[str] = set()
    for cover in covers:
        _check(register, cover.keys, cover.terms)
        for key in cover.keys:
            if key in seen:
                raise AssessmentError(
                    f"two covers pay for {key}, and nothing says which comes first: write one "
                    "cover with the terms of both"
                )
            seen.add(key)
    by_event = [cover for cover in covers if not cover.terms.annual]
    kept = [
        _each(register.lines[key], partial(_retained, cover.terms))
        for cover in by_event
        for key in cover.keys
    ]
    left = register.with_(kept) if kept else register
    annual = [cover for cover in covers if cover.terms.annual]
    if not annual:
        return left.law()
    if len(annual) == 1 and annual[0].terms.by_sum and set(annual[0].keys) == set(left.lines):
        return _of_year(left, annual[0])
    found = _net(left, annual)
    if not found.error_at(_USUAL) <= _TOO_COARSE:
        raise AssessmentError(
            "no grid is both fine and wide enough for what is left of a year: cover scenarios of "
            "like size by themselves, or name holdings with `at_most`"
        )
    return found


def _reach(ceded: LossLaw, top: float) -> float:
    """How far the ceded sum is looked at: to where hardly any of it lies, and beyond the limit."""
    far = int(np.searchsorted(ceded.cumulative, 1.0 - _RARE)) + 2
    enough = min(far * 1.1 * ceded.step, ceded.grid.range)
    return max(enough, 1.1 * top) if math.isfinite(top) and top < ceded.grid.range else enough


def _check(register: Register, keys: Sequence[str], terms: Terms) -> None:
    for key in keys:
        part, line = register.component_of(key), register.lines[key]
        if terms.annual and line.years != 1.0:
            raise AssessmentError("terms of the year are applied to one year: look one year ahead")
        if terms.annual and terms.by_sum and set(part.keys) <= set(keys):
            continue  # the sum of all that depend on one another is all that is wanted
        if any(unit.capped and key in unit.keys for unit in part.units):
            raise AssessmentError(
                f"the year's loss of {key} is capped by a holding, and what a cover pays beside "
                "that cap is not computed: say `refilled: yes`, or leave out `at_most`"
            )
        if terms.annual and not part.simple:
            raise AssessmentError(
                f"terms of the year on {key}, which shares a driver, a factor or a shock with "
                "others: they can be applied where one cover pays for all of these, and has no "
                "terms per event"
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


def _net(register: Register, covers: Sequence[Cover]) -> LossLaw:
    """Law of everything net of covers with terms of the year.

    What would be ceded beyond the reach of a cover's ceded sum stays with us. Beside the law stands
    that on half the points, for its error, unless every amount is on a lattice.
    """
    paid = [ceded(register, cover) for cover in covers]
    mean = math.fsum(register.means.values()) - math.fsum(each.pays for each in paid)
    gross = register.law()
    leaves = all(_leaves_some(cover.terms) for cover in covers)
    held = {key for cover in covers for key in cover.keys}
    rest = [key for key in register.lines if key not in held]

    def law(grid: Grid, ceding: Sequence[Grid], others: Others | None = None) -> LossLaw:
        product = np.ones(grid.points // 2 + 1, dtype=np.complex128)
        for cover, own in zip(covers, ceding, strict=True):
            if cover.terms.by_sum:
                points = np.append(grid.places, grid.range)
                level = _of_year(register, cover).all_limited(points)
                product *= grid.forward(spread(level, grid.step))
            else:
                product *= _joint(register, cover, grid, own)
        if rest:
            product *= grid.forward(register.subset(rest).on(grid).law().mass)
        mass = grid.back(product)
        inside = math.fsum((mass * (grid.places - mean) ** 2).tolist())
        if all(cover.terms.by_sum for cover in covers):
            none = math.prod(_of_year(register, cover).none for cover in covers)
            none *= register.subset(rest).law().none if rest else 1.0
        else:
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

    found = _lattice(register, covers) if gross.grid.lattice else None
    if found is not None:
        return law(found, [found] * len(covers))
    reach = gross.grid.range

    def grids(halved: int) -> tuple[Grid, list[Grid]]:
        by_sum = all(cover.terms.by_sum for cover in covers)
        points, few = (_ONE_DIMENSION if by_sum else _NET) // halved, _CEDED // halved
        own = [Grid(max(each.reach, 1.0) / few, few, _TILT) for each in paid]
        return Grid(reach / points, points, _TILT), own

    coarse = law(*grids(2))
    return law(*grids(1), lambda this, _x: [(this, coarse)])


def _leaves_some(terms: Terms) -> bool:
    """Whether something of every loss stays with us."""
    return terms.deductible > 0.0 or terms.share < 1.0 or terms.annual_deductible > 0.0


def _lattice(register: Register, covers: Sequence[Cover]) -> Grid | None:
    """A grid on which what events leave and what is ceded are whole steps, where these are few."""
    terms = {key: cover.terms for cover in covers for key in cover.keys}
    values = [
        x
        for cover in covers
        for x in (cover.terms.annual_deductible, cover.terms.annual_limit)
        if math.isfinite(x)
    ]
    for key, line in register.lines.items():
        for part in parts(line):
            for x, _ in atoms(part.severity) or ():
                paid = terms[key].of_event(x) if key in terms else 0.0
                values += [paid, x - paid]
    step = unit(values)
    if step is None or register.grid.range / step > 4 * _CEDED:
        return None
    points = 1 << math.ceil(math.log2(max(register.grid.range / step, 64.0)))
    return Grid(step, points, 3.0, lattice=True)


def _joint(register: Register, cover: Cover, grid: Grid, ceded: Grid) -> Transform:
    """Transform of Z + g(Y) of the lines of a cover on a grid, Y being put on another."""
    terms = cover.terms
    product = np.ones((grid.points // 2 + 1, ceded.points), dtype=np.complex128)
    for line in (register.lines[key] for key in cover.keys):
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
