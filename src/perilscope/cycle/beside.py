# SPDX-License-Identifier: Apache-2.0
"""What a run finds on a second thread while the walk goes on: checks, scores, largest losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from perilscope.book import Book, Control
from perilscope.cycle import drawn
from perilscope.cycle.drawn import Horizons
from perilscope.cycle.largest import Peak, peak
from perilscope.cycle.settings import Settings
from perilscope.cycle.task import Task
from perilscope.cycle.together import Together
from perilscope.engines.aggregate.largest import largest
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint.largest import largest as joint_largest
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.simulation.draws import Simulated
from perilscope.layers import protocol
from perilscope.layers.drivers import Drivers
from perilscope.layers.protocol import ProtocolScore
from perilscope.treatment.control import Check, World, simulated


def scores(
    book: Book, drivers: Drivers, price: Callable[[str], float]
) -> tuple[ProtocolScore, ...]:
    """The cards of all protocols."""
    return tuple(
        protocol.score(item, drivers.driver(item.id).evidence, price, drivers.marginals[item.id])
        for item in book.protocols.values()
    )


def horizons(
    everything: Together | None, settings: Settings, alone: Task[Simulated | None]
) -> Horizons | None:
    """Horizons of everything, drawn after those of losses alone and by the same backend."""
    first = alone.result()
    if everything is None or first is None:
        return None
    return drawn.together(everything.whole, settings, first.backend)


def tried(control: Control, world: World, alone: Task[Simulated | None]) -> Check:
    """What simulation says of a control, by the backend of the losses alone: it is loaded."""
    first = alone.result()
    return simulated(control, world, "auto" if first is None else first.backend)


def checks(
    laws: Mapping[str, LossLaw], register: Register, alone: Task[Simulated | None]
) -> dict[str, float]:
    """How far both engines are apart in each line.

    A line that shares a capped holding is drawn as its part of it, and a law is of a line by
    itself: there the means of the parts are compared.
    """
    draws = alone.result()
    if draws is None:
        return {}
    return {
        key: drawn.gap_of_mean(register.means[key], draws.line(key))
        if register.shares_holding(key)
        else drawn.gap(law, draws.line(key))
        for key, law in laws.items()
    }


def largest_alone(register: Register) -> Peak:
    """The largest single loss."""
    return peak(largest(register))


def largest_together(everything: Together | None) -> Peak | None:
    """The same of everything."""
    return None if everything is None else peak(joint_largest(everything.whole.joint))


def estimated(*laws: LossLaw | Simulated | SignedLaw) -> None:
    """Have the errors of laws estimated, which they keep; the document asks for them."""
    for each in laws:
        each.error  # noqa: B018
