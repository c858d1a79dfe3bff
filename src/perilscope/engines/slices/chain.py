# SPDX-License-Identifier: Apache-2.0
"""The law of what a chain of states loses and gains in K slices.

With P the chances to go from state to state in a slice and Phi(w) the transforms of what is lost on
the way, the loss over K slices has the transform

    phi(w) = start' [P o Phi(w)]^K 1,      o: element by element,

because given the path of states the losses of the slices are independent. No marginal is taken on
the way, so that what happens together stays together. A state that is lost for good is absorbing:
its loss stands on the way into it and nowhere else.

Losses are gains where they are negative. K signed factors are never damped (damping a window
amplifies what wraps around on its left): the window is wide instead, and `reach` bounds what it
cuts on both sides. Laws that are mixed over what no slice changes (an unknown rate, say) are mixed
outside the power, see `mixed`.

Source: Neuts, *Structured Stochastic Matrices* (1989), and Asmussen, *Applied Probability and
Queues* (2003), chapter XI, on Markov-additive processes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.fft

from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw, Others
from perilscope.engines.machine_code import installed
from perilscope.errors import MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Transform = npt.NDArray[np.complex128]
Indices = npt.NDArray[np.int64]

MOST_STATES = 1024
_ROUNDING = 1e-9
_CHUNK = 1 << 17
"""Complex numbers that one turn of the NumPy engine holds at once (2 MiB)."""
_NARROW = 16
"""States up to which frequencies are computed abreast."""
_MUCH = 2e7
"""Complex products from which on the compiled engine pays."""


@dataclass(frozen=True)
class Places:
    """Points (k - zero) * step for k = 0 .. points - 1, gains below zero.

    Examples
    --------
    >>> places = Places(0.5, 8, 2)
    >>> places.low, places.high
    (-1.0, 2.5)
    """

    step: float
    points: int
    zero: int

    @property
    def low(self) -> float:
        """The lowest point."""
        return -self.zero * self.step

    @property
    def high(self) -> float:
        """The highest point."""
        return (self.points - 1 - self.zero) * self.step

    @property
    def amounts(self) -> Array:
        """All points, in money."""
        return np.asarray((np.arange(self.points) - self.zero) * self.step, dtype=np.float64)

    def coarse(self) -> Places:
        """The same window with half the points; zero stays a point where its index is even."""
        return Places(2.0 * self.step, self.points // 2, self.zero // 2)

    def mass(self, losses: npt.ArrayLike, weights: npt.ArrayLike) -> Array:
        """Law of scenarios: each is split between its two neighbours, so that means are kept.

        What lies outside the window is left out, and is told by what the masses lack to 1.

        Examples
        --------
        >>> Places(1.0, 4, 2).mass([-0.25, 1.0, 9.0], [0.5, 0.25, 0.25]).tolist()
        [0.0, 0.125, 0.375, 0.25]
        """
        at = np.asarray(losses, dtype=np.float64) / self.step + self.zero
        own = np.broadcast_to(np.asarray(weights, dtype=np.float64), at.shape)
        inside = (at >= 0.0) & (at <= self.points - 1)
        at, own = at[inside], own[inside]
        below = np.minimum(at.astype(np.int64), self.points - 2)
        part = at - below
        found = np.bincount(below, own * (1.0 - part), self.points)
        return np.asarray(found + np.bincount(below + 1, own * part, self.points))

    def transform(self, mass: Array) -> Transform:
        """Transform of a law, zero at the origin; nothing is damped."""
        found: Transform = scipy.fft.rfft(np.roll(mass, -self.zero))
        return found

    def back(self, transform: Transform) -> Array:
        """The law with this transform; what lies outside comes round on the other side."""
        found: Array = np.roll(scipy.fft.irfft(transform, self.points), self.zero)
        return found


@dataclass(frozen=True, eq=False)
class Chain:
    """States, how they follow each other, and what is lost on the way from one to the next.

    Parameters
    ----------
    start : array, shape (states,)
        Law of the state before the first slice.
    transition : array, shape (states, states)
        Chances to go from each state (row) to each in a slice; rows add to 1.
    kinds : array of int, shape (states, states)
        Which way of losing each step is; -1 where nothing is lost.
    ways : tuple of tuple of int
        For each way of losing, the laws that add up, by their places in ``laws``.
    laws : array, shape (laws, points)
        Independent laws of losses on the window.
    places : Places
        The window.
    beyond : array, shape (laws,), optional
        What the mean of each law is more than its mean on the window.

    Raises
    ------
    MisuseError
        Shapes that do not fit, chances that are none, laws that are none.

    Examples
    --------
    A machine that breaks in one week of ten, costs 1 when it does, and is never mended:

    >>> places = Places(1.0, 8, 0)
    >>> chain = Chain(np.array([1.0, 0.0]), np.array([[0.9, 0.1], [0.0, 1.0]]),
    ...               np.array([[-1, 0], [-1, -1]]), ((0,),), np.eye(8)[[1]], places)
    >>> chain.mass(3).round(6).tolist()[:3]
    [0.729, 0.271, 0.0]
    >>> chain.contraction
    0.9
    """

    start: Array
    transition: Array
    kinds: Indices
    ways: tuple[tuple[int, ...], ...]
    laws: Array
    places: Places
    beyond: Array | None = None

    def __post_init__(self) -> None:
        states = len(self.start)
        if not 0 < states <= MOST_STATES:
            raise MisuseError(f"{states} states of a chain; 1 to {MOST_STATES} are possible")
        if self.transition.shape != (states, states) or self.kinds.shape != (states, states):
            raise MisuseError(
                f"chances and ways of losing must have the shape ({states}, {states})"
            )
        for name, rows in (("start", self.start[None, :]), ("transition", self.transition)):
            if not np.all(rows >= 0.0) or np.any(np.abs(rows.sum(axis=1) - 1.0) > _ROUNDING):
                raise MisuseError(f"{name}: chances must not be negative and must add up to 1")
        if self.laws.ndim != 2 or self.laws.shape[1] != self.places.points:
            raise MisuseError(f"each law needs one mass for each of {self.places.points:,} points")
        if np.any(self.laws.sum(axis=1) > 1.0 + _ROUNDING) or np.any(self.laws < -_ROUNDING):
            raise MisuseError("the masses of a law must not be negative nor add up to more than 1")
        if self.kinds.max(initial=-1) >= len(self.ways) or self.kinds.min(initial=0) < -1:
            raise MisuseError(f"ways of losing must be -1 (none) to {len(self.ways) - 1}")
        if any(not 0 <= i < len(self.laws) for way in self.ways for i in way):
            raise MisuseError(f"a way of losing must name a law; there are {len(self.laws)}")

    @property
    def states(self) -> int:
        """How many there are."""
        return len(self.start)

    @cached_property
    def contraction(self) -> float:
        """Dobrushin's coefficient: how much of where it was the chain still knows after a slice.

        It bounds how the past is forgotten (1: perhaps never), not how exact anything is.
        """
        return contraction(self.transition)

    @cached_property
    def transforms(self) -> Transform:
        """Of each way of losing, shape (ways + 1, frequencies); the last is that of nothing."""
        own = [self.places.transform(law) for law in self.laws]
        nothing = np.ones(self.places.points // 2 + 1, dtype=np.complex128)
        rows = [math.prod((own[i] for i in way), start=nothing) for way in self.ways]
        return np.stack([*rows, nothing])

    def mass(self, slices: int, *, workers: int = 1) -> Array:
        """The law of the loss over some slices, on the window.

        Parameters
        ----------
        slices : int
        workers : int
            Threads; they change no bit.

        Raises
        ------
        MisuseError
            No slice.
        """
        _some(slices)
        phi, kinds = self.transforms, self.kinds % (len(self.ways) + 1)
        work = float(self.states**2) * phi.shape[1] * slices
        if work > _MUCH and installed():
            return self.places.back(self._compiled(phi, kinds, slices, workers))
        return self.places.back(_power(self.start, self.transition, kinds, phi, slices))

    def _compiled(self, phi: Transform, kinds: Indices, slices: int, workers: int) -> Transform:
        from perilscope.engines.slices import compiled

        power = compiled.abreast if self.states <= _NARROW else compiled.power
        rows = np.ascontiguousarray(phi.T)
        out = np.empty(len(rows), dtype=np.complex128)
        edges = (np.linspace(0, len(rows) / 64, 4 * workers + 1).astype(int) * 64).tolist()
        edges[-1] = len(rows)

        def part(ends: tuple[int, int]) -> None:
            low, high = ends
            power(self.transition, kinds, rows[low:high], self.start, slices, out[low:high])

        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(part, itertools.pairwise(edges)))
        return out

    def visits(self, slices: int) -> Array:
        """Expected number of steps from each state to each over some slices."""
        at, total = self.start, np.zeros_like(self.start)
        for _ in range(_some(slices)):
            total = total + at
            at = at @ self.transition
        found: Array = total[:, None] * self.transition
        return found

    def outside(self, slices: int) -> float:
        """At most how probable it is that the loss of some single slice lies outside the window."""
        lacking = np.maximum(1.0 - self.laws.sum(axis=1), 0.0)
        lacking = np.where(lacking > 1e-13, lacking, 0.0)
        per_way = np.array([*(sum(lacking[i] for i in way) for way in self.ways), 0.0])
        return float((self.visits(slices) * per_way[self.kinds]).sum())

    def mean(self, slices: int) -> float:
        """Expected loss over some slices, with what is known to lie beyond the window."""
        own = self.laws @ self.places.amounts
        if self.beyond is not None:
            own = own + self.beyond
        per_way = np.array([*(sum(own[i] for i in way) for way in self.ways), 0.0])
        return float((self.visits(slices) * per_way[self.kinds]).sum())

    def coarse(self) -> Chain:
        """The same chain on half the points, means kept."""
        places = self.places.coarse()
        laws = np.stack([_halved(law, self.places) for law in self.laws])
        return replace(self, laws=laws, places=places)

    def from_(self, start: npt.ArrayLike) -> Chain:
        """The same chain from another law of states."""
        return replace(self, start=np.asarray(start, dtype=np.float64))


def law(chains: Sequence[tuple[float, Chain]], slices: int, *, workers: int = 1) -> LossLaw:
    """The law of the loss over some slices, moved up by the window's lowest point.

    Parameters
    ----------
    chains : sequence of (weight, Chain)
        Mixed outside the power: each is what holds for the whole horizon. One window.
    slices : int

    Returns
    -------
    LossLaw
        Of loss less ``places.low``; add that to VaR and CVaR.
    """
    places = chains[0][1].places
    if any(chain.places != places for _, chain in chains):
        raise MisuseError("chains that are mixed must stand on one window")
    if abs(math.fsum(weight for weight, _ in chains) - 1.0) > _ROUNDING:
        raise MisuseError("the weights of a mixture must add up to 1")
    if places.zero % 2 or places.points % 4:
        raise MisuseError("zero must have an even index, and the points must be a multiple of 4")
    mass, half = (
        mixed([(w, each.mass(slices, workers=workers)) for w, each in made])
        for made in (chains, [(w, c.coarse()) for w, c in chains])
    )
    amounts = places.amounts
    mean = math.fsum(w * c.mean(slices) for w, c in chains)
    sd = math.sqrt(max(float((mass * (amounts - mean) ** 2).sum()), 0.0))
    grid = Grid(places.step, places.points, tilt=0.0)

    def read(beside: Array | None, others: Others | None) -> LossLaw:
        return LossLaw(
            grid, mass, mean=mean - places.low, sd=sd, none=0.0, coarse=beside, others=others
        )

    plain = read(None, None)
    return read(half, lambda this, _x: [(this, plain)])


def mixed(masses: Sequence[tuple[float, Array]]) -> Array:
    """A mixture of laws on one window."""
    total = np.zeros_like(masses[0][1])
    for weight, mass in masses:
        total = total + weight * mass
    return total


def contraction(matrix: Array) -> float:
    """Dobrushin's coefficient of a chain: the most by which two rows differ.

    Source: Dobrushin (1956); half the largest sum of differences of two rows.

    Examples
    --------
    >>> contraction(np.array([[0.9, 0.1], [0.4, 0.6]]))
    0.5
    """
    most = 0.0
    for row in matrix:
        most = max(most, float(np.abs(matrix - row).sum(axis=1).max()))
    return round(most / 2.0, 15)


def _some(slices: int) -> int:
    if not 1 <= slices <= 100_000:
        raise MisuseError(f"{slices} slices; 1 to 100,000 are possible")
    return slices


def _halved(law: Array, places: Places) -> Array:
    """A law on every other point, odd points split between their neighbours."""
    if places.zero % 2:
        raise MisuseError("zero must have an even index to be a point of half the window")
    even, odd = law[::2].copy(), law[1::2]
    even += 0.5 * odd
    even[1:] += 0.5 * odd[:-1]
    return even  # half of the very last point is beyond the window


def _power(
    start: Array, transition: Array, kinds: Indices, phi: Transform, slices: int
) -> Transform:
    """The whole matrix at each frequency, a few frequencies at a time."""
    out = np.empty(phi.shape[1], dtype=np.complex128)
    step = max(_CHUNK // transition.size, 1)
    for low in range(0, phi.shape[1], step):
        own = phi[:, low : low + step]
        matrices = transition * own.T[:, kinds]
        at = np.broadcast_to(start.astype(np.complex128), (own.shape[1], 1, len(start)))
        for _ in range(slices):
            at = at @ matrices
        out[low : low + step] = at.sum(axis=(1, 2))
    return out
