# SPDX-License-Identifier: Apache-2.0
"""What is not known, apart from chance: curves and means given the beliefs, and their spread.

The predictive law of a register averages over its beliefs. Here each draw of the beliefs gives a
law of its own, and what is shown is how far these laws lie apart: 5, 50 and 95 % of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound, Drives, fixed
from perilscope.engines.aggregate.expansion import certain, known
from perilscope.engines.aggregate.shared import Shared, cases, shared_by
from perilscope.engines.aggregate.structure import Component, components
from perilscope.engines.grids.grid import Grid, place, spread
from perilscope.engines.grids.limited import limited
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.laws.floor import Floored
from perilscope.engines.laws.jumps import atoms
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

if TYPE_CHECKING:
    from perilscope.engines.aggregate.register import Register
    from perilscope.engines.laws.counts import CountLaw

Array = npt.NDArray[np.float64]
Values = dict[str, tuple[Array, ...]]
"""For each line the drawn values of its beliefs, of keep and of scale."""

LOW, HIGH = 0.05, 0.95
_POINTS = 2**11
_LATTICE = 2**13
_FEW = 128


@dataclass(frozen=True)
class Band:
    """Exceedance curves given the beliefs: their quantiles point by point.

    Parameters
    ----------
    losses : array, shape (n,)
        In rising order, the first 0.
    low, median, high : array, shape (n,)
        5, 50 and 95 % quantile over draws of P(L > loss given the beliefs).
    low_error, high_error : array, shape (n,)
        Standard errors of ``low`` and ``high`` that come from the number of draws.
    predictive : array, shape (n,)
        P(L > loss), the beliefs averaged.
    draws : int
        Number of draws of the beliefs; 0 where nothing is believed.
    """

    losses: Array
    low: Array
    median: Array
    high: Array
    low_error: Array
    high_error: Array
    predictive: Array
    draws: int


@dataclass(frozen=True)
class Interval:
    """A 90 % credible interval by draws, with standard errors of its ends."""

    low: float
    high: float
    low_error: float = 0.0
    high_error: float = 0.0


def band(register: Register, *, seed: int, draws: int = 256, points: int = 60) -> Band:
    """Exceedance curve of the sum with a 90 % credible band over the beliefs of all lines.

    Parameters
    ----------
    register : Register
        The lines; their beliefs and the shares that survive a control (``keep``, ``scale``).
    seed : int
        Names the streams, with the key of each line.
    draws : int
        How often the beliefs are drawn; at least 20, so that 5 % is a draw.
    points : int
        About how many losses the curve has.

    Returns
    -------
    Band
        Quantiles are taken loss by loss, so the ends are no curve of one draw.

    Raises
    ------
    MisuseError
        For fewer than 20 draws or 2 points.

    Notes
    -----
    Beliefs are drawn by a Latin hypercube (McKay, Beckman and Conover 1979): each belief's draws
    fall one into each of ``draws`` equally likely strata. Given the beliefs the law is exact, on a
    coarse grid: curves are good to about a step of the range over 2,048, so losses below two steps
    are left out but for zero, which is exact. Standard errors of the ends come from order
    statistics sqrt(n p (1-p)) ranks away, as if draws were independent; a Latin hypercube does not
    do worse for large n (Stein 1987), so they err on the safe side.
    """
    if points < 2:
        raise MisuseError(f"a band needs at least 2 points, got {points}")
    values = drawn(register, seed, draws)
    law = register.law()
    curve = law.curve(points)
    if not values:
        flat = np.array([p for _, p in curve])
        none = np.zeros_like(flat)
        return Band(np.array([x for x, _ in curve]), flat, flat, flat, none, none, flat, 0)
    grid = _coarse(register)
    losses = [x for x, _ in curve if x == 0.0 or grid.lattice or x >= 2.0 * grid.step]
    rows = np.array(
        [[own.exceed(x) for x in losses] for own in _laws(register, grid, values, draws)]
    )
    ends = [quantile(rows, share) for share in (LOW, 0.5, HIGH)]
    return Band(
        losses=np.array(losses),
        low=ends[0][0],
        median=ends[1][0],
        high=ends[2][0],
        low_error=ends[0][1],
        high_error=ends[2][1],
        predictive=np.array([law.exceed(x) for x in losses]),
        draws=draws,
    )


def mean_interval(register: Register, seed: int, *, draws: int = 256) -> tuple[float, float]:
    """90 % credible interval of the mean loss over the horizon given the beliefs.

    Parameters
    ----------
    register : Register
        The lines.
    seed : int
        Names the streams; the draws are those of `line_intervals`.
    draws : int
        How often the beliefs are drawn. See `means` for the error this brings.

    Returns
    -------
    tuple of float
        (low, high) in money; both the mean itself where nothing is believed.

    Examples
    --------
    A rate between 1 and 3 a year, 100 each time:

    >>> from perilscope.engines.laws.counts import Poisson
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> from perilscope.engines.aggregate.register import Register
    >>> def build(theta, years):
    ...     return Poisson(theta[0] * years), Constant(100.0)
    >>> low, high = mean_interval(Register([Compound("theft", build, (Uniform(1, 3),))]), seed=1)
    >>> round(low), round(high)
    (110, 290)
    """
    found = means(register, seed, draws=draws)[""]
    return found.low, found.high


def line_intervals(
    register: Register, seed: int, *, draws: int = 256
) -> dict[str, tuple[float, float]]:
    """`mean_interval` of each line, by key."""
    found = means(register, seed, draws=draws)
    return {key: (found[key].low, found[key].high) for key in register.lines}


def means(register: Register, seed: int, *, draws: int = 256) -> dict[str, Interval]:
    """Intervals of the mean loss of each line by key, and of the sum under ``""``.

    Ends carry standard errors, from order statistics as in `band`. Where a capped holding has
    beliefs its mean has no closed form: the law of each draw is computed, and 128 draws are enough.
    """
    values = drawn(register, seed, draws)
    given: dict[str, Any] = {}
    for keys in _held(register, values):
        draws = min(draws, _FEW)
        given.update(_capped(register, keys, values, draws))
    for key in register.lines:
        if key not in given:
            given[key] = _mean(register, key, values, draws)
    found = {key: interval(given[key]) for key in register.lines}
    if not values:
        return {**found, "": interval(register.moments()[0])}
    total: Any = 0.0
    for key in register.lines:
        total = total + given[key][:draws] if np.ndim(given[key]) else total + given[key]
    return {**found, "": interval(total)}


# --- draws of the beliefs


def drawn(register: Register, seed: int, draws: int) -> Values:
    """Latin hypercube over the beliefs of all lines that have any."""
    if draws < 20:
        raise MisuseError(f"an interval of 90 % needs at least 20 draws of beliefs, got {draws}")
    found: Values = {}
    for key, line in register.lines.items():
        laws = (*line.beliefs, line.keep, line.scale)
        if all(certain(law) or chance(law) for law in laws):
            continue
        names = [f"band, belief {i}" for i in range(len(line.beliefs))]
        names += ["band, keep", "band, scale"]
        found[key] = tuple(
            _stratified(law, _stream(seed, key, name, law), draws)
            for law, name in zip(laws, names, strict=True)
        )
    return found


def chance(law: Distribution) -> bool:
    """Whether a belief stands for chance that lines share: nothing is unknown about it."""
    return isinstance(law, Shared) and law.chance


def _stream(seed: int, key: str, name: str, law: Distribution) -> np.random.Generator:
    """Of a shared belief the same for all lines that name it."""
    if isinstance(law, Shared):
        return stream(seed, law.name, "band, shared belief")
    return stream(seed, key, name)


def _stratified(law: Distribution, rng: np.random.Generator, draws: int) -> Array:
    """One draw from each of equally likely strata, in random order."""
    if certain(law):
        return np.full(draws, law.support[0])
    u = (rng.permutation(draws) + rng.random(draws)) / draws
    return np.asarray(law.ppf(u), dtype=np.float64)


def given_all(line: Compound, theta: Sequence[float]) -> Compound:
    """The line with every belief known; what stands for chance that lines share stays open."""
    *values, keep, scale = theta
    pairs = enumerate(zip(line.beliefs, values, strict=True))
    one = fixed(line, {i: value for i, (law, value) in pairs if not chance(law)})
    return replace(one, keep=Constant(keep), scale=Constant(scale))


# --- laws given the beliefs


def _laws(register: Register, grid: Grid, values: Values, draws: int) -> Iterator[LossLaw]:
    """Law of the sum for each draw; what no belief touches is computed once."""
    product = np.ones((draws, grid.points // 2 + 1), dtype=np.complex128)
    none = np.ones(draws)
    loose: list[str] = []
    for part in components(register.lines, register.mixtures, register.caps):
        if not any(key in values for key in part.keys):
            loose += part.keys
        elif any(unit.capped for unit in part.units) or any(map(chance, part.shared)):
            given = [own.law() for own in _given(register, part.keys, grid, values, draws)]
            product *= np.stack([grid.forward(law.mass) for law in given])
            none *= [law.none for law in given]
        else:
            found, zero = _component(register, part, grid, values, draws)
            product *= found
            none *= zero
    if loose:
        law = register.subset(loose).on(grid).law()
        product *= grid.forward(law.mass)
        none *= law.none
    for transform, idle in zip(product, none.tolist(), strict=True):
        yield LossLaw(grid, grid.back(transform), mean=math.inf, sd=math.inf, none=idle)


def _component(
    register: Register, part: Component, grid: Grid, values: Values, draws: int
) -> tuple[Any, Array]:
    """Transforms of lines that depend on one another, one row a draw, and P(no loss)."""
    lines = {
        key: _line(register.lines[key], grid, values.get(key), draws, key in part.driven)
        for key in part.keys
    }
    shape = draws, grid.points // 2 + 1
    each = {key: np.broadcast_to(transform, shape) for key, (transform, _) in lines.items()}
    zero = {key: np.broadcast_to(nothing, draws) for key, (_, nothing) in lines.items()}
    return part.product(each), np.asarray(part.product(zero))


def _line(
    line: Compound, grid: Grid, values: tuple[Array, ...] | None, draws: int, driven: bool
) -> tuple[Any, Any]:
    """Transform of a line for each draw, and P(no loss); one for all where nothing is believed."""
    if values is None:
        theta = tuple(law.support[0] for law in (*line.beliefs, line.keep, line.scale))
        values, draws = tuple(np.array([x]) for x in theta), 1
    transforms, idle = [], []
    severities: dict[Distribution, Any] = {}
    for theta in zip(*(column[:draws].tolist() for column in values), strict=True):
        counts, severity = known(line, theta, line.years, driven=driven)
        if severity not in severities:
            points = atoms(severity)
            level = limited([severity], grid)[0] if points is None else None
            mass = place(points or (), grid) if level is None else spread(level, grid.step)
            severities[severity] = grid.forward(mass)
        transforms.append(counts.pgf(severities[severity]))
        idle.append(float(counts.pgf(float(severity.cdf(0.0)))))
    return np.stack(transforms), np.array(idle)


def _given(
    register: Register, keys: Sequence[str], grid: Grid, values: Values, draws: int
) -> list[Register]:
    """Some lines of the register for each draw."""
    rows = {key: np.stack(values[key], axis=1).tolist() for key in keys if key in values}

    def lines(d: int) -> list[Compound]:
        return [given_all(register.lines[key], mine[d]) for key, mine in rows.items()]

    start = register.subset(keys).on(grid).with_(lines(0))
    start.law()  # what the others take over from it
    return [start, *(start.with_(lines(d)) for d in range(1, draws))]


def _coarse(register: Register) -> Grid:
    """The register's own grid where it is a small lattice, else its range on few points."""
    grid = register.grid
    if grid.lattice and grid.points <= _LATTICE:
        return replace(grid, tilt=3.0)  # a draw may reach further than the average
    return Grid(grid.range / _POINTS, _POINTS)


