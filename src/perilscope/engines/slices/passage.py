# SPDX-License-Identifier: Apache-2.0
"""The chance that capital is ever used up within a horizon, and the capital that lasts.

After each slice what has lost more than the capital is taken out and does not come back: first
passage. That is not the law at the end of the horizon: who was ruined in March has no December, so
VaR of the year's total is too little capital wherever there are gains as well as losses.

What happens within a slice is seen at its end; with more slices the chance rises to that of looking
all the time. Sums are taken on twice the window, so nothing wraps around; gains beyond its lowest
point are cut to it, which can only make ruin likelier, by no more than is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.fft

from perilscope.engines.slices.chain import Chain
from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]

_CLOSE = 1e-12
_SMALL = 512


@dataclass(frozen=True)
class Passage:
    """Being ruined, slice by slice.

    Parameters
    ----------
    capital : float
    ruined : array, shape (slices,)
        Probability of having lost more than the capital at the end of some slice up to each.
    ended : float
        Probability that the total at the end of the horizon is more than the capital: what VaR
        looks at.
    short : float
        Bound of what the window adds to ``ruined``: the probability of gains beyond its lowest
        point, which count as gains up to there and no more.
    """

    capital: float
    ruined: Array
    ended: float
    short: float

    @property
    def survives(self) -> float:
        """Probability of never having lost more than the capital."""
        return 1.0 - float(self.ruined[-1])


def passage(chain: Chain, slices: int, capital: float) -> Passage:
    """First passage of the running loss beyond a capital.

    Parameters
    ----------
    chain : Chain
    slices : int
    capital : float
        Not negative, and on the window.

    Raises
    ------
    MisuseError
        A capital that is negative or beyond the window.

    Examples
    --------
    A fair coin thrown 3 times for stakes of 1; whoever is ever 2 behind is ruined:

    >>> from perilscope.engines.slices.chain import Places
    >>> places = Places(1.0, 32, 16)
    >>> coin = places.mass([-1.0, 1.0], 0.5)[None, :]
    >>> one = np.ones((1, 1))
    >>> chain = Chain(np.ones(1), one, np.zeros((1, 1), dtype=np.int64), ((0,),), coin, places)
    >>> found = passage(chain, 3, 1.0)
    >>> found.ruined.round(9).tolist(), round(found.ended, 9)
    ([0.0, 0.25, 0.25], 0.125)
    """
    places = chain.places
    if not 0.0 <= capital <= places.high:
        raise MisuseError(
            f"a capital must lie between 0 and {places.high:,.6g}, got {capital:,.6g}"
        )
    return _walked(_Ways(chain), slices, capital, chain.mass(slices))


class _Ways:
    """What each step from state to state loses, ready to be added without wrapping around."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.places = chain, chain.places
        self.length = 2 * chain.places.points
        phi, kinds = chain.transforms, chain.kinds % (len(chain.ways) + 1)
        used = np.unique(kinds[chain.transition > 0.0]).tolist()
        masses = {kind: chain.places.back(phi[kind]) for kind in used}
        self.phi = {kind: scipy.fft.rfft(mass, self.length) for kind, mass in masses.items()}
        self.into: list[list[tuple[int, list[tuple[int, float]]]]] = []
        for to in range(chain.states):
            ways = []
            for kind in used:
                came = np.nonzero((kinds[:, to] == kind) & (chain.transition[:, to] > 0.0))[0]
                if came.size:
                    pairs = [(int(s), float(chain.transition[s, to])) for s in came]
                    ways.append((int(kind), pairs))
            self.into.append(ways)

    def step(self, at: Array) -> Array:
        """One slice on, on twice the window: index k stands for (k - 2 zero) steps."""
        spectra = scipy.fft.rfft(at, self.length, axis=1)
        out, room = np.zeros_like(spectra), np.empty_like(spectra[0])
        for to, ways in enumerate(self.into):
            for kind, pairs in ways:
                total = np.zeros_like(room)
                for state, chance in pairs:
                    np.multiply(spectra[state], chance, out=room)
                    total += room
                total *= self.phi[kind]
                out[to] += total
        return np.asarray(scipy.fft.irfft(out, self.length, axis=1))


