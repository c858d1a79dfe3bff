# SPDX-License-Identifier: Apache-2.0
"""The same inference by another library, pyAgrum: a second, independent route for checking.

No result rests on it: its last bits change from run to run. Everything goes in and comes out by
name, because the library keeps the axes of a table in the reverse order of its names; numbers are
copied while the objects that own them are alive, because the library frees them with their owner.
Nodes and states travel under plain numbered names, since not every text is allowed as a label.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perilscope.engines.kept import Kept
from perilscope.engines.networks.network import Network
from perilscope.errors import AssessmentError, MisuseError

Laws = dict[str, dict[str, float]]

GIGABYTES = 4
"""Memory that the library may take for one network; beyond it gives up by itself."""


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
        self.engine.setMaxMemory(GIGABYTES)
        self._wanted: set[str] = set()

    def laws(
        self,
        hard: Mapping[str, str],
        likelihood: Mapping[str, Sequence[float]],
        targets: Sequence[str] | None,
    ) -> Laws:
        """Laws of some nodes."""
        net, label, engine = self.net, self.label, self.engine
        self._know(hard, likelihood)
        names = [node.name for node in net.nodes] if targets is None else list(targets)
        wanted = {label[name] for name in names}
        if wanted != self._wanted:  # the library forgets what it knows when it is told again
            engine.setTargets(wanted)
            self._wanted = wanted
        try:
            engine.makeInference()
            found: Laws = {}
            for name in names:
                values = engine.posterior(label[name]).tolist()  # copied while it lives
                if not math.isfinite(math.fsum(values)):
                    raise _impossible(hard)
                found[name] = dict(zip(net.node(name).states, values, strict=True))
        except self.library.IncompatibleEvidence:
            raise _impossible(hard) from None
        except Exception as error:  # running out of memory is a bare one
            raise _out_of_memory(error) from None
        return found

    def weight(self, hard: Mapping[str, str], likelihood: Mapping[str, Sequence[float]]) -> float:
        """Probability of what is known; takes the library about as long as the laws."""
        if not hard and not likelihood:
            return 1.0
        self._know(hard, likelihood)
        try:
            return float(self.engine.evidenceProbability())
        except self.library.IncompatibleEvidence:
            return 0.0
        except Exception as error:  # running out of memory is a bare one
            raise _out_of_memory(error) from None

    def _know(self, hard: Mapping[str, str], likelihood: Mapping[str, Sequence[float]]) -> None:
        """Give the findings; a contradiction that the library would not notice is refused."""
        net = self.net
        at = {name: net.state(name, state) for name, state in hard.items()}
        for name, place in at.items():
            node = net.node(name)
            if all(parent in at for parent in node.parents):
                row = (*(at[parent] for parent in node.parents), place)
                if not float(node.table[row]) > 0.0:
                    raise _impossible(hard)
        seen: dict[str, Any] = {self.label[name]: place for name, place in at.items()}
        seen |= {self.label[name]: list(vector) for name, vector in likelihood.items()}
        self.engine.setEvidence(seen)


_COMPILED: Kept[_Compiled] = Kept(32)


def laws(
    net: Network,
    hard: Mapping[str, str] | None = None,
    likelihood: Mapping[str, Sequence[float]] | None = None,
    targets: Sequence[str] | None = None,
) -> Laws:
    """Laws of nodes given what is known, by pyAgrum's propagation.

    A network that was asked lately is not built again.

    Raises
    ------
    MisuseError
        If pyAgrum is not installed, or a node or state does not exist.
    AssessmentError
        If the evidence cannot happen in this network.
    """
    return _compiled(net).laws(hard or {}, likelihood or {}, targets)


def weight(
    net: Network,
    hard: Mapping[str, str] | None = None,
    likelihood: Mapping[str, Sequence[float]] | None = None,
) -> float:
    """Probability of what is known, likelihoods averaged; raises as `laws`."""
    return _compiled(net).weight(hard or {}, likelihood or {})


def _compiled(net: Network) -> _Compiled:
    found = _COMPILED.get(id(net), lambda: _Compiled(net))
    if found.net is not net:  # another network had this place in memory before
        found = _Compiled(net)
    return found


def _out_of_memory(error: Exception) -> Exception:
    """What to raise for an error of the library: a bare exception is how its memory ends."""
    if "bad_alloc" not in str(error) and "memory" not in str(error).lower():
        return error
    return AssessmentError(
        f"the network is too densely connected: pyAgrum would need more than {GIGABYTES} GB; ask "
        "for some nodes only, or give nodes fewer parents or fewer states"
    )


def _impossible(seen: Mapping[str, str]) -> AssessmentError:
    told = ", ".join(f"{name}={state}" for name, state in seen.items())
    return AssessmentError(f"this evidence cannot happen in the network: {told}")


def marginals(net: Network, evidence: Mapping[str, str] | None = None) -> Laws:
    """The law of every node given evidence; raises as `laws`."""
    return laws(net, evidence)
