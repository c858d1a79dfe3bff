# SPDX-License-Identifier: Apache-2.0
"""Arcs that records suggest: a proposal for someone to judge, never used by itself.

The search is that of another library, pyAgrum (greedy hill climbing over arcs); what each arc is
worth is counted here, where the library's own BDeu was seen to differ in the third digit. Records
cannot tell an arc from its reverse where the score is the same both ways, so the direction of an
arc is no finding about causes unless tiers or required arcs force it.

Source: Schwarz, Ann. Stat. 6 (1978), for BIC; Heckerman, Geiger and Chickering, Machine Learning 20
(1995), for BDeu.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import gammaln, xlogy

from perilscope.engines.networks.network import Array
from perilscope.engines.networks.records import MISSING, Places, Records
from perilscope.errors import MisuseError

Arc = tuple[str, str]

ESS = 1.0
"""Equivalent sample size of the BDeu score, that of the library."""


@dataclass(frozen=True)
class Suggested:
    """One arc.

    Parameters
    ----------
    parent, child : str
    gain : float
        How much the score of the child's table falls, in natural logarithms, without this arc and
        with the other suggested parents; below 0 where an arc was required against the records.
    """

    parent: str
    child: str
    gain: float


@dataclass(frozen=True)
class Suggestion:
    """Arcs that together are without a cycle.

    Parameters
    ----------
    arcs : tuple of Suggested
        The most worth first.
    score : str
    gain : float
        Score of all arcs together beyond that of no arc at all, in natural logarithms.
    used, left_out : int
        Records that were used, and that were not because something in them is missing.
    """

    arcs: tuple[Suggested, ...]
    score: str
    gain: float
    used: int
    left_out: int


def suggest_structure(
    records: Records,
    *,
    forbidden: Iterable[Arc] = (),
    required: Iterable[Arc] = (),
    tiers: Sequence[Sequence[str]] | None = None,
    score: Literal["bic", "bdeu"] = "bic",
) -> Suggestion:
    """Arcs that raise the score of complete records, by greedy search.

    Parameters
    ----------
    records : Records
        Those with something missing are left out, and counted; if what is missing has to do with
        the states, what is left is no fair sample.
    forbidden, required : iterable of (parent, child)
    tiers : sequence of sequences of str, optional
        Earlier tiers come first: no arc runs from a later tier to an earlier one. Nodes in no tier
        are free.
    score : str
        ``bic`` or ``bdeu`` (equivalent sample size 1).

    Raises
    ------
    MisuseError
        Names that do not exist, arcs both required and forbidden or in a cycle, no complete record,
        or pyAgrum not installed.
    """
    if score not in ("bic", "bdeu"):
        raise MisuseError(f"no score is called {score!r}: bic or bdeu")
    needed = list(dict.fromkeys(required))
    banned = list(dict.fromkeys([*forbidden, *_backward(records, tiers or ())]))
    _check(records, needed, banned)
    whole = np.all(records.places != MISSING, axis=1) & (records.weights > 0.0)
    counted = int(np.count_nonzero(records.weights > 0.0))
    if not np.any(whole):
        raise MisuseError("no record is complete: a structure is suggested from complete ones only")
    places, weights = records.places[whole], records.weights[whole]
    found = _searched(records, places, weights, needed, banned, score)
    sizes = [len(states) for states in records.states]

    def worth(child: int, parents: list[int]) -> float:
        return family_score(
            places[:, [*parents, child]], weights, [sizes[k] for k in parents], sizes[child], score
        )

    above = [[p for p, c in found if c == child] for child in range(len(sizes))]
    arcs = []
    for parent, child in found:
        others = [p for p in above[child] if p != parent]
        gain = worth(child, above[child]) - worth(child, others)
        arcs.append(Suggested(records.names[parent], records.names[child], gain))
    arcs.sort(key=lambda arc: (-arc.gain, arc.parent, arc.child))
    total = sum(worth(c, parents) - worth(c, []) for c, parents in enumerate(above) if parents)
    used = int(np.count_nonzero(whole))
    return Suggestion(tuple(arcs), score, float(total), used, counted - used)


def family_score(
    places: Places,
    weights: Array,
    parents: Sequence[int],
    states: int,
    score: str,
    ess: float = ESS,
) -> float:
    """Score of one table, in natural logarithms.

    Parameters
    ----------
    places : integer array, shape (rows, parents + 1)
        States of the parents and, last, of the node.
    weights : array, shape (rows,)
    parents : sequence of int
        Number of states of each parent.
    states : int
        Number of states of the node.
    score : str
        ``bic`` or ``bdeu``.
    ess : float
        Records that the uniform prior of ``bdeu`` is worth.

    Examples
    --------
    Two heads of three: 2 log(2/3) + log(1/3) - log(3) / 2.

    >>> round(family_score(np.array([[0], [1], [1]]), np.ones(3), [], 2, "bic"), 6)
    -2.458849
    """
    shape = (*parents, states)
    cells = np.ravel_multi_index(tuple(places.T), shape)
    counts = np.bincount(cells, weights, int(np.prod(shape))).reshape(-1, states)
    rows = counts.sum(axis=1)
    if score == "bic":
        fit = xlogy(counts, counts).sum() - xlogy(rows, rows).sum()
        return float(fit - 0.5 * np.log(weights.sum()) * len(rows) * (states - 1))
    row, cell = ess / len(rows), ess / counts.size
    fit = (gammaln(row) - gammaln(row + rows)).sum()
    return float(fit + (gammaln(cell + counts) - gammaln(cell)).sum())


def _backward(records: Records, tiers: Sequence[Sequence[str]]) -> list[Arc]:
    """Arcs from a later tier to an earlier one."""
    level: dict[str, int] = {}
    for place, tier in enumerate(tiers):
        for name in tier:
            if name in level:
                raise MisuseError(f"node {name} stands in two tiers")
            level[name] = place
    _known(records, level)
    return [(a, b) for a in level for b in level if level[a] > level[b]]


def _known(records: Records, names: Iterable[str]) -> None:
    for name in names:
        if name not in records.names:
            raise MisuseError(f"there is no node {name}; there are {', '.join(records.names)}")


def _check(records: Records, needed: list[Arc], banned: list[Arc]) -> None:
    for arc in (*needed, *banned):
        _known(records, arc)
    for parent, child in needed:
        if (parent, child) in banned:
            raise MisuseError(f"the arc {parent} -> {child} is both required and forbidden")
    left = {name: {p for p, c in needed if c == name} for name in records.names}
    while left:
        free = [name for name, parents in left.items() if not parents & left.keys()]
        if not free:
            raise MisuseError(f"required arcs run in a cycle among {', '.join(left)}")
        for name in free:
            del left[name]


def _libraries() -> tuple[Any, Any]:
    """The library and the one for the data frames it takes records in."""
    try:
        with warnings.catch_warnings():
            # its start-up warns from C, which crashes where warnings are errors
            warnings.simplefilter("ignore")
            import pandas
            import pyagrum
    except ImportError:
        raise MisuseError(
            "this needs pyAgrum and pandas, which are extras: pip install "
            "'perilscope[agrum,frames]'"
        ) from None
    return pyagrum, pandas


def _searched(
    records: Records,
    places: Places,
    weights: Array,
    needed: list[Arc],
    banned: list[Arc],
    score: str,
) -> list[tuple[int, int]]:
    """Arcs between columns, found by the library; names and states travel as plain numbers."""
    library, frames = _libraries()
    template = library.BayesNet()
    labels = [f"n{column}" for column in range(len(records.names))]
    for label, states in zip(labels, records.states, strict=True):
        plain = [f"s{place}" for place in range(len(states))]
        template.add(library.LabelizedVariable(label, label, plain))
    told = np.char.add("s", places.astype(str))
    learner = library.BNLearner(frames.DataFrame(told, columns=labels), template)
    learner.setNumberOfThreads(1)
    for number, weight in enumerate(weights.tolist()):
        learner.setRecordWeight(number, weight)
    learner.useNoPrior()
    if score == "bic":
        learner.useScoreBIC()
    else:
        learner.useScoreBDeu()
    learner.useGreedyHillClimbing()
    at = dict(zip(records.names, labels, strict=True))
    for parent, child in needed:
        learner.addMandatoryArc(at[parent], at[child])
    for parent, child in banned:
        learner.addForbiddenArc(at[parent], at[child])
    # the arcs only: tables would need every row to have been seen
    arcs = [tuple(map(learner.nameFromId, arc)) for arc in learner.learnDAG().arcs()]
    column = {label: k for k, label in enumerate(labels)}
    return sorted((column[a], column[b]) for a, b in arcs)
