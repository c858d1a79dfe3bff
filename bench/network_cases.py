# SPDX-License-Identifier: Apache-2.0
"""What is timed of networks: our own engine, pyAgrum beside it, and pyAgrum through the adapter.

The networks are random but the same each time; those of the reference data are timed where they are
there. Findings change from call to call, so that nothing kept answers by itself.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
from measure import Case
from peers import ROOT, Worker

from perilscope import formats
from perilscope.engines.networks import agrum, ancestral
from perilscope.engines.networks.canonical import NoisyMax
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import AnyNode, Network, Node
from perilscope.engines.networks.one_way import one_way
from perilscope.engines.networks.records import Records
from perilscope.engines.networks.session import Session
from perilscope.engines.networks.table_learning import learn
from perilscope.layers import protocol, protocol_model

ALL_30 = "network of 30 nodes, all marginals, one finding changed"
WHAT_IF_30 = "network of 30 nodes, one target, one finding changed"
ALL_30_AGRUM = "the same marginals by pyAgrum"
WHAT_IF_1000 = "network of 1,000 nodes, one target, one finding changed"
WHAT_IF_1000_AGRUM = "the same target by pyAgrum"
WHAT_IF_1000_ADAPTER = "the same target through the adapter"
NOISY_MAX = "noisy-MAX of 25 parents, built and asked for all marginals"
ONE_WAY = "one target against every table entry of the 30 nodes"
SAMPLED, SAMPLED_AGRUM = "100,000 records of the 30 nodes", "the same records by pyAgrum"
LEARNT = "tables from 5,000 records of 8 nodes, 20 % missing"
PROTOCOL = "a protocol's chance, factors known"
PROTOCOL_TREE = "a protocol's chance by its network"
RECORDS = 100_000
KNOWN = (
    "asia",
    "cancer",
    "earthquake",
    "survey",
    "sachs",
    "child",
    "alarm",
    "insurance",
    "hailfinder",
)
OURS, ADAPTER, RAW, PGMPY = "perilscope", "through the adapter", "raw pyAgrum", "pgmpy"


def known_by(network: str, engine: str) -> str:
    """Name of the case of a published network."""
    return f"{network}, all marginals, {engine}"


def drawn(n: int, window: int, seed: int, parents: int = 3) -> Network:
    """A network of nodes with two or three states whose parents are among the last few."""
    rng = np.random.default_rng(seed)
    nodes: list[AnyNode] = []
    for i in range(n):
        near = np.arange(max(0, i - window), i)
        some = min(int(rng.integers(0, parents + 1)), len(near))
        above = [nodes[j] for j in sorted(rng.choice(near, some, replace=False).tolist())]
        size = int(rng.integers(2, 4))
        table = rng.dirichlet(np.ones(size), [len(p.states) for p in above])
        states = tuple(f"s{k}" for k in range(size))
        nodes.append(Node(f"n{i}", states, tuple(p.name for p in above), table))
    return Network(tuple(nodes))


def networks(worker: Worker | None = None) -> list[Case]:
    """Every case of networks; those of pyAgrum and pgmpy where they are installed."""
    small, large = drawn(30, 30, 1), drawn(1000, 4, 2, 2)
    own = [
        *_asked(small, large),
        Case(NOISY_MAX, _noisy_max),
        Case(ONE_WAY, _one_way(small)),
        Case(SAMPLED, _sampled(small)),
        Case(LEARNT, _learnt()),
        *_protocol(),
    ]
    agrum_is_here = importlib.util.find_spec("pyagrum") is not None
    own += _by_agrum(small, large) if agrum_is_here else []
    for name, net in _known().items():
        own += _published(name, net, worker, both=agrum_is_here)
    return own


def _asked(small: Network, large: Network) -> list[Case]:
    turn = count()
    whole, one, wide = Session(small), Session(small), Session(large)

    def marginals() -> object:
        whole.know(Findings(hard={"n29": f"s{next(turn) % 2}"}))
        return whole.marginals()

    def what_if() -> object:
        one.know(Findings(hard={"n29": f"s{next(turn) % 2}"}))
        return one.marginal("n10")

    def far() -> object:
        wide.know(Findings(hard={"n480": f"s{next(turn) % 2}"}))
        return wide.marginal("n500")

    return [Case(ALL_30, marginals), Case(WHAT_IF_30, what_if), Case(WHAT_IF_1000, far)]


def _noisy_max() -> object:
    rng = np.random.default_rng(3)
    above = [Node(f"p{i}", ("no", "yes"), (), [0.8, 0.2]) for i in range(25)]
    effects = tuple([[1.0, 0.0, 0.0], rng.dirichlet(np.ones(3))] for _ in above)
    names = tuple(node.name for node in above)
    node = NoisyMax("y", ("a", "b", "c"), names, (2,) * 25, effects, (0.9, 0.07, 0.03))
    session = Session(Network((*above, node)))
    session.know(Findings(hard={"y": "c"}))
    return session.marginals()


def _one_way(small: Network) -> Callable[[], object]:
    return lambda: one_way(small, "n10", "s0", Findings(hard={"n29": "s0"}))


def _sampled(small: Network) -> Callable[[], object]:
    turn = count(1)
    return lambda: ancestral.draw(small, RECORDS, next(turn))


def _learnt() -> Callable[[], object]:
    net = drawn(8, 8, 4, 2)
    places = np.stack([v.astype(int) for v in ancestral.draw(net, 5000, 5).values()], axis=1)
    places[np.random.default_rng(6).random(places.shape) < 0.2] = -1
    states = tuple(node.states for node in net.nodes)
    records = Records(tuple(net.sizes), states, places)
    return lambda: learn(net, records, ess=1.0)


def _protocol() -> list[Case]:
    model = protocol_model.calibrated(0.045)
    session, turn = Session(protocol.network()), count()
    known = {"oracle": "robust", "tvl": "large", "live_for": "under-2-years"}

    def tree() -> object:
        session.know(Findings(hard={**known, "audits": ("one", "none")[next(turn) % 2]}))
        return session.marginal(protocol.EXPLOITED)

    return [
        Case(PROTOCOL, lambda: model.chance({**known, "audits": "one"})),
        Case(PROTOCOL_TREE, tree),
    ]


def _raw(net: Network) -> Any:
    """The network as an object of pyAgrum, made by its own calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyagrum
    bn = pyagrum.BayesNet()
    for node in net.nodes:
        labels = [f"s{k}" for k in range(len(node.states))]
        bn.add(pyagrum.LabelizedVariable(node.name, "", labels))
    for node in net.nodes:
        for parent in node.parents:
            bn.addArc(parent, node.name)
    for node in net.nodes:
        bn.cpt(node.name)[:] = _axes(bn, net, node)
    return bn, pyagrum.LazyPropagation(bn)


