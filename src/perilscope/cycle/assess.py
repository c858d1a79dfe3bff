# SPDX-License-Identifier: Apache-2.0
"""The walk: from a workspace to every figure of a run, one step after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from threadpoolctl import threadpool_limits

from perilscope.beliefs.law import point
from perilscope.book import Book, Cover, Scenario
from perilscope.cycle import beside
from perilscope.cycle import drawn as others
from perilscope.cycle.amounts import money
from perilscope.cycle.dependence import Tied, tie
from perilscope.cycle.drawn import Horizons
from perilscope.cycle.insight import Assessed, Insight, doubtful, insight
from perilscope.cycle.peaks import Peak
from perilscope.cycle.settings import Settings
from perilscope.cycle.together import Together, doubted, together
from perilscope.cycle.trading import (
    Valued,
    held_lots,
    traded,
    value,
)
from perilscope.cycle.workspace import Workspace, with_horizon
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.simulation.draws import Simulated
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.prices import History
from perilscope.layers import drivers as driving
from perilscope.layers import (
    enterprise,
    protocol,
    protocol_ties,
    watching,
)
from perilscope.layers.drivers import Drivers
from perilscope.layers.enterprise import Joined
from perilscope.layers.gauges import unmet
from perilscope.layers.market import MarketResult
from perilscope.layers.operational import Context
from perilscope.layers.past import PastYear
from perilscope.layers.protocol import ProtocolScore
from perilscope.layers.stress import Stressed
from perilscope.layers.valuation import Valuation, Worth
from perilscope.layers.watching import Watched
from perilscope.learning.update import Learned, learn
from perilscope.monitoring.forecast import Forecast, forecast
from perilscope.monitoring.limits import Figures, Standing, stand
from perilscope.monitoring.review import due
from perilscope.treatment.control import Check, Verdict, World, simulated, verdict
from perilscope.treatment.cover import Net, Protection, misread, net_of_all, protection

Law: TypeAlias = LossLaw | Simulated
"""A law of loss from either engine; both answer the same questions."""

MOST_SCENARIOS = 20_000
A_SCENARIO = 0.03
"""Seconds that one scenario takes, about, with the error of its figures and its forecast."""
LAYERS = ("operational", "protocol")

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, of how many)."""


@dataclass(frozen=True)
class Finding:
    """Something a reader must know about the figures: ``error``, ``warning`` or ``note``."""

    severity: str
    where: str
    what: str
    mend: str = ""


@dataclass(frozen=True)
class Result:
    """Every figure of one run, as values; :mod:`perilscope.cycle.document` writes it down."""

    workspace: Workspace
    settings: Settings
    drivers: Drivers
    prior: Drivers
    protocols: tuple[ProtocolScore, ...]
    valuation: Valuation
    inventory: Mapping[str, Worth]
    valued: tuple[Valued, ...]
    learned: Learned
    joined: Joined
    events: Mapping[str, tuple[float, float]]
    laws: Mapping[str, Law]
    layers: Mapping[str, Law]
    law: Law
    tail_shares: Mapping[str, float]
    market: MarketResult | None
    stresses: tuple[Stressed, ...]
    past_year: PastYear | None
    draws: Simulated | None
    horizons: Horizons | None
    checks: Mapping[str, float]
    controls: tuple[Verdict, ...]
    covers: tuple[Protection, ...]
    net: Net | None
    net_draws: Simulated | None
    limits: tuple[Standing, ...]
    forecasts: tuple[Forecast, ...]
    insight: Insight
    peaks: tuple[Peak, Peak | None]
    tied: Tied | None
    together: Together | None
    held: History | None
    findings: tuple[Finding, ...]

    @property
    def book(self) -> Book:
        """The book that was assessed."""
        return self.workspace.book

    @property
    def scenarios(self) -> dict[str, Scenario]:
        """The scenarios that could be assessed."""
        return _chosen(self.book, self.joined)

    @property
    def ale(self) -> float:
        """Annualised loss expectancy of everything that could be assessed."""
        return self.law.mean / self.book.horizon_years


@dataclass
class _Steps:
    """What the steps share while a run is being made: progress and findings."""

    tell: Progress
    findings: list[Finding] = field(default_factory=list)

    def note(self, severity: str, where: str, what: str, mend: str = "") -> None:
        self.findings.append(Finding(severity, where, what, mend))


def assess(
    workspace: Workspace, settings: Settings, progress: Progress = lambda _what, _done, _of: None
) -> Result:
    """Make one run: all six steps, on one BLAS thread so that its bits do not vary.

    Raises
    ------
    MisuseError
        Evidence that names nothing, a horizon that cannot be.
    DataError
        Prices of something that is held have gaps, duplicates or zeros.
    """
    if settings.horizon:
        workspace = with_horizon(workspace, settings.horizon)
    with threadpool_limits(limits=1, user_api="blas"):
        return _walk(workspace, settings, _Steps(progress))


