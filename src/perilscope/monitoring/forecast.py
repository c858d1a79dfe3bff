# SPDX-License-Identifier: Apache-2.0
"""What a run says will happen, written down before it does.

Counts of loss events come from their own exact law at the quarters of the horizon; loss from the
scenario's law at half of the horizon and at its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.counts import CountLaw

LOW, HIGH = 0.05, 0.95
QUARTERS = (0.25, 0.5, 0.75, 1.0)
MOST_EVENTS = 1 << 16


@dataclass(frozen=True)
class Band:
    """Mean and 90 % interval of a count or a sum, ``years`` after the forecast was made."""

    years: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """Events and loss of one scenario, at growing times since the forecast."""

    id: str
    events: tuple[Band, ...]
    loss: tuple[Band, ...]


def forecast(alone: Register, line: Compound) -> Forecast:
    """The forecast of one line of loss.

    Parameters
    ----------
    alone : Register
        Of this line alone, over the whole horizon.
    """
    half = replace(line, years=line.years / 2.0)
    bands = tuple(
        Band(years, law.mean, law.var(LOW), law.var(HIGH))
        for years, law in ((half.years, alone.with_([half]).law()), (line.years, alone.law()))
    )
    return Forecast(line.key, tuple(events(line, line.years * q) for q in QUARTERS), bands)


def events(line: Compound, years: float) -> Band:
    """Law of the number of loss events: mean, and 5 and 95 % quantiles of the exact law.

    The probabilities of the counts are the discrete Fourier transform of the generating function on
    the unit circle, long enough that what wraps around is below 1e-12 or so.

    Examples
    --------
    >>> from perilscope.engines.laws.counts import Poisson
    >>> from perilscope.engines.laws.distributions import Constant
    >>> line = Compound("theft", lambda theta, years: (Poisson(2.0 * years), Constant(1.0)))
    >>> events(line, 1.0)
    Band(years=1.0, mean=2.0, low=0.0, high=5.0)
    """
    beliefs = (*line.beliefs, line.keep)
    laws: list[tuple[float, CountLaw]] = []
    for weight, theta in quadrature.nodes(beliefs):
        counts, loss = line.build(theta[:-1], years)
        some = theta[-1] * (1.0 - float(loss.cdf(0.0)))
        laws.append((weight, counts if some == 1.0 else counts.thin(some)))
    mean = math.fsum(w * float(law.mean) for w, law in laws)
    widest = max(float(law.mean) + 12.0 * math.sqrt(float(law.variance)) for _, law in laws)
    points = 1 << max(6, math.ceil(math.log2(widest + 32.0)))
    if points > MOST_EVENTS:
        sd = math.sqrt(
            math.fsum(w * (float(k.variance) + float(k.mean) ** 2) for w, k in laws) - mean**2
        )
        return Band(years, mean, max(mean - 1.645 * sd, 0.0), mean + 1.645 * sd)
    circle = np.exp(-2j * np.pi * np.arange(points) / points)
    transform = np.zeros(points, dtype=complex)
    for weight, law in laws:
        transform += weight * law.pgf(circle)
    below = np.cumsum(np.fft.ifft(transform).real)
    low, high = (float(np.searchsorted(below, level - 1e-12)) for level in (LOW, HIGH))
    return Band(years, mean, low, high)


def at(bands: tuple[Band, ...], years: float) -> Band:
    """The forecast for a time between two written ones: the wider of the two, mean in proportion.

    Examples
    --------
    >>> at((Band(0.25, 1.0, 0.0, 3.0), Band(0.5, 2.0, 0.0, 5.0)), 0.375)
    Band(years=0.375, mean=1.5, low=0.0, high=5.0)
    """
    before = Band(0.0, 0.0, 0.0, 0.0)
    for band in bands:
        if years <= band.years:
            part = (years - before.years) / (band.years - before.years)
            mean = before.mean + part * (band.mean - before.mean)
            return Band(years, mean, before.low, band.high)
        before = band
    return replace(bands[-1], years=years)
