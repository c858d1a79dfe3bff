# SPDX-License-Identifier: Apache-2.0
"""Standard deviation of the sum of everything, with what lies beyond the window.

A window ends where VaR and CVaR no longer ask, but one loss in a million may be so large that it
makes a good part of a variance. The variance of the lines by themselves is known exactly; by how
much their own law, cut at the same place, falls short of it is what the window lacks. The market
moves little of that: where the sum is beyond the window, a line is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.joint.parts import Interface
from perilscope.engines.joint.window import Window

Array = npt.NDArray[np.float64]


def spread(window: Window, mass: Array, mean: float, register: Register) -> float:
    """Standard deviation of everything; infinite where a line's is.

    Parameters
    ----------
    window : Window
    mass : array, shape (points,)
        Law of everything on the window.
    mean : float
        Of everything, exact.
    register : Register
        The lines on the window's grid. Those that are counted in a token stand at today's price.
    """
    own, sd = register.moments()
    if not math.isfinite(sd):
        return math.inf
    whole = _about(mass, window.low + window.grid.places, mean)
    lines = register.grid.back(register.fine.sum(register.components, register.lines))
    places = window.grid.places
    held = _about(lines[places <= window.high], places[places <= window.high], own)
    return math.sqrt(max(whole + sd * sd - held, 0.0))


def _about(mass: Array, places: Array, mean: float) -> float:
    """Second moment about a mean."""
    return math.fsum((mass * (places - mean) ** 2).tolist())


def weighed(
    register: Register, interfaces: Sequence[Interface], weights: Sequence[Array]
) -> Register:
    """The same lines under other weights of the interfaces' states.

    Parameters
    ----------
    register : Register
    interfaces : sequence of Interface
    weights : sequence of array
        One for each interface.
    """
    if all(old.weights is new for old, new in zip(interfaces, weights, strict=True)):
        return register
    by = [
        (list(each.hits), tuple(zip(new.tolist(), each.hits, strict=True)))
        for each, new in zip(interfaces, weights, strict=True)
    ]
    mixtures = [
        mixture
        if isinstance(mixture, Unlisted)
        else next(new for hits, new in by if hits == [hit for _, hit in mixture])
        for mixture in register.mixtures
    ]
    lines = list(register.lines.values())
    return Register(lines, mixtures=mixtures, caps=register.caps, grid=register.grid)
