# SPDX-License-Identifier: Apache-2.0
"""The same inference by another library, pyAgrum: a second, independent route for checking.

No result rests on it: its last bits change from run to run. Everything goes in and comes out by
name, because the library keeps the axes of a table in the reverse order of its names; numbers are
copied while the objects that own them are alive, because the library frees them with their owner.
Nodes and states travel under plain numbered names, since not every text is allowed as a label.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from typing import Any

from perilscope.engines.elimination import Network
from perilscope.errors import AssessmentError, MisuseError


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            # its start-up warns from C, which crashes where warnings are errors
            warnings.simplefilter("ignore")
            import pyagrum
    except ImportError:
        raise MisuseError(
            "this needs pyAgrum, which is an extra: pip install 'perilscope[agrum]'"
        ) from None
    return pyagrum


def _translated(library: Any, net: Network) -> tuple[Any, dict[str, str]]:
    """The network as a pyAgrum object, and the label under which each node went."""
    label = {node.name: f"n{place}" for place, node in enumerate(net.nodes)}
    bn = library.BayesNet()
    for node in net.nodes:
        states = [f"s{place}" for place in range(len(node.states))]
        bn.add(library.LabelizedVariable(label[node.name], label[node.name], states))
    for node in net.nodes:
        for parent in node.parents:
            bn.addArc(label[parent], label[node.name])
    for node in net.nodes:
        cpt = bn.cpt(label[node.name])
        if not node.parents:
            cpt.fillWith(node.table.tolist())
            continue
        for at in itertools.product(*(range(size) for size in node.table.shape[:-1])):
            given = {label[parent]: where for parent, where in zip(node.parents, at, strict=True)}
            cpt[given] = node.table[at].tolist()
    return bn, label


def _impossible(seen: Mapping[str, str]) -> AssessmentError:
    told = ", ".join(f"{name}={state}" for name, state in seen.items())
    return AssessmentError(f"this evidence cannot happen in the network: {told}")


def marginals(
    net: Network, evidence: Mapping[str, str] | None = None
) -> dict[str, dict[str, float]]:
    """The law of every node given evidence, by pyAgrum's lazy propagation.

    Parameters
    ----------
    net : Network
    evidence : mapping of node to state, optional

    Returns
    -------
    dict of node -> state -> probability

    Raises
    ------
    MisuseError
        If pyAgrum is not installed, or a node or state does not exist.
    AssessmentError
        If the evidence cannot happen in this network.
    """
    library = _library()
    seen = dict(evidence or {})
    at = {name: net.state(name, state) for name, state in seen.items()}
    bn, label = _translated(library, net)
    inference = library.LazyPropagation(bn)
    inference.setEvidence({label[name]: place for name, place in at.items()})
    try:
        inference.makeInference()
        # with every parent observed the library answers without noticing the contradiction
        if not inference.evidenceProbability() > 0.0:
            raise _impossible(seen)
        return {
            node.name: {
                state: float(inference.posterior(label[node.name])[{label[node.name]: place}])
                for place, state in enumerate(node.states)
            }
            for node in net.nodes
        }
    except library.IncompatibleEvidence:
        raise _impossible(seen) from None
