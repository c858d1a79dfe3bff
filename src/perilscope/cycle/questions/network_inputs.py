# SPDX-License-Identifier: Apache-2.0
"""What table entries do through numbers that scenarios take from networks.

A vulnerability or a frequency that is read from a node is a number to its line, and no joint state
says it. Its lines are written anew with the entry a little higher and lower, and exchanged in the
joint law: central differences, where the joint states themselves have slopes in closed form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from perilscope.cycle.questions.reading import Reading
from perilscope.cycle.together import LEVEL, Together
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared, shared_by
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.joint.replaced import Replaced
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.one_way import one_way
from perilscope.errors import AssessmentError
from perilscope.layers import frequency, operational, slopes
from perilscope.layers.driven import Event, places
from perilscope.layers.drivers import Drivers
from perilscope.layers.slopes import Entry

MOST = 400
"""Entries of one network that are moved; of more it is said that this part is left out."""
MOST_ANEW = 40
"""The same where lines are counted in tokens, which takes longer."""
_STEP = 1e-3
"""Of the smaller of an entry and what it leaves to the others of its row."""


def takers(reading: Reading, found: Together) -> dict[str, dict[str, tuple[Event, ...]]]:
    """Network -> line -> the nodes of it that the line takes a number from.

    Not of networks whose joint states are not listed and that share lines with others that are.
    """
    carried = dict(found.whole.hidden)
    driving = {each.network for each in found.whole.driving} | carried.keys()
    known = [each.net.net for each in carried.values()]
    hidden = [
        each.net
        for each in reading.joined.mixtures
        if isinstance(each, Unlisted) and not any(each.net is net for net in known)
    ]
    taken: dict[str, dict[str, tuple[Event, ...]]] = {}
    for key in reading.joined.lines:
        scenario = reading.book.scenarios[key]
        trigger = frequency.trigger(scenario)
        numbers = [x for x in frequency.drivers_of(scenario) if x is not trigger]
        asked = [(x.network, x.node) for x in numbers]
        if trigger is not None or not numbers:
            asked += [x for x in places(reading.book, scenario) if x not in asked]
        for net, node in asked:
            network, own = reading.drivers.place(net, node)
            if any(reading.drivers.driver(network).network is each for each in hidden):
                continue
            if network not in driving or (net, node) in [(x.network, x.node) for x in numbers]:
                mine = taken.setdefault(network, {})
                mine[key] = (*mine.get(key, ()), (network, own))
    return taken


def lines(reading: Reading, drivers: Drivers, keys: Iterable[str]) -> list[Compound]:
    """Some lines under other networks; what joint states say of them stays as it was."""
    context = replace(reading.context, drivers=drivers)
    return [
        _as_before(
            operational.line(reading.book.scenarios[key], context), reading.joined.lines[key]
        )
        for key in keys
    ]


def _as_before(line: Compound, old: Compound) -> Compound:
    """A line whose shared beliefs are those that other lines share."""
    known = {belief.name: belief for belief in shared_by(old.beliefs)}
    same = (known.get(b.name, b) if isinstance(b, Shared) else b for b in line.beliefs)
    return replace(line, beliefs=tuple(same))


def exchangeable(reading: Reading, found: Together) -> Replaced:
    """The joint law, whose lines may be exchanged."""
    return Replaced(found.whole.joint, found.law, reading.plain.mean)


def entries(reading: Reading, found: Together, replaced: Replaced) -> list[Entry]:
    """Slopes of every table entry through the numbers that lines take from its network."""
    taken = takers(reading, found)
    made: list[Entry] = []
    for network, mine in taken.items():
        known = _candidates(reading.drivers, network, mine)
        dear = bool(found.whole.joint.tokens.keys() & mine.keys())
        if len(known) > (MOST_ANEW if dear else MOST) or network not in reading.drivers.networks:
            reading.notes.append(
                (
                    f"networks.{network}",
                    f"what its {len(known)} table entries do through the numbers that "
                    f"{', '.join(mine)} takes from it is left out of the slopes: they are too "
                    "many, or of networks that are tied together",
                )
            )
            continue
        made += [_entry(reading, found, replaced, list(mine), each) for each in known]
    return made


def _candidates(drivers: Drivers, network: str, mine: Mapping[str, Sequence[Event]]) -> list[Entry]:
    """Entries that the probabilities of the nodes answer to."""
    driver = drivers.driver(network)
    findings = Findings(hard=driver.evidence)
    nodes = dict.fromkeys(node for each in mine.values() for _, node in each)
    found: dict[object, Entry] = {}
    for node in (each for each in nodes if each not in driver.evidence):
        for state in driver.states(node):
            for line in one_way(driver.network, node, state, findings):
                if 0.0 < line.value < 1.0:
                    found[line.node, line.row, line.state] = Entry(
                        network, line.node, line.row, line.state, line.value, 0.0, 0.0, 0.0
                    )
    return list(found.values())


def _entry(
    reading: Reading, found: Together, replaced: Replaced, keys: Sequence[str], at: Entry
) -> Entry:
    step = _STEP * min(at.value, 1.0 - at.value)
    high, low = (
        replaced.with_(lines(reading, slopes.changed(reading.drivers, at, value), keys)).law()
        for value in (at.value + step, at.value - step)
    )
    years, width = reading.context.years, 2.0 * step
    return replace(
        at,
        ale=(high.mean - low.mean) / years / width,
        var=(high.var(LEVEL) - low.var(LEVEL)) / width,
        cvar=(high.cvar(LEVEL) - low.cvar(LEVEL)) / width,
        error=high.apart(LEVEL, low) / width,
    )


def added(some: Iterable[Entry], more: Iterable[Entry]) -> list[Entry]:
    """Slopes of the same entries added up."""
    found: dict[object, Entry] = {}
    for each in (*some, *more):
        key = (each.network, each.node, each.row, each.state)
        old = found.get(key)
        if old is not None:
            each = replace(
                each,
                ale=each.ale + old.ale,
                var=each.var + old.var,
                cvar=each.cvar + old.cvar,
                error=each.error + old.error,
            )
        found[key] = each
    return list(found.values())


def moved(
    reading: Reading, found: Together, replaced: Replaced, drivers: Drivers, network: str
) -> tuple[float, float]:
    """CVaR of everything under other networks, lines that take a number from one written anew.

    And an estimate of the error that cells of prices leave in what it moves by.

    Raises
    ------
    AssessmentError
        Lines take numbers from a network whose joint states are not listed.
    """
    carried = dict(found.whole.hidden).get(network)
    keys = takers(reading, found).get(network, {})
    if carried is not None:
        if keys:
            raise AssessmentError(
                f"{', '.join(keys)} takes numbers from a network that carries losses: only slopes "
                "are told of its entries"
            )
        ends = [carried.under(x) for x in (carried.net.net, drivers.driver(network).network)]
        return found.law.cvar(LEVEL) + ends[1].cvar(LEVEL) - ends[0].cvar(LEVEL), 0.0
    joint, weights = found.whole.joint, found.whole.weights(drivers, reading.context.years)
    if not keys:
        return joint.law(weights).cvar(LEVEL), 0.0
    others = lines(reading, drivers, keys)
    figures = replaced.under(others, weights, joint.law(weights))
    return figures.cvar(LEVEL), figures.apart(LEVEL)