def _walked(ways: _Ways, slices: int, capital: float, total: Array) -> Passage:
    places, zero = ways.places, ways.places.zero
    most = math.floor(capital / places.step * (1.0 + _CLOSE) + _CLOSE) + zero
    at = np.zeros((ways.chain.states, places.points))
    at[:, zero] = ways.chain.start
    ruined, lost, short = np.zeros(slices), 0.0, 0.0
    for k in range(slices):
        wide = ways.step(at)
        lost += float(wide[:, zero + most + 1 :].sum())
        beyond = wide[:, :zero].sum(axis=1)
        short += float(beyond.sum())
        at = wide[:, zero : zero + places.points]
        at[:, 0] += beyond
        at[:, most + 1 :] = 0.0
        ruined[k] = min(max(lost, 0.0), 1.0)
    ended = max(float(total[most + 1 :].sum()), 0.0)
    return Passage(capital, ruined, ended, max(short, 0.0))


Chains = Sequence[tuple[float, Chain]]
"""Chains with their weights, each for the whole horizon."""


def capital(chains: Chains, slices: int, survival: float) -> tuple[Passage, Passage]:
    """The least capital that lasts over the horizon with a given probability.

    Parameters
    ----------
    chains : sequence of (weight, Chain)
    slices : int
    survival : float
        Between 0 and 1.

    Returns
    -------
    (Passage, Passage)
        With the capital found, a point of the window, and with one step less, which is too little.

    Raises
    ------
    AssessmentError
        No capital on the window is enough.
    """
    if not 0.0 < survival < 1.0:
        raise MisuseError(f"a survival probability must lie between 0 and 1, got {survival}")
    return _Search(chains, slices, survival).found()


class _Search:
    """The first point of the window at which the capital lasts."""

    def __init__(self, chains: Chains, slices: int, survival: float) -> None:
        self.chains, self.slices, self.survival = chains, slices, survival
        self.places = chains[0][1].places
        self.top = self.places.points - 1 - self.places.zero
        self._ways = [(w, _Ways(chain), chain.mass(slices)) for w, chain in chains]
        self._known: dict[int, Passage] = {}

    def at(self, k: int) -> Passage:
        if k not in self._known:
            amount = k * self.places.step
            each = [(w, _walked(ways, self.slices, amount, t)) for w, ways, t in self._ways]
            self._known[k] = Passage(
                amount,
                np.asarray(sum(w * found.ruined for w, found in each)),
                float(sum(w * found.ended for w, found in each)),
                float(sum(w * found.short for w, found in each)),
            )
        return self._known[k]

    def lasts(self, k: int) -> bool:
        return self.at(k).survives >= self.survival - _CLOSE

    def first(self) -> int:
        """By what half the window finds, and by doubling steps away from there."""
        places = self.places
        if places.points > _SMALL and places.zero % 2 == 0 and places.points % 4 == 0:
            try:
                half = [(w, chain.coarse()) for w, chain in self.chains]
                near = 2 * _Search(half, self.slices, self.survival).first()
                near = min(near, self.top)
            except AssessmentError:
                near = self.top
        else:
            near = self.top // 2
        low, high, step = -1, self.top, 1
        if self.lasts(near):
            high = near
            while high - step > 0 and self.lasts(high - step):
                high, step = high - step, 2 * step
            low = max(high - step, -1)
        else:
            low = near
            while low + step < self.top and not self.lasts(low + step):
                low, step = low + step, 2 * step
            high = min(low + step, self.top)
            if not self.lasts(high):
                raise AssessmentError(
                    f"no capital up to {places.high:,.6g} lasts with probability "
                    f"{self.survival}: widen the window"
                )
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.lasts(middle) else (middle, high)
        return high

    def found(self) -> tuple[Passage, Passage]:
        k = self.first()
        enough = self.at(k)
        less = self.at(k - 1) if k > 0 else replace(enough, capital=-self.places.step)
        return enough, less
