# SPDX-License-Identifier: Apache-2.0
"""The whole institution as one law: market, operational and protocol losses over one horizon.

Networks join them: a node that drives scenarios and moves prices does both in the same state.
Given the joint states of the networks the layers are independent, and the law is computed exactly
(:mod:`perilscope.engines.joint`). Thefts counted in a token are priced by the market scenario that
they happen in. Each layer goes to the horizon by its own law: counts by theirs, nodes by periods
that are alike, prices by spans of the past or by blocks of daily moves compounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.book import Scenario
from perilscope.engines.aggregate.compound import Mixture
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Interface
from perilscope.engines.joint.wide import Wide, wide
from perilscope.engines.joint.window import Window
from perilscope.errors import AssessmentError
from perilscope.layers.context import Context
from perilscope.layers.driven import Axis, Driven, Event, driven
from perilscope.layers.drivers import MOST_CELLS, Drivers, Ladder
from perilscope.layers.enterprise import Joined
from perilscope.layers.holdings import Held, Market
from perilscope.layers.moves import DAYS_A_YEAR, Moves
from perilscope.layers.shocks import Shocks, ladder
from perilscope.layers.tokens import Note
from perilscope.once import cached_property

Floats = NDArray[np.float64]
ADDED = (
    "An average year and what it exceeds are of operational and protocol losses over the horizon. "
    "The enterprise figures join the market to them over the same horizon; its expected gain is "
    "zero unless declared and offsets nothing in the expected loss per year."
)

UNLISTED = (
    "its joint states are too many to be listed: losses are carried through it, exactly; which "
    "states of each of its nodes stand behind the tail is told, which joint states is not"
)

_ALIKE = 1e-9


@dataclass(frozen=True)
class Driving:
    """What the joint states of one network stand for.

    Parameters
    ----------
    network : str
        As it is asked: a group where protocols are tied.
    axes : tuple of Axis
    states : tuple of tuple of int
        For each joint state, the group on each axis.
    interface : Interface
        The same states with their probabilities.
    """

    network: str
    axes: tuple[Axis, ...]
    states: tuple[tuple[int, ...], ...]
    interface: Interface

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """The same as an array, shape (states, axes)."""
        return np.array(self.states, dtype=np.int64).reshape(len(self.states), len(self.axes))

    def named(self, state: int) -> dict[str, str]:
        """A joint state in words: node to state, several as ``a or b``."""
        found: dict[str, list[tuple[str, ...]]] = {}
        for axis, group in zip(self.axes, self.states[state], strict=True):
            found.setdefault(axis.node, []).append(axis.groups[group])
        return {node: _together(groups) for node, groups in found.items()}


def _together(groups: Sequence[tuple[str, ...]]) -> str:
    """What several axes say of one node, each some states of it.

    Examples
    --------
    >>> _together([("no", "eth"), ("no", "both")])
    'no'
    >>> _together([("eth",), ("both",)])  # one after the other, within the horizon
    'eth and both'
    """
    shared = [state for state in groups[0] if all(state in each for each in groups)]
    if shared:
        return " or ".join(shared)
    least = [a for a in dict.fromkeys(groups) if not any({*b} < {*a} for b in groups)]
    return " and ".join(" or ".join(each) for each in least)


@dataclass(frozen=True)
class Whole:
    """Market, operational and protocol losses as one law.

    Parameters
    ----------
    joint : Joint
        The engine, which can be asked under other weights.
    law : SignedLaw
        Of everything over the horizon.
    market : SignedLaw
        Of the market alone over the horizon.
    moves : Moves
    driving : tuple of Driving
        In the order of the engine's interfaces.
    tokens : mapping of scenario to token
        Losses that are priced by the scenario.
    hidden : tuple of (network, Wide)
        Networks whose joint states are not listed.
    """

    joint: Joint
    law: SignedLaw
    market: SignedLaw
    moves: Moves
    driving: tuple[Driving, ...]
    tokens: Mapping[str, str]
    hidden: tuple[tuple[str, Wide], ...] = ()

    def weights(self, drivers: Drivers, years: float) -> list[Floats]:
        """Probabilities of the joint states under other evidence."""
        return [_table(drivers, each.network, each.axes, years)[0].ravel() for each in self.driving]


def whole(
    joined: Joined,
    scenarios: Mapping[str, Scenario],
    context: Context,
    held: Held,
    moves: Moves,
    shocks: Shocks,
    tokens: Mapping[str, str],
    note: Note = lambda _where, _what: None,
) -> Whole:
    """The joint law of all layers.

    Parameters
    ----------
    joined : Joined
        Lines of loss over the horizon of the context.
    scenarios : mapping
        What the lines were declared as.
    context : Context
    held : Held
        Our own holdings at today's prices.
    moves : Moves
        Of what is held and of ``tokens``, over the same horizon.
    shocks : mapping
        What states of networks do to prices.
    tokens : mapping of scenario to token
        As :func:`counted` gives them.
    note : callable

    Raises
    ------
    AssessmentError
        No window is wide enough, too many joint states, or nothing could be assessed.
    """
    assets, extra = tuple(held.values), tuple(sorted(set(tokens.values())))
    _same_horizon(moves, context, (*assets, *extra))
    weighed = {**dict.fromkeys(extra, 1.0), **held.exposures}
    driving, factors = _driven(joined, scenarios, context, shocks, weighed, (*assets, *extra), note)
    market = Market(held, extra, moves.spans, context.years * DAYS_A_YEAR, factors)
    mixtures: list[Mixture | Unlisted] = [
        tuple(zip(x.interface.weights.tolist(), x.interface.hits, strict=True))
        for x in driving
        if x.interface.keys
    ]
    mixtures += [mixture for mixture in joined.mixtures if isinstance(mixture, Unlisted)]
    lines = list(joined.lines.values())
    groups = {line.group for line in lines}
    caps = {name: cap for name, cap in joined.caps.items() if name in groups}
    # a line that one network drives by itself is tied to what the network does to prices
    register = Register(lines, mixtures=mixtures, caps=caps)
    joint = Joint(register, [each.interface for each in driving], market, tokens)
    for key in tokens:
        if key not in joint.tokens:
            note(
                f"scenarios.{key}",
                f"its holding ties it to losses that are not counted in {tokens[key]}, or what it "
                "shares with others has too many joint states: it is taken at today's price, not "
                "at the price of the market scenario it happens in",
            )
    hidden = tuple((_network_of(context.drivers, each), each) for each in wide(joint))
    return Whole(joint, joint.law(), alone(joint), moves, driving, joint.tokens, hidden)


def _network_of(drivers: Drivers, known: Wide) -> str:
    """The network that carries losses; of several that are tied together the first."""
    return next(x for x in drivers.networks if drivers.driver(x).network is known.net.net)


def alone(joint: Joint) -> SignedLaw:
    """Law of the market by itself, on a window of its own where that is finer.

    Beside large losses of other layers one step of the common window may be a good part of what
    the market can lose at all.
    """
    weights = joint.scenarios.weights
    states = {rungs: chance for rungs in joint.markets if (chance := joint.chance(rungs)) > 0.0}
    lost = [(chance, joint.losses(rungs)) for rungs, chance in states.items()]
    window = _narrow(joint.window, [losses for _, losses in lost])
    mean = math.fsum(chance * float(weights @ losses) for chance, losses in lost)
    square = math.fsum(chance * float(weights @ (losses - mean) ** 2) for chance, losses in lost)
    held = math.fsum(chance * float(weights @ window.clamped(losses)) for chance, losses in lost)
    mass = np.sum([chance * window.mass(losses, weights) for chance, losses in lost], axis=0)
    return SignedLaw(window, mass, mean=mean, sd=math.sqrt(square), cut=held - mean)


def _narrow(window: Window, lost: Sequence[Floats]) -> Window:
    """As many points from the largest gain to the largest loss, if they are closer together."""
    low = min(0.0, *(float(losses.min()) for losses in lost))
    high = max(0.0, *(float(losses.max()) for losses in lost))
    points = window.grid.points
    step = (high - low) / (points - 4)
    if not 0.0 < step < window.grid.step:
        return window
    return Window(Grid(step, points), 2 * math.ceil(-0.5 * low / step))


def _same_horizon(moves: Moves, context: Context, wanted: Sequence[str]) -> None:
    if abs(moves.years - context.years) > _ALIKE * context.years:
        raise AssessmentError(
            f"prices move over {moves.years:g} years and losses are of {context.years:g}: one "
            "horizon is wanted for all layers"
        )
    if moves.assets != tuple(wanted):
        raise AssessmentError("the moves are not those of what is held and counted in")


# --- networks


def _driven(
    joined: Joined,
    scenarios: Mapping[str, Scenario],
    context: Context,
    shocks: Shocks,
    values: Mapping[str, float],
    assets: Sequence[str],
    note: Note,
) -> tuple[tuple[Driving, ...], tuple[tuple[Floats, ...], ...]]:
    """Interfaces of all networks, and for those that move prices what each rung does."""
    drives = driven(joined.lines, scenarios, context)
    moving = _moving(context.drivers, shocks, values)
    found: list[Driving] = []
    factors: list[tuple[Floats, ...]] = []
    for network in dict.fromkeys([*drives, *moving]):
        hit, moved = drives.get(network, Driven()), moving.get(network, {})
        if not moved and hit.ties < 2:
            continue  # one line by itself: its counts say all
        axes, place = _axes(context.drivers, network, hit, moved)
        if math.prod(len(axis.groups) for axis in axes) > MOST_CELLS and not (moved or hit.factors):
            note(f"networks.{network}", UNLISTED)
            continue  # its losses travel through it; see `Joined.mixtures`
        table, said = _table(context.drivers, network, axes, context.years)
        if said:
            note(f"networks.{network}", said)
        states = tuple(np.ndindex(*table.shape))
        places: list[Event | str] = [*hit.events, *hit.factors]
        hits = tuple(
            hit.values({what: state[place["drives", what]] for what in places}) for state in states
        )
        rungs, each = _rungs(axes, states, moved, place, assets)
        interface = Interface(network, table.ravel(), hits, rungs, moves=bool(moved))
        found.append(Driving(network, axes, states, interface))
        if moved:
            factors.append(each)
    return tuple(found), tuple(factors)


Moved = Mapping[str, tuple[Ladder, Mapping[str, Mapping[str, float]]]]


def _moving(drivers: Drivers, shocks: Shocks, values: Mapping[str, float]) -> dict[str, Moved]:
    """Network -> node -> its ladder and what each state does; of what is held or counted in."""
    found: dict[str, dict[str, tuple[Ladder, Mapping[str, Mapping[str, float]]]]] = {}
    for net, nodes in shocks.items():
        for node, states in nodes.items():
            felt = {
                state: {token: move for token, move in tokens.items() if token in values and move}
                for state, tokens in states.items()
            }
            felt = {state: tokens for state, tokens in felt.items() if tokens}
            if felt:
                network, placed = drivers.place(net, node)
                rungs = ladder(drivers, net, node, felt, values)
                found.setdefault(network, {})[placed] = (rungs, felt)
    return dict(found)


def _axes(
    drivers: Drivers, network: str, hit: Driven, moved: Moved
) -> tuple[tuple[Axis, ...], dict[object, int]]:
    """Axes of the joint states, each once, and where what is driven and moving nodes stand."""
    axes: list[Axis] = []
    place: dict[object, int] = {}

    def at(axis: Axis) -> int:
        if axis not in axes:
            axes.append(axis)
        return axes.index(axis)

    for what, axis in hit.axes(drivers, network).items():
        place["drives", what] = at(axis)
    for node, (groups, _) in moved.items():
        place["moves", node] = at(Axis(node, groups))
    return tuple(axes), place


def _table(
    drivers: Drivers, network: str, axes: Sequence[Axis], years: float
) -> tuple[Floats, str]:
    """Probabilities of the joint states over the horizon, and what must be said about them."""
    law = drivers.over(network, [(axis.node, axis.groups) for axis in axes], years)
    return law.table / math.fsum(law.table.ravel().tolist()) + 0.0, law.note


def _rungs(
    axes: Sequence[Axis],
    states: Sequence[tuple[int, ...]],
    moved: Moved,
    place: Mapping[object, int],
    assets: Sequence[str],
) -> tuple[tuple[int, ...], tuple[Floats, ...]]:
    """For each joint state which state of prices it makes, and what each of these does."""
    known: dict[tuple[float, ...], int] = {}
    alike: dict[tuple[int, ...], int] = {}  # of states alike in what moves prices
    rungs = []
    for state in states:
        at = tuple([state[place["moves", node]] for node in moved])
        if at not in alike:
            changes = [
                felt.get(groups[k][0], {})
                for k, (groups, felt) in zip(at, moved.values(), strict=True)
            ]
            factor = tuple(
                math.prod(1.0 + change.get(asset, 0.0) for change in changes) for asset in assets
            )
            alike[at] = known.setdefault(factor, len(known))
        rungs.append(alike[at])
    return tuple(rungs), tuple(np.array(factor) for factor in known)
