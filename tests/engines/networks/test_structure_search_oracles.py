# SPDX-License-Identifier: Apache-2.0
"""Scores of arcs against another library and by prediction; suggestions of what is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from perilscope.engines.networks.records import Records
from perilscope.engines.networks.structure_search import family_score, suggest_structure

TWO = ("no", "yes")


def places_of_three() -> np.ndarray:
    """Two parents with 3 and 2 states and a node with 3; one row of its table never occurs."""
    rng = np.random.default_rng(6)
    parents = rng.integers(0, (3, 2), (500, 2))
    parents[parents[:, 0] == 2, 1] = 0
    child = np.minimum(parents.sum(axis=1), rng.integers(0, 3, 500))
    return np.column_stack([parents, child])


def test_bic_is_that_of_the_other_library(tmp_path: Path) -> None:
    library = pytest.importorskip("pyagrum", reason="the comparison needs pyAgrum")
    places = places_of_three()
    table = tmp_path / "records.csv"
    lines = ["a,b,c", *(",".join(map(str, row)) for row in places.tolist())]
    table.write_text("\n".join(lines) + "\n")
    learner = library.BNLearner(str(table))
    learner.useNoPrior()
    learner.useScoreBIC()
    theirs = learner.score("c", ["a", "b"]) * math.log(2.0)
    ours = family_score(places, np.ones(500), [3, 2], 3, "bic")
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_bdeu_is_the_chance_of_the_records_foretold_one_after_another() -> None:
    """Each record is foretold by the posterior mean of those before it; ess 1 over 6 rows of 3."""
    places = places_of_three()
    counts = np.full((3, 2, 3), 1 / 18)
    told = 0.0
    for row in map(tuple, places.tolist()):
        told += math.log(counts[row] / counts[row[:2]].sum())
        counts[row] += 1.0
    ours = family_score(places, np.ones(500), [3, 2], 3, "bdeu")
    assert ours == pytest.approx(told, abs=1e-9)


def test_a_clear_dependence_is_suggested_the_right_way_round() -> None:
    pytest.importorskip("pyagrum", reason="the search is pyAgrum's")
    pytest.importorskip("pandas", reason="the search takes data frames")
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 2, (2, 400))
    c = np.where(rng.random(400) < 0.9, a & b, 1 - (a & b))
    noise = rng.integers(0, 3, 400)
    names = ("odd name, {a}", "b", "c", "noise")
    states = (TWO, TWO, TWO, ("x", "y", "z"))
    records = Records(names, states, np.stack([a, b, c, noise], axis=1))
    found = suggest_structure(records, tiers=[["odd name, {a}", "b"], ["c"]])
    assert {(arc.parent, arc.child) for arc in found.arcs} == {(names[0], "c"), ("b", "c")}
    places = records.places
    with_both = family_score(places[:, [0, 1, 2]], records.weights, [2, 2], 2, "bic")
    bare = family_score(places[:, [2]], records.weights, [], 2, "bic")
    assert found.gain == pytest.approx(with_both - bare, abs=1e-9)
    assert all(arc.gain > 0.0 for arc in found.arcs)
    banned = suggest_structure(
        records, forbidden=[("b", "c"), ("c", "b")], required=[("noise", "c")]
    )
    arcs = {(arc.parent, arc.child): arc.gain for arc in banned.arcs}
    assert ("noise", "c") in arcs
    assert arcs["noise", "c"] < 0.0
    assert not {("b", "c"), ("c", "b")} & arcs.keys()


def test_weights_are_repetition_and_can_undo_a_dependence() -> None:
    """Of 300 records half tell of a dependence; with a hundredth of the weight they do not."""
    pytest.importorskip("pyagrum", reason="the search is pyAgrum's")
    pytest.importorskip("pandas", reason="the search takes data frames")
    names, states = ("a", "b"), (TWO, TWO)
    places = np.array([[0, 0], [1, 1]] * 100 + [[0, 0], [0, 1], [1, 0], [1, 1]] * 25)
    assert len(suggest_structure(Records(names, states, places)).arcs) == 1
    faint = np.repeat([0.01, 1.0], [200, 100])
    assert suggest_structure(Records(names, states, places, faint)).arcs == ()
    weights = np.arange(300) % 3
    weighted = suggest_structure(Records(names, states, places, weights))
    repeated = suggest_structure(Records(names, states, np.repeat(places, weights, axis=0)))
    assert weighted.used == np.count_nonzero(weights)
    assert weighted.gain == pytest.approx(repeated.gain, abs=1e-9)
    assert [(a.parent, a.child) for a in weighted.arcs] == [
        (a.parent, a.child) for a in repeated.arcs
    ]
