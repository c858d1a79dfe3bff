# SPDX-License-Identifier: Apache-2.0
"""A surface of implied volatilities between quotes, and whether it can be traded against.

Total variance, volatility squared times time, is interpolated linearly: first between the quoted
log-moneynesses of an expiry, then between expiries at the same log-moneyness. Beyond the quotes the
volatility stays what it is at the last of them (Gatheral, The Volatility Surface, 2006, chapter 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from perilscope.engines.instruments.options import black76
from perilscope.errors import MisuseError

Floats = NDArray[np.float64]
_SLACK = 1e-12


@dataclass(frozen=True, eq=False)
class Smile:
    """Quotes of one expiry.

    Parameters
    ----------
    years : float
        To expiry, above zero.
    moneyness : array, shape (n,)
        Logarithms of strike over forward, rising.
    vol : array, shape (n,)
        Implied volatilities per square root of a year, above zero.
    """

    years: float
    moneyness: Floats
    vol: Floats

    def __post_init__(self) -> None:
        rising = bool(np.all(np.diff(self.moneyness) > 0.0))
        if not self.years > 0.0 or not self.moneyness.size or not rising:
            raise MisuseError("a smile needs an expiry ahead and rising strikes")
        if self.vol.shape != self.moneyness.shape or not np.all(self.vol > 0.0):
            raise MisuseError("a smile needs a volatility above zero for each strike")

    def variance(self, moneyness: Floats) -> Floats:
        """Total variance at log-moneynesses, flat beyond the quotes."""
        return np.asarray(np.interp(moneyness, self.moneyness, self.vol**2 * self.years))


@dataclass(frozen=True)
class Surface:
    """Smiles of several expiries, the nearest first.

    Examples
    --------
    >>> flat = [Smile(t, np.zeros(1), np.full(1, vol)) for t, vol in ((0.5, 0.6), (1.0, 0.5))]
    >>> surface = Surface(tuple(flat))
    >>> surface.vol(0.0, 0.25), round(surface.vol(0.3, 0.75), 6), surface.vol(0.0, 2.0)
    (0.6, 0.535413, 0.5)
    """

    smiles: tuple[Smile, ...]

    def __post_init__(self) -> None:
        years = [smile.years for smile in self.smiles]
        if not years or not all(one < two for one, two in pairwise(years)):
            raise MisuseError("a surface needs smiles of rising expiries")

    def vol(self, moneyness: float, years: float) -> float:
        """Implied volatility of a log-moneyness at a time to expiry."""
        at = np.array([moneyness])
        expiries = np.array([smile.years for smile in self.smiles])
        total = np.array([float(smile.variance(at)[0]) for smile in self.smiles])
        if years <= expiries[0]:
            return math.sqrt(float(total[0] / expiries[0]))
        if years >= expiries[-1]:
            return math.sqrt(float(total[-1] / expiries[-1]))
        return math.sqrt(float(np.interp(years, expiries, total)) / years)

    def calendar_arbitrage(self) -> Iterator[tuple[float, float, float]]:
        """Where total variance falls with time: both expiries in years and the log-moneyness.

        An option on the later expiry is then worth less than on the earlier one at the same
        log-moneyness (Gatheral 2006, equation 3.1), the worst place of each pair.
        """
        for near, far in pairwise(self.smiles):
            at = np.union1d(near.moneyness, far.moneyness)
            gap = far.variance(at) - near.variance(at)
            if gap.min() < -_SLACK:
                yield near.years, far.years, float(at[np.argmin(gap)])

    def butterfly_arbitrage(self) -> Iterator[tuple[float, float]]:
        """Where quoted calls are not convex in the strike: the expiry and the log-moneyness."""
        for smile in self.smiles:
            strikes = np.exp(smile.moneyness)
            calls = black76(1.0, strikes, smile.vol, smile.years)
            slopes = np.diff(np.concatenate([[1.0], calls])) / np.diff(
                np.concatenate([[0.0], strikes])
            )
            bent = np.diff(slopes)
            if bent.size and bent.min() < -1e-9:
                yield smile.years, float(smile.moneyness[int(np.argmin(bent))])


def of_delta(delta: float, vol: float, years: float) -> float:
    """Log-moneyness of a forward delta: of a call above zero, of a put below.

    Examples
    --------
    >>> of_delta(0.25, 0.6, 0.25) > 0.0 > of_delta(-0.25, 0.6, 0.25)
    True
    """
    if not 0.0 < abs(delta) < 1.0:
        raise MisuseError(
            f"a delta must lie between 0 and 1, of a put between -1 and 0; not {delta:g}"
        )
    spread = vol * math.sqrt(years)
    return -float(ndtri(delta if delta > 0.0 else 1.0 + delta)) * spread + 0.5 * spread**2


def surface_of(quotes: Sequence[tuple[float, float, float]]) -> Surface:
    """A surface from quotes of years to expiry, log-moneyness and volatility, in any order.

    Raises
    ------
    MisuseError
        A place quoted twice, or something out of range.
    """
    by: dict[float, list[tuple[float, float]]] = {}
    for years, moneyness, vol in quotes:
        by.setdefault(years, []).append((moneyness, vol))
    smiles = []
    for years in sorted(by):
        at, vols = np.array(sorted(by[years])).T
        smiles.append(Smile(years, at, vols))
    return Surface(tuple(smiles))