def quantile(rows: Array, share: float) -> tuple[Array, Array]:
    """Quantile over the first axis and its standard error by order statistics."""
    ordered, n = np.sort(rows, axis=0), rows.shape[0]
    apart = math.sqrt(n * share * (1.0 - share))
    ranks = np.clip([n * share - 0.5 - apart, n * share - 0.5 + apart], 0, n - 1)
    at = n * share - 0.5
    below = math.floor(at)
    middle = ordered[below] + (at - below) * (ordered[min(below + 1, n - 1)] - ordered[below])
    low, high = np.rint(ranks).astype(np.int64)
    return middle, (ordered[high] - ordered[low]) / 2.0


def interval(given: Any) -> Interval:
    """90 % of a figure given each draw; a number that no belief moves twice."""
    if np.ndim(given) == 0:
        return Interval(float(given), float(given))
    ends = [quantile(given[:, None], share) for share in (LOW, HIGH)]
    (low, low_error), (high, high_error) = ends
    return Interval(float(low[0]), float(high[0]), float(low_error[0]), float(high_error[0]))


# --- means given the beliefs


def _mean(register: Register, key: str, values: Values, draws: int) -> Any:
    """Mean of a line for each draw, before caps; one number where it has no beliefs."""
    line, part = register.lines[key], register.component_of(key)
    if key not in values:
        return register.means[key]
    *theta, keep, scale = (column[:draws] for column in values[key])
    driven = key in part.driven
    each: Any = 0.0
    for weight, said in _chances(line, part):  # what is chance is integrated, not drawn
        at = [
            np.full(draws, said[law.name]) if isinstance(law, Shared) and law.chance else column
            for law, column in zip(line.beliefs, theta, strict=True)
        ]
        each = each + weight * _each(line, tuple(at), draws, driven)
    return keep * scale * each


