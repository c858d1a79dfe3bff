# SPDX-License-Identifier: Apache-2.0
"""Standard deviation of the sum of everything, with what lies beyond the window.

A window ends where VaR and CVaR no longer ask, but one loss in a million may be so large that it
makes a good part of a variance. The variance of the lines by themselves is known exactly; by how
much their own law, cut at the same place, falls short of it is what the window lacks. The market
moves little of that: where the sum is beyond the window, a line is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.joint.parts import Interface
from perilscope.engines.joint.window import Window

Array = npt.NDArray[np.float64]
Prices = tuple[Array, Array]
NOTHING: Mapping[str, Any] = MappingProxyType({})


def spread(
    window: Window,
    mass: Array,
    mean: float,
    register: Register,
    tokens: Mapping[str, str] = NOTHING,
    prices: Mapping[str, Prices] = NOTHING,
) -> float:
    """Standard deviation of everything; infinite where a line's is.

    Parameters
    ----------
    window : Window
    mass : array, shape (points,)
        Law of everything on the window.
    mean : float
        Of everything, exact.
    register : Register
        The lines on the window's grid, those that are counted in a token at today's price.
    tokens : mapping of line to token
    prices : mapping of token to (prices, probabilities)
        Against today's.

    Notes
    -----
    Lines in money and those of each token are taken one after the other: beyond the window one of
    them is, and the others are about their means. What lies beyond it of losses in a token at p
    times today's price is p^2 times what lies beyond 1/p of it today.
    """
    whole = _about(mass, window.low + window.grid.places, mean)
    kinds: dict[str, list[str]] = {}
    for key in register.lines:
        kinds.setdefault(tokens.get(key, ""), []).append(key)
    for token, keys in kinds.items():
        some = register if len(kinds) == 1 else register.subset(keys)
        level, weights = prices[token] if token else (np.ones(1), np.ones(1))
        whole += _lacking(window, some, level, weights)
    return math.sqrt(max(whole, 0.0)) if math.isfinite(whole) else math.inf


def _lacking(window: Window, register: Register, prices: Array, weights: Array) -> float:
    """Second moment about their mean of lines beyond the window, over prices they may stand at."""
    own, sd = register.moments()
    if not math.isfinite(sd):
        return math.inf
    lines = register.grid.back(register.fine.sum(register.components, register.lines))
    places = register.grid.places
    reached = np.concatenate([[0.0], np.cumsum(lines * (places - own) ** 2)])
    held = reached[np.searchsorted(places, window.high / prices, side="right")]
    return float(weights @ (prices**2 * (sd * sd - held)))


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
