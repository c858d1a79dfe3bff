# SPDX-License-Identifier: Apache-2.0
"""The same inference by another library, pyAgrum: a second, independent route for checking.

No result rests on it: its last bits change from run to run. Everything goes in and comes out by
name, because the library keeps the axes of a table in the reverse order of its names; numbers are
copied while the objects that own them are alive, because the library frees them with their owner.
Nodes and states travel under plain numbered names, since not every text is allowed as a label.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perilscope.engines.kept import Kept
from perilscope.engines.network import Network
from perilscope.errors import AssessmentError, MisuseError

Laws = dict[str, dict[str, float]]


def installed() -> bool:
    """Whether the other library is here."""
    return importlib.util.find_spec("pyagrum") is not None


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


class _Compiled:
    """A network as an object of the library, with its engine; neither leaves this module."""

    def __init__(self, net: Network) -> None:
        library = _library()
        self.net, self.library = net, library
        self.label = {node.name: f"n{place}" for place, node in enumerate(net.nodes)}
        self.bn = library.BayesNet()
        for node in net.nodes:
            states = [f"s{place}" for place in range(len(node.states))]
            label = self.label[node.name]
            self.bn.add(library.LabelizedVariable(label, label, states))
        for node in net.nodes:
            for parent in node.parents:
                self.bn.addArc(self.label[parent], self.label[node.name])
        for node in net.nodes:
            # the library's first variable is the node itself and changes fastest, then its parents
            # in the order of the arcs
            size = len(node.states)
            rows = np.moveaxis(np.asarray(node.table), -1, 0).reshape(size, *node.table.shape[:-1])
            order = (*range(len(node.parents), 0, -1), 0)
            self.bn.cpt(self.label[node.name]).fillWith(rows.transpose(order).ravel().tolist())
        self.engine = library.LazyPropagation(self.bn)

    def laws(
        self,
        hard: Mapping[str, str],
        likelihood: Mapping[str, Sequence[float]],
        targets: Sequence[str] | None,
    ) -> tuple[Laws, float]:
        """Laws of some nodes, and the probability of what is known."""
        net, label, engine = self.net, self.label, self.engine
        seen: dict[str, Any] = {label[n]: net.state(n, state) for n, state in hard.items()}
        seen |= {label[n]: list(vector) for n, vector in likelihood.items()}
        engine.setEvidence(seen)
        names = [node.name for node in net.nodes] if targets is None else list(targets)
        engine.setTargets({label[name] for name in names})
        try:
            engine.makeInference()
            weight = float(engine.evidenceProbability()) if seen else 1.0
            # with every parent observed the library answers without noticing the contradiction
            if not weight > 0.0:
                raise _impossible(hard)
            found: Laws = {}
            for name in names:
                posterior = engine.posterior(label[name])
                values = np.array(posterior.toarray(), dtype=np.float64)  # copied while it lives
                found[name] = dict(zip(net.node(name).states, values.tolist(), strict=True))
        except self.library.IncompatibleEvidence:
            raise _impossible(hard) from None
        return found, weight


_COMPILED: Kept[_Compiled] = Kept(8)


def laws(
    net: Network,
    hard: Mapping[str, str] | None = None,
    likelihood: Mapping[str, Sequence[float]] | None = None,
    targets: Sequence[str] | None = None,
) -> tuple[Laws, float]:
    """Laws of nodes given what is known, and the probability of it, by pyAgrum's propagation.

    A network that was asked lately is not built again.

    Raises
    ------
    MisuseError
        If pyAgrum is not installed, or a node or state does not exist.
    AssessmentError
        If the evidence cannot happen in this network.
    """
    found = _COMPILED.get(id(net), lambda: _Compiled(net))
    if found.net is not net:  # another network had this place in memory before
        found = _Compiled(net)
    return found.laws(hard or {}, likelihood or {}, targets)


def _impossible(seen: Mapping[str, str]) -> AssessmentError:
    told = ", ".join(f"{name}={state}" for name, state in seen.items())
    return AssessmentError(f"this evidence cannot happen in the network: {told}")


def marginals(net: Network, evidence: Mapping[str, str] | None = None) -> Laws:
    """The law of every node given evidence; raises as `laws`."""
    return laws(net, evidence)[0]
