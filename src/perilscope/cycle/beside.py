# SPDX-License-Identifier: Apache-2.0
"""What a run has others find while the walk goes on: each is asked with its own, and tells it all.

Other processes do this, see `perilscope.cycle.others`: what is given here is not changed, and what
is found can be sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.book import Control
from perilscope.cycle import drawn, together
from perilscope.cycle.drawn import Horizons
from perilscope.cycle.largest import Peak, peak
from perilscope.cycle.others import Tell
from perilscope.cycle.settings import Settings
from perilscope.cycle.start import Start
from perilscope.cycle.together import Doubts, Made
from perilscope.cycle.trading import Traded, traded
from perilscope.engines.aggregate.largest import largest
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint import borne, stretched
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.borne import Borne
from perilscope.engines.joint.cloud import Cloud
from perilscope.engines.joint.largest import largest as joint_largest
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.window import Window
from perilscope.engines.simulation.draws import Simulated
from perilscope.errors import AssessmentError
from perilscope.layers import protocol
from perilscope.layers.joining import Whole
from perilscope.layers.protocol import ProtocolScore
from perilscope.sources.machine import code_folder
from perilscope.treatment.control import Check, World, simulated


@dataclass(frozen=True)
class Simulation:
    """What simulation says of losses alone.

    Parameters
    ----------
    draws : Simulated or None
    tried : mapping
        Of each control by id, or why nothing can be said of it.
    checks : mapping
        How far both engines are apart, by line.
    notes : tuple
        What a reader must know: weight, where, what.
    """

    draws: Simulated | None
    tried: Mapping[str, Check | AssessmentError]
    checks: Mapping[str, float]
    notes: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Jointly:
    """What is found from the law of everything.

    Parameters
    ----------
    borne : Borne or AssessmentError
        Who bears its tail, or why nobody can tell.
    horizons : Horizons or None
    """

    borne: Borne | AssessmentError
    horizons: Horizons | None


def ready(begun: Start) -> None:
    """Load what is compiled, where the walk will call it: others that begin later then have it."""
    if begun.priced is None or not stretched.prepare(code_folder):
        return
    window, none = Window(Grid(1.0, 8), 2), np.zeros(1)
    prices, cloud = {"": none}, Cloud(("",), none[None], none, none)
    stretched.put(window, none, none, prices, cloud)
    for weights in (None, none):
        stretched.read(window, np.zeros((1, 8)), none, prices, cloud, weights)


def desk(begun: Start, _tell: Tell) -> tuple[Traded, tuple[ProtocolScore, ...]]:
    """What hangs on no scenario: the market alone, and the cards of all protocols."""
    market = traded(
        begun.workspace, begun.settings, begun.drivers, begun.held, begun.valued, begun.valuation
    )
    drivers = begun.drivers
    return market, tuple(
        protocol.score(
            item,
            drivers.driver(item.id).evidence,
            begun.valuation.price,
            drivers.marginals[item.id],
        )
        for item in begun.book.protocols.values()
    )


def simulation(
    world: World,
    parts: Mapping[str, Sequence[str]],
    laws: Mapping[str, LossLaw],
    settings: Settings,
    tell: Tell,
) -> Simulation:
    """Losses of all lines by simulation, with and without each control.

    Parameters
    ----------
    world : World
    parts : mapping of str to sequence of str
        As `perilscope.cycle.drawn.losses` takes them.
    laws : mapping of LossLaw
        Of each line alone.
    settings : Settings
    tell : callable
    """
    notes: list[tuple[str, str, str]] = []

    def note(weight: str, where: str, what: str) -> None:
        notes.append((weight, where, what))

    def told(done: int, of: int) -> None:
        tell("simulated years", done, of)

    draws = drawn.losses(world.joined, parts, settings, note, told)
    backend = "auto" if draws is None else draws.backend  # once loaded it costs nothing
    tried = {
        key: _tried(control, world, backend) for key, control in world.context.book.controls.items()
    }
    return Simulation(draws, tried, _checks(laws, world.register, draws), tuple(notes))


def _tried(control: Control, world: World, backend: str) -> Check | AssessmentError:
    try:
        return simulated(control, world, backend)
    except AssessmentError as error:
        return error


def _checks(
    laws: Mapping[str, LossLaw], register: Register, draws: Simulated | None
) -> dict[str, float]:
    """How far both engines are apart in each line.

    A line that shares a capped holding is drawn as its part of it, and a law is of a line by
    itself: there the means of the parts are compared.
    """
    if draws is None:
        return {}
    return {
        key: drawn.gap_of_mean(register.means[key], draws.line(key))
        if register.shares_holding(key)
        else drawn.gap(law, draws.line(key))
        for key, law in laws.items()
    }


def jointly(whole: Whole, level: float, settings: Settings, _tell: Tell) -> Jointly:
    """Who bears the tail of everything, and horizons of it."""
    bearing: Borne | AssessmentError
    try:
        bearing = borne.contributions(whole.joint, whole.law, level)
    except AssessmentError as error:
        bearing = error
    return Jointly(bearing, drawn.together(whole, settings))


def doubts(made: Made, _tell: Tell) -> Doubts:
    """How sure the law of everything is."""
    return together.doubts(made)


def largest_alone(register: Register) -> Peak:
    """The largest single loss."""
    return peak(largest(register))


def largest_together(joint: Joint, _tell: Tell) -> Peak:
    """The largest single loss, the market's over the horizon being one."""
    return peak(joint_largest(joint))


def estimated(*laws: LossLaw | Simulated | SignedLaw) -> None:
    """Have the errors of laws estimated, which they keep; the document asks for them."""
    for each in laws:
        each.error  # noqa: B018
