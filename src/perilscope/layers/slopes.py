# SPDX-License-Identifier: Apache-2.0
"""What the tail of everything answers to: every entry of every table behind it, in closed form.

Given the joint states x of a network, what lies beyond VaR is g(x) = E[(L - VaR)+ | x]. CVaR moves
with the entries of the tables as E[g(x)] / (1 - a) does, VaR staying put (the envelope theorem;
Rockafellar and Uryasev 2002). E[g] is the probability of a further node "tail" below the nodes that
drive losses or move prices, so the sensitivity functions of networks give every entry at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.joint.causes import StateTail
from perilscope.engines.joint.wide import Behind
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.one_way import OneWay, one_way
from perilscope.errors import AssessmentError
from perilscope.layers import horizon
from perilscope.layers.driven import Axis
from perilscope.layers.drivers import Drivers
from perilscope.layers.horizon import powered
from perilscope.layers.joining import Driving

Floats = NDArray[np.float64]

_TAIL = "\0tail"
_STEP = 1e-5
_SAME = 1e-9


@dataclass(frozen=True)
class Entry:
    """What one table entry does to the figures of everything, the rest of its row giving way.

    Parameters
    ----------
    network, node : str
    row : tuple of (parent, state)
    state : str
    value : float
        The entry.
    ale, var, cvar : float
        Derivatives by the entry, in money (``ale`` per year, without the market).
    error : float
        Estimate of that of ``cvar`` which cells of prices leave.
    """

    network: str
    node: str
    row: tuple[tuple[str, str], ...]
    state: str
    value: float
    ale: float
    var: float
    cvar: float
    error: float = 0.0

    def __str__(self) -> str:
        given = ", ".join(f"{parent}={state}" for parent, state in self.row)
        return f"P({self.node}={self.state}{' | ' if given else ''}{given})"


@dataclass(frozen=True)
class Values:
    """What each joint state of a network is worth: its mean loss, and what lies beyond VaR.

    Parameters
    ----------
    mean : array, shape (states,)
        Expected operational and protocol losses given the state, over the horizon.
    tail : StateTail
    density : float
        Of the loss about VaR; VaR has no slope where it is 0.
    level, years : float
    """

    mean: Floats
    tail: StateTail
    density: float
    level: float
    years: float


def entries(drivers: Drivers, driving: Driving, values: Values) -> list[Entry]:
    """Slopes of every table entry of a network that the tail can answer to, the steepest first.

    Parameters
    ----------
    drivers : Drivers
        Networks under the evidence.
    driving : Driving
        Which nodes of the network drive losses or move prices.
    values : Values
        Of its joint states.

    Notes
    -----
    Rows with an entry of 1 are left out: there the others have no proportions to keep.
    """
    driver = drivers.driver(driving.network)
    if all(node in driver.evidence for node in {axis.node for axis in driving.axes}):
        return []
    driving, values = _with_held(drivers, driving, values)
    scaled = {
        "ale": values.mean / values.years,
        "var": values.tail.exceed / values.density if values.density > 0.0 else None,
        "cvar": values.tail.excess / (1.0 - values.level),
    }
    lines: dict[str, dict[object, float]] = {}
    known: dict[object, OneWay] = {}
    for name, worth in scaled.items():
        if worth is None:
            continue
        period = _pulled(drivers, driving, np.asarray(worth), values.years)
        found, span = _functions(drivers, driving, period)
        lines[name] = {_key(line): span * line.slope for line in found}
        known |= {_key(line): line for line in found}
    made = [
        Entry(
            driving.network,
            line.node,
            line.row,
            line.state,
            line.value,
            *(lines.get(name, {}).get(key, 0.0) for name in ("ale", "var", "cvar")),
        )
        for key, line in known.items()
    ]
    return sorted(made, key=lambda each: -abs(each.cvar))


def hidden(
    network: str, behind: Behind, *, density: float, level: float, years: float
) -> list[Entry]:
    """The same of a network whose joint states are not listed.

    Parameters
    ----------
    network : str
    behind : Behind
        The network behind a loss beyond VaR.
    density, level, years : float
        As in :class:`Values`.
    """
    found = []
    for mean, exceed, excess in behind.lines():
        var = exceed.slope / density if density > 0.0 else 0.0
        own = (mean.slope / years, var, excess.slope / (1.0 - level))
        found.append(Entry(network, mean.node, mean.row, mean.state, mean.value, *own))
    return found


def _with_held(drivers: Drivers, driving: Driving, values: Values) -> tuple[Driving, Values]:
    """With axes for the states now that hold for the horizon above the nodes that drive."""
    ladders = [(axis.node, axis.groups) for axis in driving.axes]
    above = drivers.held(driving.network, ladders, values.years)
    number = math.prod(len(groups) for _, groups in above)
    if number == 1:
        return driving, values
    tail = replace(
        values.tail,
        exceed=np.repeat(values.tail.exceed, number),
        excess=np.repeat(values.tail.excess, number),
    )
    axes = (*driving.axes, *(Axis(node, groups) for node, groups in above))
    return (
        replace(driving, axes=axes),
        replace(values, mean=np.repeat(values.mean, number), tail=tail),
    )


def _key(line: OneWay) -> object:
    return line.node, line.row, line.state


def _functions(drivers: Drivers, driving: Driving, worth: Floats) -> tuple[list[OneWay], float]:
    """Sensitivity functions of E[worth] up to a scale, which is given too."""
    driver = drivers.driver(driving.network)
    low, high = float(worth.min()), float(worth.max())
    if high - low <= 1e-12 * max(abs(high), abs(low), 1e-300):
        return [], 0.0
    nodes = tuple(dict.fromkeys(axis.node for axis in driving.axes))
    chance = (_expanded(drivers, driving, nodes, worth) - low) / (high - low)
    chance = np.clip(chance, 0.0, 1.0)
    tail = Node(_TAIL, ("no", "yes"), nodes, np.stack([1.0 - chance, chance], axis=-1))
    net = Network((*driver.network.nodes, tail))
    found = one_way(net, _TAIL, "yes", Findings(hard=driver.evidence))
    return [line for line in found if line.node != _TAIL], high - low


def _expanded(drivers: Drivers, driving: Driving, nodes: Sequence[str], worth: Floats) -> Floats:
    """Worth by states of the nodes, from worth by rungs of the axes."""
    driver = drivers.driver(driving.network)
    table = worth.reshape([len(axis.groups) for axis in driving.axes])
    found = np.empty([len(driver.states(node)) for node in nodes])
    for index in np.ndindex(*found.shape):
        at = {node: driver.states(node)[k] for node, k in zip(nodes, index, strict=True)}
        found[index] = table[tuple(_rung(axis, at[axis.node]) for axis in driving.axes)]
    return found


def _rung(axis: Axis, state: str) -> int:
    return next(k for k, group in enumerate(axis.groups) if state in group)


def _pulled(drivers: Drivers, driving: Driving, worth: Floats, years: float) -> Floats:
    """Worth of the states within the network's own period, to first order.

    The states of the horizon follow from those of the period.
    """
    driver = drivers.driver(driving.network)
    shape = tuple(len(axis.groups) for axis in driving.axes)
    if abs(years - driver.years) <= _SAME * driver.years:
        return worth
    within = drivers.over(
        driving.network, [(axis.node, axis.groups) for axis in driving.axes], driver.years
    ).table
    held = [k for k, axis in enumerate(driving.axes) if axis.node in driver.conditions]
    periods = years / driver.years
    found = _exactly(within, held, periods, worth.reshape(shape))
    if found is None:
        found = _by_steps(within, held, periods, worth.reshape(shape))
    return found.ravel()


def _exactly(within: Floats, held: Sequence[int], periods: float, worth: Floats) -> Floats | None:
    """Slopes by every state within the period; None where its law over the horizon is estimated.

    Held axes are conditioned on: there the law is mass times a function of part / mass, whose
    slope by the mass is the function less its own slopes weighed by that part.
    """
    found = np.zeros_like(within)
    for at in _parts(within, held):
        part = within[at]
        mass = math.fsum(part.ravel().tolist())
        if mass <= 0.0:
            continue
        own = horizon.slopes(part / mass, periods, worth[at])
        if own is None:
            return None
        whole = float((powered(part / mass, periods)[0] * worth[at]).sum())
        found[at] = own + whole - float((own * part).sum()) / mass
    return found


def _by_steps(within: Floats, held: Sequence[int], periods: float, worth: Floats) -> Floats:
    """The same by differences: what moving a little from the likeliest state to each is worth.

    Steps twice as wide tell the error of either, which is taken off (Richardson).
    """

    def value(index: tuple[int, ...], step: float) -> float:
        table = within.copy()
        table[index] += step
        table[anchor] -= step
        return math.fsum((_moved(table, held, periods) * worth).ravel().tolist())

    anchor = np.unravel_index(int(np.argmax(within)), within.shape)
    found = np.zeros_like(within)
    for index in np.ndindex(*within.shape):
        if index == tuple(int(k) for k in anchor):
            continue
        h = _STEP
        if within[index] >= 2.0 * h:
            near, far = (
                (value(index, step) - value(index, -step)) / (2.0 * step) for step in (h, 2.0 * h)
            )
            found[index] = (4.0 * near - far) / 3.0
        else:  # a probability is not below zero
            here, one, two = (value(index, step) for step in (0.0, h, 2.0 * h))
            found[index] = (4.0 * one - two - 3.0 * here) / (2.0 * h)
    return found


def _parts(within: Floats, held: Sequence[int]) -> Iterator[tuple[slice | int, ...]]:
    """Where the law stands given each joint state of the held axes."""
    for rung in np.ndindex(*(within.shape[axis] for axis in held)):
        at: list[slice | int] = [slice(None)] * within.ndim
        for axis, index in zip(held, rung, strict=True):
            at[axis] = index
        yield tuple(at)


def _moved(within: Floats, held: Sequence[int], periods: float) -> Floats:
    """The law over a horizon, given the law within one period; held axes are conditioned on."""
    table = np.zeros_like(within)
    for at in _parts(within, held):
        part = within[at]
        mass = math.fsum(part.ravel().tolist())
        if mass > 0.0:
            table[at] = mass * powered(part / mass, periods)[0]
    return table


def changed(drivers: Drivers, entry: Entry, value: float) -> Drivers:
    """The same networks with one table entry at another value, its row in proportion.

    Raises
    ------
    AssessmentError
        The entry belongs to networks that are tied together, or stands beside a sure one.
    """
    if entry.network not in drivers.networks:
        raise AssessmentError(f"{entry.network} is several networks tied together")
    driver = drivers.networks[entry.network]
    node = driver.network.node(entry.node)
    row = dict(entry.row)
    at = tuple(driver.network.state(parent, row[parent]) for parent in node.parents)
    table = np.array(node.table)
    k = node.states.index(entry.state)
    rest = 1.0 - table[(*at, k)]
    if rest <= 0.0:
        raise AssessmentError("the other entries of the row have no proportions to keep")
    table[at] *= (1.0 - value) / rest
    table[(*at, k)] = value
    other = Node(node.name, node.states, node.parents, table)
    nodes = tuple(other if each.name == node.name else each for each in driver.network.nodes)
    networks = {**drivers.networks, entry.network: replace(driver, network=Network(nodes))}
    return Drivers(networks, drivers.groups)
