# SPDX-License-Identifier: Apache-2.0
"""The largest single loss of the horizon, as a run tells of it."""

from __future__ import annotations

from dataclasses import dataclass

from perilscope.cycle.settings import LEVELS
from perilscope.engines.aggregate.largest import Maximum

POINTS = 60
"""Points of its curve."""


@dataclass(frozen=True)
class Peak:
    """Figures of the largest single loss.

    Parameters
    ----------
    vars : tuple of float
        At the usual levels.
    curve : tuple of (loss, probability)
        How likely a larger one is.
    """

    vars: tuple[float, ...]
    curve: tuple[tuple[float, float], ...]


def peak(law: Maximum) -> Peak:
    """The figures of a law of the largest single loss."""
    return Peak(tuple(law.vars(LEVELS)), tuple(law.curve(POINTS)))
