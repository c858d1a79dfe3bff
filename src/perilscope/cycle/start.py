# SPDX-License-Identifier: Apache-2.0
"""What a run starts from: prices, networks and logs read, and what is doubtful about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from perilscope.book import Book
from perilscope.cycle.counted_prices import with_counted
from perilscope.cycle.insight import doubtful
from perilscope.cycle.settings import Settings
from perilscope.cycle.trading import Valued, value
from perilscope.cycle.workspace import Workspace
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.prices import History
from perilscope.layers import network_evidence, protocol, protocol_ties, watching
from perilscope.layers.context import Context
from perilscope.layers.drivers import Drivers
from perilscope.layers.holding_years import apart
from perilscope.layers.valuation import Valuation, Worth
from perilscope.layers.watching import Watched
from perilscope.learning.update import Learned, learn

MOST_SCENARIOS = 20_000
A_SCENARIO = 0.03
"""Seconds that one scenario takes, about, with the error of its figures and its forecast."""

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, of how many)."""


@dataclass(frozen=True)
class Finding:
    """Something a reader must know about the figures: ``error``, ``warning`` or ``note``."""

    severity: str
    where: str
    what: str
    mend: str = ""


@dataclass
class Steps:
    """What the steps share while a run is being made: progress and findings."""

    tell: Progress
    findings: list[Finding] = field(default_factory=list)

    def note(self, severity: str, where: str, what: str, mend: str = "") -> None:
        """Keep a finding."""
        self.findings.append(Finding(severity, where, what, mend))


@dataclass(frozen=True)
class Start:
    """What a run starts from: book and data as read, what they are worth and what they taught.

    ``held`` has the prices of what is held, ``priced`` also those of tokens that losses are
    counted in.
    """

    workspace: Workspace
    settings: Settings
    drivers: Drivers
    prior: Drivers
    held: History | None
    priced: History | None
    valued: tuple[Valued, ...]
    valuation: Valuation
    inventory: Mapping[str, Worth]
    learned: Learned

    @property
    def book(self) -> Book:
        """The book that is assessed."""
        return self.workspace.book

    @property
    def context(self) -> Context:
        """What scenarios are read against."""
        book, learned = self.book, self.learned.distribution
        return Context(book, self.valuation, self.drivers, self.prior, book.horizon_years, learned)


def start(workspace: Workspace, settings: Settings, steps: Steps) -> Start:
    """Prices, networks and logs read; what is doubtful about them is noted."""
    book = workspace.book
    if len(book.scenarios) > MOST_SCENARIOS:
        raise MisuseError(
            f"{len(book.scenarios):,} scenarios would take about "
            f"{len(book.scenarios) * A_SCENARIO / 60.0:.0f} minutes, and much memory; at most "
            f"{MOST_SCENARIOS:,} are assessed at once: add up scenarios of one kind, or "
            "assess parts of the register by themselves"
        )
    for file, what in workspace.origin.notes if workspace.origin else ():
        steps.note("note", file, what)
    held, valued, valuation = value(workspace, steps.note)
    priced, unpriced = with_counted(workspace, held)
    for token, why in unpriced:
        steps.note("warning", f"tokens.{token}", why)
    seen = watching.watched(book, workspace.alerts)
    for each in seen:
        steps.note("note", f"watches.{each.id}", each.sentence)
    prior, drivers = drivers_of(book, settings, valuation.price, seen)
    inventory = _inventory(valuation, steps)
    learned = learn(book, workspace.incidents, workspace.trials, book.as_of)
    for found in learned.findings:
        steps.note("warning", found.where, found.what, found.mend)
    for where, why in doubtful(book.scenarios, book.currency):
        steps.note("warning", where, why)
    for where, why in apart(book, book.horizon_years):
        steps.note("warning", where, why, "look one year ahead, or say `refilled: yes`")
    return Start(
        workspace, settings, drivers, prior, held, priced, valued, valuation, inventory, learned
    )


def drivers_of(
    book: Book,
    settings: Settings,
    price: Callable[[str], float],
    seen: Sequence[Watched] = (),
) -> tuple[Drivers, Drivers]:
    """Networks before and after what was observed."""
    extra = {item.id: protocol.driver(item, price) for item in book.protocols.values()}
    evidence = network_evidence.parse_evidence(settings.evidence, book, extra)
    drivers = network_evidence.drivers(book, evidence, extra)
    networks = {
        net: watching.with_signs(driver, mine)
        if (mine := [each for each in seen if each.network == net])
        else driver
        for net, driver in drivers.networks.items()
    }
    shared = protocol_ties.ties(book.protocols, book.tokens)
    return network_evidence.prior(book, extra), protocol_ties.tied(Drivers(networks), shared)


def _inventory(valuation: Valuation, steps: Steps) -> dict[str, Worth]:
    found: dict[str, Worth] = {}
    book = valuation.book
    for kind in ("assets", "venues", "protocols"):
        for key in getattr(book, kind):
            try:
                found[key] = valuation.worth(key)
            except AssessmentError as error:
                steps.note("note", f"{kind}.{key}", str(error))
    return found