def _walk(workspace: Workspace, settings: Settings, steps: _Steps) -> Result:
    book = workspace.book
    if len(book.scenarios) > MOST_SCENARIOS:
        raise MisuseError(
            f"{len(book.scenarios):,} scenarios would take about "
            f"{len(book.scenarios) * A_SCENARIO / 60.0:.0f} minutes, and much memory; at most "
            f"{MOST_SCENARIOS:,} are assessed at once: add up scenarios of one kind, or "
            "assess parts of the register by themselves"
        )
    held, valued, valuation = value(workspace, steps.note)
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
    context = Context(book, valuation, drivers, prior, book.horizon_years, learned.distribution)

    with ThreadPoolExecutor(1) as other:  # what waits for nothing else, while this thread computes
        market = other.submit(traded, workspace, settings, drivers, held, valued, valuation)
        joined, alone = _join(book, context, steps)
        drawn = other.submit(
            others.losses,
            joined,
            {layer: _of_layer(layer, joined, book) for layer in LAYERS},
            settings,
            steps.note,
            partial(steps.tell, "simulated years"),
        )
        laws = {key: each.law() for key, each in alone.items()}
        register = joined.register()
        law = register.law()
        world = World(context, joined, register, law, settings.seed, settings.years)
        tried = {
            control.id: other.submit(simulated, control, world)
            for control in book.controls.values()
        }
        checks = other.submit(beside.checks, laws, register, drawn)
        scores = other.submit(beside.scores, book, drivers, valuation.price)
        contributions = register.contributions(0.99)
        layers = layers_of(joined, law, book)
        alone_peak = other.submit(beside.largest_alone, register)
        other.submit(beside.estimated, law, *layers.values())
        desk = market.result()
        for note in desk.notes:
            steps.note(*note)
        everything = _together(workspace, settings, context, joined, held, valued, steps)
        drawn_together = other.submit(beside.horizons, everything, settings, drawn)
        joint_peak = other.submit(beside.largest_together, everything)
        other.submit(beside.estimated, *([] if everything is None else [everything.law]))
        covers, net = _covers(book, world, steps)
        drawn_net = other.submit(others.net_of_covers, book, net, world, settings)
        year = _year(context, law)
        measured = Figures(year, year.mean, desk.figures, valuation, desk.desk)
        standings = tuple(_limits(book, measured, steps))
        forecasts = tuple(forecast(alone[key], line) for key, line in joined.lines.items())
        for item in due(book, book.as_of):
            steps.note("warning" if item.what == "overdue" else "note", item.where, item.says)
        assessed = Assessed(_chosen(book, joined), alone, laws, register, context)
        behind = insight(assessed, settings, partial(steps.note, "note"))
        tied = _tied(book, laws, settings, steps)
        controls = tuple(_controls(book, world, tried, steps))
    draws, horizons, net_draws = drawn.result(), drawn_together.result(), drawn_net.result()
    if horizons is not None and horizons.thin:
        steps.note("note", "simulation", f"everything together: {horizons.thin}")
    if horizons is not None and horizons.disagrees:
        steps.note("error", "simulation", horizons.disagrees, "report it with the book")
    told: tuple[Law, dict[str, Law]] = (law, dict(laws))
    if draws is not None and settings.engine == "simulation":
        told = draws, {key: draws.line(key) for key in joined.lines}
        layers = {name: draws.part(name) for name in layers}
        contributions = draws.contributions(0.99)
    return Result(
        workspace=workspace,
        settings=settings,
        drivers=drivers,
        prior=prior,
        protocols=scores.result(),
        valuation=valuation,
        inventory=inventory,
        valued=valued,
        learned=learned,
        joined=joined,
        events={key: others.loss_events(line) for key, line in joined.lines.items()},
        laws=told[1],
        layers=layers,
        law=told[0],
        tail_shares=_shares(contributions),
        market=desk.figures,
        stresses=desk.stresses,
        past_year=desk.past_year,
        draws=draws,
        horizons=horizons,
        checks=checks.result(),
        controls=controls,
        covers=covers,
        net=net,
        net_draws=net_draws,
        limits=standings,
        forecasts=forecasts,
        insight=behind,
        peaks=(alone_peak.result(), joint_peak.result()),
        tied=tied,
        together=everything,
        held=held,
        findings=tuple(steps.findings),
    )


def _chosen(book: Book, joined: Joined) -> dict[str, Scenario]:
    """The scenarios that could be assessed."""
    return {key: book.scenarios[key] for key in joined.lines}


# --- the steps ------------------------------------------------------------------------------------


def drivers_of(
    book: Book,
    settings: Settings,
    price: Callable[[str], float],
    seen: Sequence[Watched] = (),
) -> tuple[Drivers, Drivers]:
    """Networks before and after what was observed."""
    extra = {item.id: protocol.driver(item, price) for item in book.protocols.values()}
    evidence = driving.parse_evidence(settings.evidence, book, extra)
    drivers = driving.drivers(book, evidence, extra)
    networks = {
        net: watching.heard(driver, mine)
        if (mine := [each for each in seen if each.network == net])
        else driver
        for net, driver in drivers.networks.items()
    }
    shared = protocol_ties.ties(book.protocols, book.tokens)
    return driving.prior(book, extra), protocol_ties.tied(Drivers(networks), shared)


