# SPDX-License-Identifier: Apache-2.0
"""The law of losses that many nodes of one network drive, without listing their joint states.

Twenty nodes with two states have a million joint states; listing them is hopeless where the network
itself is narrow. Transforms of the losses travel through the junction tree as probabilities do
(`perilscope.engines.carried`), so the cost grows with the width of the network, not with the number
of nodes that drive losses.

For horizons of one period of the network (or nodes that are states now): over several periods the
worst state of each counts, which is no product over the tree.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perilscope.engines import compound
from perilscope.engines.carried import transform
from perilscope.engines.compound import Compound
from perilscope.engines.findings import Findings
from perilscope.engines.grid import Grid, Transform
from perilscope.engines.inference import NOTHING, Session, ask
from perilscope.engines.loss import LossLaw
from perilscope.engines.network import Network
from perilscope.engines.register import Register
from perilscope.engines.transforms import Transforms
from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]

SURE = 1e-9
_WIDENINGS = 4


@dataclass(frozen=True)
class Driven:
    """A line that has events where a node is in a state, and none elsewhere.

    Parameters
    ----------
    line : Compound
        Its counts in that state are those given at least one.
    node, state : str
    """

    line: Compound
    node: str
    state: str = "yes"


def law(
    net: Network,
    driven: Sequence[Driven],
    free: Sequence[Compound] = (),
    findings: Findings = NOTHING,
    *,
    grid: Grid | None = None,
) -> LossLaw:
    """The law of the sum of driven and free lines, given what is known of the network.

    Parameters
    ----------
    net : Network
    driven : sequence of Driven
        At least one.
    free : sequence of Compound
        Independent of the network.
    findings : Findings
    grid : Grid, optional
        Chosen when absent, and widened until hardly anything lies beyond.

    Raises
    ------
    MisuseError
        No driven line, nodes or states that do not exist.
    AssessmentError
        Findings that cannot hold together, a network that is too wide, no grid wide enough.

    Examples
    --------
    A network whose one node fails a year in ten and then costs 5:

    >>> from perilscope.engines.counts import Bernoulli
    >>> from perilscope.engines.distributions import Constant
    >>> from perilscope.engines.network import Node
    >>> node = Node("fails", ("no", "yes"), (), np.array([0.9, 0.1]))
    >>> once = Compound("cost", lambda theta, years: (Bernoulli(0.5), Constant(5.0)))
    >>> found = law(Network((node,)), [Driven(once, "fails")], grid=Grid(1.0, 64, lattice=True))
    >>> found.mean, round(found.exceed(4.0), 9), found.var(0.95)
    (0.5, 0.1, 5.0)
    """
    if not driven:
        raise MisuseError("no line is driven: a register has the law of lines by themselves")
    for each in driven:
        if each.state not in net.node(each.node).states:
            states = ", ".join(net.node(each.node).states)
            raise MisuseError(f"{each.node} has no state {each.state!r}; it has {states}")
    moments = _moments(net, driven, free, findings)
    if grid is not None:
        return _on(grid, net, driven, free, findings, moments)
    wide = _first(driven, free, _chances(net, driven, findings))
    for _ in range(_WIDENINGS):
        found = _on(wide, net, driven, free, findings, moments)
        if found.beyond <= SURE:
            return found
        wide = replace(wide, points=wide.points * 2)
    raise AssessmentError(f"{found.beyond:.1e} of the losses lie beyond {wide.range:,.6g}")


def _chances(net: Network, driven: Sequence[Driven], findings: Findings) -> list[float]:
    nodes = list(dict.fromkeys(each.node for each in driven))
    laws = ask(net, findings, nodes).marginals
    return [laws[each.node][each.state] for each in driven]


def _first(driven: Sequence[Driven], free: Sequence[Compound], chances: Sequence[float]) -> Grid:
    """The grid that would do if every line were driven by itself."""
    mixtures = [
        ((1.0 - p, {each.line.key: False}), (p, {each.line.key: True}))
        for each, p in zip(driven, chances, strict=True)
    ]
    lines = [*(each.line for each in driven), *free]
    return Register(lines, mixtures=mixtures).grid


def _on(
    grid: Grid,
    net: Network,
    driven: Sequence[Driven],
    free: Sequence[Compound],
    findings: Findings,
    moments: tuple[float, float],
) -> LossLaw:
    fine = Transforms(grid)
    mass = grid.back(_total(fine, net, driven, free, findings))
    if grid.lattice:
        return _read(grid, mass, moments)
    half = Transforms(grid, halved=True, like=fine)
    coarse = half.grid.back(_total(half, net, driven, free, findings))
    plain = _read(grid, mass, moments)
    return _read(grid, mass, moments, coarse, plain)


def _read(
    grid: Grid,
    mass: Array,
    moments: tuple[float, float],
    coarse: Array | None = None,
    plain: LossLaw | None = None,
) -> LossLaw:
    mean, sd = moments
    none = max(float(mass[0]), 0.0) if grid.lattice else 0.0
    others = None if plain is None else (lambda this, _x: [(this, plain)])
    return LossLaw(grid, mass, mean=mean, sd=sd, none=none, coarse=coarse, others=others)


def _moments(
    net: Network, driven: Sequence[Driven], free: Sequence[Compound], findings: Findings
) -> tuple[float, float]:
    """Exact mean and standard deviation: lines by themselves, and nodes in pairs."""
    session = Session(net)
    session.know(findings)
    own = [compound.moments(each.line, driven=True) for each in driven]
    nodes = list(dict.fromkeys(each.node for each in driven))
    laws = session.marginals(nodes)
    chance = [laws[each.node][each.state] for each in driven]
    loose = [line.moments() for line in free]
    mean = math.fsum(
        [*(p * m for p, (m, _) in zip(chance, own, strict=True)), *(m for m, _ in loose)]
    )
    if not math.isfinite(mean):
        raise AssessmentError("a loss per event has no finite mean and no cap")
    variance = [sd * sd for _, sd in loose]
    variance += [p * (sd * sd + (1.0 - p) * m * m) for p, (m, sd) in zip(chance, own, strict=True)]
    size = {node: np.zeros(len(net.node(node).states)) for node in nodes}
    for i, one in enumerate(driven):
        mine = net.node(one.node).states
        for k, other in enumerate(driven[:i]):
            if other.node == one.node:
                both = chance[i] if other.state == one.state else 0.0
                term = own[i][0] * own[k][0] * (both - chance[i] * chance[k])
                variance.append(2.0 * term)
        size[one.node][mine.index(one.state)] += own[i][0]
    for a, b in itertools.combinations(nodes, 2):
        joint = session.joint([a, b])
        apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
        variance.append(2.0 * float(size[a] @ (joint - apart) @ size[b]))
    return mean, math.sqrt(max(math.fsum(variance), 0.0))


def _total(
    transforms: Transforms,
    net: Network,
    driven: Sequence[Driven],
    free: Sequence[Compound],
    findings: Findings,
) -> Transform:
    """Transform of everything: one table a node, its states first, carried through the tree."""
    size = transforms.grid.points // 2 + 1
    tables: dict[str, Transform] = {}
    for each in driven:
        node = net.node(each.node)
        table = tables.setdefault(each.node, np.ones((len(node.states), size), dtype=np.complex128))
        table[node.states.index(each.state)] *= transforms.line(each.line, True)
    total = transform(net, [((name,), table) for name, table in tables.items()], findings)
    for line in free:
        total = total * transforms.line(line, False)
    return np.asarray(total)