def _chances(line: Compound, part: Component) -> list[tuple[float, Drives]]:
    """Weights and values of what is chance to a line; they add up to how likely it has events."""
    common = tuple(law for law in shared_by(line.beliefs) if law.chance)
    found: dict[tuple[tuple[str, float], ...], float] = {}
    for probability, state in part.over([line.key]):
        drives = dict(state)
        said = tuple((law.name, drives[law.name]) for law in common if law.name in drives)
        if drives.get(line.key, True):
            found[said] = found.get(said, 0.0) + probability
    return [
        (p * weight, {**case, **dict(said)})
        for said, p in found.items()
        for weight, case in cases(tuple(c for c in common if c.name not in dict(said)), 2)
    ]


def _each(line: Compound, theta: tuple[Any, ...], draws: int, driven: bool) -> Array:
    """E N times E X for each draw; given some event, where the line is driven."""

    def product(values: tuple[Any, ...]) -> Any:
        counts, loss = line.build(values, line.years)
        events: CountLaw = counts.given_some() if driven else counts
        gains = float(np.min(np.asarray(loss.support[0]))) < 0.0
        return np.asarray(events.mean) * np.asarray(Floored(loss).mean if gains else loss.mean)

    try:
        found = np.broadcast_to(product(theta), (draws,))
    except (TypeError, ValueError, MisuseError):  # it asks for plain numbers
        rows = zip(*(column.tolist() for column in theta), strict=True)
        found = np.array([float(product(row)) for row in rows])
    if not np.isfinite(found).all():
        raise AssessmentError(
            f"{line.key}: for some values of its beliefs its loss per event has no finite mean and "
            "no cap; state the most that one event can cost"
        )
    return found


def _held(register: Register, values: Values) -> list[tuple[str, ...]]:
    """Lines that depend on a capped holding about which something is believed, set by set."""
    found: dict[tuple[str, ...], None] = {}
    for key in values:
        part = register.component_of(key)
        if any(unit.capped for unit in part.units):
            found.setdefault(part.keys)
    return list(found)


def _capped(
    register: Register, keys: Sequence[str], values: Values, draws: int
) -> dict[str, Array]:
    """Means for each draw of lines that depend on a capped holding, from the law of each draw."""
    given = [own.means for own in _given(register, keys, _coarse(register), values, draws)]
    return {key: np.array([law[key] for law in given]) for key in keys}