def _join(book: Book, context: Context, steps: _Steps) -> tuple[Joined, dict[str, Register]]:
    """The lines of all scenarios; those that fail are noted."""
    count = len(book.scenarios)
    done = iter(range(1, count + 1))
    joined, alone = enterprise.join(
        book.scenarios, context, lambda _id: steps.tell("scenarios", next(done), count)
    )
    for failure in joined.failed:
        steps.note("error", f"scenarios.{failure.id}", failure.reason, "left out of every total")
    return joined, alone


def _inventory(valuation: Valuation, steps: _Steps) -> dict[str, Worth]:
    found: dict[str, Worth] = {}
    book = valuation.book
    for kind in ("assets", "venues", "protocols"):
        for key in getattr(book, kind):
            try:
                found[key] = valuation.worth(key)
            except AssessmentError as error:
                steps.note("note", f"{kind}.{key}", str(error))
    return found


def layers_of(joined: Joined, law: LossLaw, book: Book) -> dict[str, Law]:
    """The law of each layer, on a grid that suits it."""
    laws: dict[str, Law] = {}
    for layer in LAYERS:
        keys = _of_layer(layer, joined, book)
        laws[layer] = law if len(keys) == len(joined.lines) else joined.register(keys).law()
    return laws


def _of_layer(layer: str, joined: Joined, book: Book) -> list[str]:
    return [key for key in joined.lines if book.scenarios[key].layer == layer]


def _together(
    workspace: Workspace,
    settings: Settings,
    context: Context,
    joined: Joined,
    held: History | None,
    valued: tuple[Valued, ...],
    steps: _Steps,
) -> Together | None:
    """The joint law of all layers; None where there is no market, or it cannot be joined."""
    steps.tell("joint law", 0, 1)
    try:
        found = together(
            joined,
            workspace.book,
            context,
            held_lots(workspace, valued),
            held,
            workspace.positions,
            settings.seed,
            partial(steps.note, "note"),
        )
        if found is not None and settings.band:
            found = doubted(found, partial(steps.note, "note"))
    except AssessmentError as error:
        steps.note("error", "enterprise", f"the market is not joined: {error}", "shown without it")
        found = None
    steps.tell("joint law", 1, 1)
    return found


def _controls(
    book: Book, world: World, tried: Mapping[str, Future[Check]], steps: _Steps
) -> Iterator[Verdict]:
    rate = point(book.discount_rate)
    for i, control in enumerate(book.controls.values(), start=1):
        try:
            yield verdict(control, world, rate, tried[control.id].result)
        except AssessmentError as error:
            steps.note("warning", f"controls.{control.id}", str(error), "left out of the table")
        steps.tell("controls", i, len(book.controls))


def _covers(book: Book, world: World, steps: _Steps) -> tuple[tuple[Protection, ...], Net | None]:
    """Each cover measured, and everything net of all that are in place and can be measured."""
    rate = point(book.discount_rate)
    found: list[Protection] = []
    held: list[Cover] = []
    in_place_first = sorted(book.covers.values(), key=lambda cover: cover.state == "candidate")
    for cover in in_place_first:
        try:
            found.append(protection(cover, world, rate, held=held))
        except AssessmentError as error:
            steps.note("warning", f"covers.{cover.id}", str(error), "left out of the table")
        else:
            held += [cover] if cover.state == "in place" else []
        for says in misread(cover, book.horizon_years):
            steps.note("warning", f"covers.{cover.id}", says)
    try:
        return tuple(found), net_of_all(held, world, rate)
    except AssessmentError as error:
        steps.note("warning", "covers", str(error), "no figures net of all covers together")
        return tuple(found), None


def _tied(book: Book, laws: dict[str, LossLaw], settings: Settings, steps: _Steps) -> Tied | None:
    try:
        found = tie(book, laws, settings)
    except AssessmentError as error:
        steps.note("warning", "copula", str(error), "left out")
        return None
    if found is not None:
        with_, without = (money(x.var(0.99), book.currency) for x in (found.tied, found.free))
        steps.note(
            "note",
            "copula",
            f"with annual losses tied by the copula 1 year in 100 exceeds {with_} instead of "
            f"{without}: simulated, and beside the other figures, which are without it",
        )
    return found


def _limits(book: Book, figures: Figures, steps: _Steps) -> Iterator[Standing]:
    for limit in book.limits:
        missing = unmet(figures.desk, limit) if figures.desk is not None else ""
        if missing:
            steps.note("warning", "limits", missing, "a limit of nothing is always kept")
        try:
            yield stand(limit, figures)
        except AssessmentError as error:
            steps.note("warning", f"limits ({limit.measure.text})", str(error))


def _year(context: Context, law: LossLaw) -> LossLaw:
    """The law of one year, which limits speak of, whatever the horizon."""
    if context.years == 1.0:
        return law
    joined, _ = enterprise.join(context.book.scenarios, replace(context, years=1.0))
    return joined.register().law()


def _shares(contributions: Mapping[str, float]) -> dict[str, float]:
    total = math.fsum(contributions.values())
    return {key: (c / total if total > 0 else 0.0) for key, c in contributions.items()}
