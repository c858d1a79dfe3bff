# SPDX-License-Identifier: Apache-2.0
"""A book read just far enough for the law of the whole institution, and no further.

What questions about the joint law share: no simulation, no controls, no forecasts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from perilscope.book import Book
from perilscope.cycle.assess import LAYERS
from perilscope.cycle.counted_prices import with_counted
from perilscope.cycle.settings import LEVELS, Settings
from perilscope.cycle.start import drivers_of
from perilscope.cycle.together import Made, Together, completed, joint_law
from perilscope.cycle.trading import Lots, Valued, held_lots, value
from perilscope.cycle.workspace import Workspace, with_horizon
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint.law import SignedLaw
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.prices import History
from perilscope.layers import enterprise, network_evidence, protocol, watching
from perilscope.layers.context import Context
from perilscope.layers.drivers import Drivers
from perilscope.layers.enterprise import Joined
from perilscope.layers.joining import Whole
from perilscope.layers.networks import check_possible
from perilscope.layers.valuation import Valuation
from perilscope.learning.update import learn
from perilscope.once import cached_property

Law = LossLaw | SignedLaw


@dataclass(frozen=True)
class Reading:
    """A book under what is known: its lines, its networks, its holdings, and their law.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
    drivers : Drivers
        Networks under the evidence.
    context : Context
    joined : Joined
    lots : Lots
        What is held.
    history : History or None
        Of what is held and of tokens that losses are counted in.
    notes : list of (where, what)
        What a reader must know.
    """

    workspace: Workspace
    settings: Settings
    drivers: Drivers
    context: Context
    joined: Joined
    valued: tuple[Valued, ...]
    lots: Lots
    history: History | None
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def book(self) -> Book:
        """The book."""
        return self.workspace.book

    @cached_property
    def register(self) -> Register:
        """Operational and protocol lines."""
        return self.joined.register()

    @cached_property
    def plain(self) -> LossLaw:
        """Operational and protocol losses, without the market."""
        return self.register.law()

    @cached_property
    def layers(self) -> dict[str, LossLaw]:
        """The laws of operational and of protocol losses by themselves."""
        found = {}
        for layer in LAYERS:
            keys = [key for key in self.joined.lines if self.book.scenarios[key].layer == layer]
            if keys:
                found[layer] = self.joined.register(keys).law()
        return found

    @cached_property
    def whole(self) -> Whole | None:
        """The joint law; None where there is no market."""
        return None if self._made is None else self._made[0]

    @cached_property
    def _made(self) -> Made | None:
        return joint_law(*self._asked)

    @cached_property
    def together(self) -> Together | None:
        """The joint law with who bears its tail and how sure it is; None without a market."""
        return None if self._made is None else completed(self._made, self.workspace.positions)

    @property
    def _asked(
        self,
    ) -> tuple[Joined, Book, Context, Lots, History | None, int, Callable[[str, str], None]]:
        return (
            self.joined,
            self.book,
            self.context,
            self.lots,
            self.history,
            self.settings.seed,
            self._note,
        )

    def _note(self, where: str, what: str) -> None:
        if (where, what) not in self.notes:
            self.notes.append((where, what))

    @property
    def law(self) -> Law:
        """The law of everything that can be joined."""
        return self.plain if self.whole is None else self.whole.law


def read(workspace: Workspace, settings: Settings, on: Sequence[str] = ()) -> Reading:
    """Read a book under its evidence and some more.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
        Of these the seed, the horizon and the evidence matter.
    on : sequence of ``NODE=STATE``
        What is taken to happen within the horizon, or to be so.

    Raises
    ------
    MisuseError
        Names that are not there, or what cannot have happened.
    AssessmentError
        Nothing in the book can be assessed.
    """
    if settings.horizon:
        workspace = with_horizon(workspace, settings.horizon)
    book = workspace.book
    notes: list[tuple[str, str]] = []

    def note(_weight: str, where: str, what: str, _mend: str = "") -> None:
        notes.append((where, what))

    held, valued, valuation = value(workspace, note)
    priced, unpriced = with_counted(workspace, held)
    notes += [(f"tokens.{token}", why) for token, why in unpriced]
    seen = watching.watched(book, workspace.alerts)
    prior, drivers = drivers_of(book, settings, valuation.price, seen)
    if on:
        drivers = drivers.happening(_places(book, valuation, on), book.horizon_years)
        for net, driver in drivers.networks.items():
            check_possible(net, driver)
    learned = learn(book, workspace.incidents, workspace.trials, book.as_of)
    context = Context(book, valuation, drivers, prior, book.horizon_years, learned.distribution)
    joined, _alone = enterprise.join(book.scenarios, context)
    for failure in joined.failed:
        note("error", f"scenarios.{failure.id}", f"left out: {failure.reason}")
    lots = held_lots(workspace, valued)
    if not joined.lines and not lots.values:
        raise AssessmentError("no scenario of this book can be assessed: see `perilscope check`")
    return Reading(workspace, settings, drivers, context, joined, valued, lots, priced, notes)


def places(reading: Reading, on: Sequence[str]) -> dict[str, str]:
    """What some conditions mean: ``network.node`` to state."""
    return _places(reading.book, reading.context.valuation, on)


def _places(book: Book, valuation: Valuation, on: Sequence[str]) -> dict[str, str]:
    extra = {item.id: protocol.driver(item, valuation.price) for item in book.protocols.values()}
    return network_evidence.parse_evidence(on, book, extra)


def chance(reading: Reading, asked: Mapping[str, str]) -> float:
    """Probability over the horizon of all of some states together, under what is known.

    Raises
    ------
    MisuseError
        It is zero.
    """
    by_network: dict[str, list[tuple[str, str]]] = {}
    for place, state in asked.items():
        network, _, node = place.partition(".")
        name, own = reading.drivers.place(network, node)
        by_network.setdefault(name, []).append((own, state))
    found = 1.0
    for network, events in by_network.items():
        driver = reading.drivers.driver(network)
        groups = [(node, *driver.event(node, state)) for node, state in events]
        ladders = [(node, ladder) for node, ladder, _ in groups]
        law = reading.drivers.over(network, ladders, reading.context.years)
        found *= float(law.table[tuple(at for _, _, at in groups)])
    if not found > 0.0:
        said = ", ".join(f"{place}={state}" for place, state in asked.items())
        raise MisuseError(f"{said} cannot happen under what is known: nothing to read")
    return found


def measures(law: Law, ale: float) -> dict[str, object]:
    """The flat measures of a law, as every answer states them."""
    return {
        "ale": ale,
        "mean": law.mean,
        "sd": law.sd if math.isfinite(law.sd) else None,
        "probability_of_loss": 1.0 - law.none,
        "var": {f"{a:g}": law.var(a) for a in LEVELS},
        "cvar": {f"{a:g}": law.cvar(a) for a in LEVELS},
        "error": {f"{a:g}": e if math.isfinite(e := law.error[a]) else None for a in LEVELS},
    }


__all__ = ["Reading", "chance", "measures", "places", "read"]