def _axes(bn: Any, net: Network, node: AnyNode) -> Any:
    """A table in the order in which the library takes an array: its names backwards."""
    order = list(reversed(bn.cpt(node.name).names))
    own = [*node.parents, node.name]
    moved = np.asarray(node.table).transpose([own.index(name) for name in order])
    return np.ascontiguousarray(moved)


def _by_agrum(small: Network, large: Network) -> list[Case]:
    turn = count()
    _, one = _raw(small)
    _, wide = _raw(large)
    bn, _ = _raw(small)

    def marginals() -> object:
        one.setEvidence({"n29": next(turn) % 2})
        one.makeInference()
        return [one.posterior(name).toarray() for name in small.sizes]

    def far() -> object:
        wide.setEvidence({"n480": next(turn) % 2})
        wide.setTargets({"n500"})
        wide.makeInference()
        return wide.posterior("n500").toarray()

    def sampled() -> object:
        import pyagrum

        generator = pyagrum.BNDatabaseGenerator(bn)
        generator.drawSamples(RECORDS)
        return generator

    def through() -> object:
        return agrum.laws(large, {"n480": f"s{next(turn) % 2}"}, targets=["n500"])

    return [
        Case(ALL_30_AGRUM, marginals),
        Case(WHAT_IF_1000_AGRUM, far),
        Case(WHAT_IF_1000_ADAPTER, through),
        Case(SAMPLED_AGRUM, sampled),
    ]


def _known() -> dict[str, Network]:
    """Networks of the reference data that are there."""
    folder = ROOT.parent / "shared" / "data" / "networks"
    found = {}
    for name in KNOWN:
        path = folder / f"{name}.bif"
        if path.is_file():
            found[name] = formats.read(path.read_bytes(), path.name).network
    return found


def _published(name: str, net: Network, worker: Worker | None, *, both: bool) -> list[Case]:
    """All marginals of one network by every engine; one leaf is seen, in turn in each state."""
    leaf = [node for node in net.ordered if not net.children[node.name]][-1]
    turn, session = count(), Session(net)

    def ours() -> object:
        session.know(Findings(hard={leaf.name: leaf.states[next(turn) % 2]}))
        return session.marginals()

    found = [Case(known_by(name, OURS), ours)]
    if both:
        _, engine = _raw(net)

        def raw() -> object:
            engine.setEvidence({leaf.name: next(turn) % 2})
            engine.makeInference()
            return {each: engine.posterior(each).tolist() for each in net.sizes}

        def adapter() -> object:
            return agrum.laws(net, {leaf.name: leaf.states[next(turn) % 2]})

        found += [Case(known_by(name, ADAPTER), adapter), Case(known_by(name, RAW), raw)]
    if worker is not None:
        nodes = [
            {
                "name": node.name,
                "states": len(node.states),
                "parents": list(node.parents),
                "table": np.asarray(node.table).tolist(),
            }
            for node in net.nodes
        ]

        def theirs() -> object:
            seen = {leaf.name: next(turn) % 2}
            return worker.ask("pgmpy", name=name, nodes=nodes, seen=seen)["seconds"]

        found.append(Case(known_by(name, PGMPY), theirs, timed=True))
    return found
