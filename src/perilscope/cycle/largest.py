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
    errors, drawn : tuple of float
        How far ``vars`` may be off in money: what is computed, by what less effort changes; and the
        standard error from the number of market scenarios.
    aside : tuple of float
        Standard errors of the curve's probabilities from the number of market scenarios.
    """

    vars: tuple[float, ...]
    curve: tuple[tuple[float, float], ...]
    errors: tuple[float, ...]
    drawn: tuple[float, ...]
    aside: tuple[float, ...]


def peak(law: Maximum) -> Peak:
    """The figures of a law of the largest single loss."""
    found, curve = law.vars(LEVELS), law.curve(POINTS)
    return Peak(
        tuple(found),
        tuple(curve),
        tuple(law.errors(LEVELS, found)),
        tuple(law.standard_errors(LEVELS, found)),
        tuple(law.standard_error([x for x, _ in curve]).tolist()),
    )
