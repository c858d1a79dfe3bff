# SPDX-License-Identifier: Apache-2.0
"""A horizon in slices whose holdings run on: drawn once for each start, and weighed anew."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from perilscope.cycle.settings import LEVELS
from perilscope.engines.simulation.stratified import Estimate, Strata, Weighted
from perilscope.engines.slices.paths import Paths, draw
from perilscope.engines.slices.reach import reach
from perilscope.errors import AssessmentError
from perilscope.layers.slices import Slices, start_of

Document = dict[str, Any]

LEAST = 10_000
"""Paths from each state at least, so that it can be looked at by itself."""


class Drawn:
    """Paths from every state that the horizon may start in.

    Parameters
    ----------
    made : Slices
    number : int
        Paths in all, about.
    seed : int
    """

    def __init__(self, made: Slices, number: int, seed: int, name: str = "") -> None:
        self.made = made
        start = made.chains[0][1].start
        self.starts = [k for k in range(len(start)) if start[k] > 0.0 or not name]
        paths = [self._from(k, number, seed, name) for k in self.starts]
        self.loss = Strata([each.loss for each in paths])
        self.worst = Strata([each.worst for each in paths])

    def _from(self, k: int, number: int, seed: int, name: str) -> Paths:
        weight = float(self.made.chains[0][1].start[k])
        count = max(round(number * weight), LEAST)
        found = [
            draw(walk, k, self.made.slices, max(round(count * w), 1), seed, f"{name}{i}")
            for i, (w, walk) in enumerate(self.made.walks)
        ]
        return Paths(*(np.concatenate([getattr(x, f) for x in found]) for f in ("loss", "worst")))

    def weighed(self, law: Any, strata: Strata | None = None) -> Weighted:
        """The law of losses where the states before the first slice have this law."""
        weights = np.asarray(law, dtype=np.float64)[self.starts]
        return (strata or self.loss).weighed(weights / weights.sum())


def measured(known: Weighted) -> Document:
    """Figures of a simulated law with their standard errors; null where the tail is too thin."""
    told: Document = {"mean": known.mean.value, "mean_error": known.mean.error}
    found: dict[str, dict[str, float | None]] = {
        key: {} for key in ("var", "cvar", "error", "var_error", "effective")
    }
    for level in LEVELS:
        name = f"{level:g}"
        found["effective"][name] = known.effective(level)
        try:
            pair: tuple[Estimate | None, Estimate | None] = known.var(level), known.cvar(level)
        except AssessmentError:
            pair = None, None
        for key, each in zip(("var", "cvar"), pair, strict=True):
            found[key][name] = None if each is None else each.value
        found["var_error"][name] = None if pair[0] is None else pair[0].error
        found["error"][name] = None if pair[1] is None else pair[1].error
    return {**told, **found}


def starting(drawn: Drawn) -> list[Document]:
    """The horizon if a node is known to be in a state now, from the same paths."""
    made = drawn.made
    start, rows = made.chains[0][1].start, []
    for node in made.nodes:
        for state in made.first.node(node).states:
            law = start_of(made.starting(node, state).first, made.nodes)
            found = measured(drawn.weighed(law))
            rows.append(
                {
                    "node": node,
                    "state": state,
                    "now": made.chance(start, node, state),
                    **{key: found[key] for key in ("mean", "var", "cvar", "effective")},
                }
            )
    return rows


def lasting(drawn: Drawn, survival: float) -> Document:
    """The capital that lasts with a probability, from the worst of each path."""
    start = drawn.made.chains[0][1].start
    worst, loss = drawn.weighed(start, drawn.worst), drawn.weighed(start)
    enough, at_end = worst.var(survival), loss.var(survival)
    ruined = worst.exceed(max(at_end.value, 0.0))
    return {
        "survival": survival,
        "capital": max(enough.value, 0.0),
        "step": enough.error or 0.0,
        "survives": 1.0 - worst.exceed(enough.value).value,
        "var": at_end.value,
        "ended": loss.exceed(enough.value).value,
        "ruined_with_var": ruined.value,
    }


def checked(made: Slices, number: int, seed: int) -> Document:
    """Exposure restored in each slice, exactly and by paths: the largest gap in standard errors."""
    reset = replace(
        made, walks=tuple((w, replace(x, hold=False, sale=None)) for w, x in made.walks)
    )
    drawn = Drawn(reset, number, seed, "check ")
    known = drawn.weighed(made.chains[0][1].start)
    mass = sum(w * c.mass(made.slices, workers=2) for w, c in made.chains)
    places = made.chains[0][1].places
    sums = np.cumsum(mass)
    mean = math.fsum(w * c.mean(made.slices) for w, c in made.chains)
    gaps = [(known.mean.value - mean) / (known.mean.error or math.inf)]
    for level in LEVELS[:3]:
        k = int(np.searchsorted(sums, level))
        x = float(places.amounts[k]) + 0.5 * places.step
        found = known.exceed(x)
        gaps.append((found.value - (1.0 - float(sums[k]))) / found.error if found.error else 0.0)
    return {
        "paths": int(drawn.loss.counts.sum()),
        "gap": float(max(gaps, key=abs)),
        "outside": sum(w * reach(c, made.slices).total for w, c in made.chains),
    }
