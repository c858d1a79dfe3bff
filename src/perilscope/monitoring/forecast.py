# SPDX-License-Identifier: Apache-2.0
"""What a run says will happen, written down before it does.

Counts of loss events come from their own exact law, month by month to the horizon; loss from the
scenario's law of the whole horizon and of its quarters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from perilscope.engines.compound import Compound
from perilscope.engines.distributions import Constant, Distribution
from perilscope.engines.register import Register

LOW, HIGH = 0.05, 0.95
STEPS = 4


@dataclass(frozen=True)
class Band:
    """Mean and 90 % interval of a count or a sum, ``years`` after the forecast was made."""

    years: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """Events and loss of one scenario at the quarters of the horizon."""

    id: str
    events: tuple[Band, ...]
    loss: tuple[Band, ...]


def forecast(line: Compound, cap: float | None) -> Forecast:
    """The forecast of one line of loss."""
    caps = {line.group: cap} if line.group and cap is not None else {}
    horizons = [line.years * (i + 1) / STEPS for i in range(STEPS)]
    counting = _counting(line)
    events = tuple(_band(replace(counting, years=years), {}) for years in horizons)
    loss = tuple(_band(replace(line, years=years), caps) for years in horizons)
    return Forecast(line.key, events, loss)


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


def _band(line: Compound, caps: dict[str, float]) -> Band:
    law = Register([line], caps=caps).law()
    return Band(line.years, law.mean, law.var(LOW), law.var(HIGH))


def _counting(line: Compound) -> Compound:
    """The line that counts its events instead of adding their losses."""

    def build(theta: tuple[float, ...], years: float) -> tuple[object, Distribution]:
        counts, _ = line.build(theta, years)
        return counts, Constant(1.0)

    return replace(line, build=build, group="", scale=Constant(1.0))  # type: ignore[arg-type]
