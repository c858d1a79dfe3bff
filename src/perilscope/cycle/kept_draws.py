# SPDX-License-Identifier: Apache-2.0
"""Horizons of everything kept beside a run, and weighed anew under other evidence.

Draws say what happens in each joint state of the networks, and evidence how probable the states
are. So they serve any evidence that changes nothing else; whether it does is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perilscope.cycle.drawn import figures, thin
from perilscope.engines.aggregate import compound
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.joint.drawn import Drawn, Plan
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.simulation.stratified import Weighted
from perilscope.errors import AssessmentError, StoreError
from perilscope.layers.joining import Whole
from perilscope.store.arrays import packed, read_arrays

Document = dict[str, Any]

FILE = "draws.npz"
_ALIKE = 1e-9
_MEND = "draw them anew: `perilscope run BOOK --keep-draws --evidence ..`"


@dataclass(frozen=True)
class Kept:
    """Draws that a run kept.

    Parameters
    ----------
    drawn : Drawn
    same : mapping
        As `described` told it when they were drawn.
    seed : int
        Of the run.
    file : Path
    """

    drawn: Drawn
    same: Document
    seed: int
    file: Path

    def of(self, whole: Whole) -> Drawn:
        """The draws, if they are of the same losses in every joint state.

        Raises
        ------
        AssessmentError
            They are of other losses.
        """
        wrong = _differs(self.same, described(whole))
        if wrong:
            raise AssessmentError(f"the draws at {self.file} are of other losses: {wrong}; {_MEND}")
        return self.drawn


def written(drawn: Drawn, whole: Whole, seed: int) -> bytes:
    """Draws as a file, with what has to be the same where they are used."""
    chances = {f"chance {k}": p for k, p in enumerate(drawn.plan.chances)}
    about = {
        "same": described(whole), "finite": drawn.finite, "sizes": list(drawn.plan.sizes),
        "seed": seed,
    }  # fmt: skip
    return packed({"losses": drawn.losses, "at": drawn.plan.at, **chances}, about)


def opened(folder: Path) -> Kept:
    """Read draws back.

    Parameters
    ----------
    folder : Path
        Of the run, or the file itself.

    Raises
    ------
    StoreError
        There are none, or the file is damaged.
    """
    file = folder / FILE if folder.is_dir() else folder
    if not file.exists():
        raise StoreError(f"no draws at {file}: `perilscope run BOOK --keep-draws` writes them")
    arrays, about = read_arrays(file)
    try:
        sizes = tuple(int(n) for n in about["sizes"])
        number = sum(key.startswith("chance ") for key in arrays)
        chances = tuple(arrays[f"chance {k}"].astype(np.float64) for k in range(number))
        plan = Plan(arrays["at"].astype(np.int16), chances, sizes)
        losses = arrays["losses"].astype(np.float64)
        same, finite, seed = about["same"], bool(about["finite"]), int(about["seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{file} holds no draws: {error}") from error
    if not _fit(plan, losses) or not isinstance(same, dict):
        raise StoreError(f"{file} holds no draws: its arrays do not fit each other")
    return Kept(Drawn(losses, plan, finite), same, seed, file)


def _fit(plan: Plan, losses: Any) -> bool:
    """Whether arrays that were read can be draws."""
    shape = (losses.size, len(plan.sizes))
    chances = tuple(map(len, plan.chances)) in ((), plan.sizes)
    if losses.ndim != 1 or not losses.size or plan.at.shape != shape or not chances:
        return False
    inside = np.all(plan.at >= 0) and np.all(plan.at < np.array(plan.sizes, dtype=np.int64))
    good = all(np.all(p > 0.0) for p in plan.chances)
    return bool(inside and good and np.all(np.isfinite(losses)))


def described(whole: Whole) -> Document:
    """All that losses in a joint state follow from, in numbers that tell it from another."""
    joint = whole.joint
    register = joint.register
    driven = {key for each in joint.interfaces for key in each.keys}
    nets = [net for net in register.mixtures if isinstance(net, Unlisted)]
    lines: Document = {}
    # of beliefs that states say the value in one state tells them apart: evidence weighs states
    one = {name: x for each in joint.interfaces for name, x in each.hits[0].items()}
    for key, line in register.lines.items():
        hidden = next((net for net in nets if key in net.hits), None)
        mean, sd = compound.moments(line.given(one), driven=key in driven or hidden is not None)
        lines[key] = [
            mean if math.isfinite(mean) else None,
            sd if math.isfinite(sd) else None,
            line.years,
            *([] if hidden is None else [hidden.chances[key]]),
        ]
    market = {}
    for rungs in joint.markets:
        losses = joint.losses(rungs)
        market[",".join(map(str, rungs))] = [float(losses.mean()), float(losses.std())]
    return {
        "scenario": lines,
        "holding": {name: [cap] for name, cap in register.caps.items()},
        "network": {
            each.network: [[axis.node, *map("|".join, axis.groups)] for axis in each.axes]
            for each in whole.driving
        },
        "market": market,
        "token": dict(whole.tokens),
    }


def _differs(kept: Document, asked: Document) -> str:
    """What is not the same, in words; empty where all is."""
    for kind, mine in asked.items():
        theirs = kept.get(kind)
        if not isinstance(theirs, dict) or theirs.keys() != mine.keys():
            return f"they know another {kind} or lack one"
        for name, value in mine.items():
            if not _alike(theirs[name], value):
                where = f"{kind} {name}" if kind != "market" else "what is held, or its prices"
                return f"{where} is not what it was, or answers to the evidence by itself"
    return ""


def _alike(one: Any, two: Any) -> bool:
    if isinstance(two, list):
        same = isinstance(one, list) and len(one) == len(two)
        return same and all(_alike(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(two, float) and isinstance(one, int | float):
        return abs(one - two) <= _ALIKE * max(abs(one), abs(two))
    return bool(one == two)


def told(known: Weighted, law: SignedLaw) -> Document:
    """Simulated figures beside the exact law, with the reason where a tail is too thin."""
    return {**figures(known, law), "thin": thin(known)}
