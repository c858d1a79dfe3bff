# SPDX-License-Identifier: Apache-2.0
"""The adapter over pyAgrum: axes by name, odd names, refusals; against our own engine."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from perilscope.engines.networks import agrum
from perilscope.engines.networks.elimination import Network, Node, marginals
from perilscope.errors import AssessmentError, MisuseError

pytest.importorskip("pyagrum")


def mixed() -> Network:
    """Parents with 2, 3 and 4 states in an order that shows every exchange of axes."""
    rng = np.random.default_rng(3)

    def law(*shape: int) -> np.ndarray:
        table = rng.random(shape)
        return np.asarray(table / table.sum(axis=-1, keepdims=True))

    four = ("up", "down", "side|ways", "Asy/Patch")
    return Network(
        (
            Node("child", ("a", "b", "c"), ("y", "x", "z"), law(3, 2, 4, 3)),
            Node("x", ("0", "1"), (), law(2)),
            Node("y", ("low", "mid", "high"), ("x",), law(2, 3)),
            Node("z", four, ("y", "x"), law(3, 2, 4)),
            Node("odd name, with {signs}", ("no", "yes"), ("child",), law(3, 2)),
        )
    )


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"child": "b"},
        {"z": "Asy/Patch", "x": "1"},
        {"odd name, with {signs}": "yes", "y": "high"},
    ],
)
def test_both_routes_agree(evidence: dict[str, str]) -> None:
    net = mixed()
    ours, theirs = marginals(net, evidence), agrum.marginals(net, evidence)
    assert list(ours) == list(theirs)
    for name, law in ours.items():
        assert list(law) == list(theirs[name])
        assert list(law.values()) == pytest.approx(list(theirs[name].values()), abs=1e-13)


def test_impossible_evidence() -> None:
    net = Network(
        (
            Node("a", ("no", "yes"), (), [0.5, 0.5]),
            Node("b", ("no", "yes"), ("a",), [[1.0, 0.0], [0.0, 1.0]]),
        )
    )
    with pytest.raises(AssessmentError, match=r"a=no.*b=yes"):
        agrum.marginals(net, {"a": "no", "b": "yes"})
    alone = Network((Node("a", ("no", "yes"), (), [1.0, 0.0]),))
    with pytest.raises(AssessmentError, match="a=yes"):
        agrum.marginals(alone, {"a": "yes"})


def test_unknown_names_are_refused_before_the_library_sees_them() -> None:
    with pytest.raises(MisuseError, match="no state"):
        agrum.marginals(mixed(), {"x": "9"})


def test_absent_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyagrum", None)
    with pytest.raises(MisuseError, match=r"perilscope\[agrum\]"):
        agrum.marginals(mixed())
