# SPDX-License-Identifier: Apache-2.0
"""The same institution simulated: horizons drawn in each joint state of the networks.

A second way to every figure of `assembly`, which shares no transform with it: events are drawn one
by one, a scenario of prices for each horizon, thefts in tokens at its prices. What depends on the
path and has no transform is simulated like this alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.draws import Draws
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.simulation import simulate
from perilscope.engines.stratified import Strata
from perilscope.engines.streams import stream, words
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]

MOST_STRATA = 1024
FEWEST = 200
"""Draws that a state has at least, so that evidence may make it likely later."""


@dataclass(frozen=True)
class Drawn:
    """Horizons by joint state of the interfaces.

    Parameters
    ----------
    strata : Strata
    states : tuple of tuple of int
        For each stratum the state of each interface.
    """

    strata: Strata
    states: tuple[tuple[int, ...], ...]

    def weights(self, interfaces: Sequence[Array]) -> Array:
        """Probabilities of the strata from those of each interface, which are independent."""
        return np.array(
            [
                math.prod(float(w[k]) for w, k in zip(interfaces, at, strict=True))
                for at in self.states
            ]
        )


def draw(joint: Joint, draws: int, seed: int, *, fewest: int = FEWEST, workers: int = 1) -> Drawn:
    """Draw horizons of everything together, state by state.

    Parameters
    ----------
    joint : Joint
    draws : int
        In all, about; shared out by the probabilities of the states as they are now.
    seed : int
    fewest : int
        Draws of each state at least.
    workers : int
        Threads; they change no bit.

    Raises
    ------
    AssessmentError
        More joint states than can be drawn one by one.
    """
    sizes = [len(each.weights) for each in joint.interfaces]
    if math.prod(sizes) > MOST_STRATA:
        raise AssessmentError(
            f"{math.prod(sizes):,} joint states of all networks; at most {MOST_STRATA:,} are drawn "
            "one by one: let fewer nodes drive losses or prices"
        )
    states = tuple(itertools.product(*(range(size) for size in sizes)))
    losses = [
        _stratum(joint, at, max(round(draws * _chance(joint, at)), fewest), seed, workers)
        for at in states
    ]
    finite = math.isfinite(joint.register.moments()[1])
    return Drawn(Strata(losses, finite=finite), states)


def _chance(joint: Joint, at: tuple[int, ...]) -> float:
    pairs = zip(joint.weights, at, strict=True)
    return math.prod(float(weights[k]) for weights, k in pairs)


def _stratum(joint: Joint, at: tuple[int, ...], number: int, seed: int, workers: int) -> Array:
    """Losses of everything in one joint state."""
    name = ",".join(map(str, at))
    own = int(words(seed, "stratum", name, 0)[0] >> np.uint64(2))
    hits = [each.hits[k] for each, k in zip(joint.interfaces, at, strict=True) if each.keys]
    rungs = tuple(e.rungs[k] for e, k in zip(joint.interfaces, at, strict=True) if e.moves)
    rng = stream(seed, "stratum", f"prices {name}", 0)
    weights = np.asarray(joint.scenarios.weights)
    drawn = rng.choice(len(weights), number, p=weights / weights.sum())
    total: Array = joint.losses(rungs)[drawn].copy()
    lines = list(joint.register.lines.values())
    if not lines:
        return total
    found = simulate(
        lines,
        [((1.0, dict(hit)),) for hit in hits],
        joint.register.caps,
        draws=number,
        seed=own,
        workers=workers,
        tally=False,
    )
    assert isinstance(found, Draws)  # none is tallied
    prices = joint.scenarios.prices(rungs)
    for line in lines:
        token = joint.tokens.get(line.key, "")
        mine = found.lines[line.key]
        total += mine * prices[token][drawn] if token else mine
    return total
