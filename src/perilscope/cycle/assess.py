# SPDX-License-Identifier: Apache-2.0
"""The walk: from a workspace to every figure of a run, one step after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from threadpoolctl import threadpool_limits

from perilscope.beliefs.law import point
from perilscope.book import Book, Cover, Scenario
from perilscope.cycle import beside
from perilscope.cycle import drawn as others
from perilscope.cycle.amounts import money
from perilscope.cycle.beside import Jointly
from perilscope.cycle.dependence import Tied, tie
from perilscope.cycle.drawn import Horizons
from perilscope.cycle.insight import Assessed, Insight, insight
from perilscope.cycle.largest import Peak
from perilscope.cycle.others import Others, Pending
from perilscope.cycle.settings import Settings
from perilscope.cycle.start import Finding, Progress, Start, Steps, start
from perilscope.cycle.together import LEVEL, Doubts, Made, Together, completed, doubted, joint_law
from perilscope.cycle.trading import held_lots
from perilscope.cycle.workspace import Workspace, with_horizon
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.simulation.draws import Simulated
from perilscope.errors import AssessmentError
from perilscope.layers import apart, enterprise
from perilscope.layers.context import Context
from perilscope.layers.enterprise import Joined
from perilscope.layers.limit_figures import unmet
from perilscope.layers.market import MarketResult
from perilscope.layers.past import PastYear
from perilscope.layers.protocol import ProtocolScore
from perilscope.layers.stress import Stressed
from perilscope.monitoring.backtest import Verdict as BacktestVerdict
from perilscope.monitoring.forecast import Forecast, forecast
from perilscope.monitoring.limits import Figures, Standing, standing
from perilscope.monitoring.review import due
from perilscope.treatment.control import Check, Verdict, World, verdict
from perilscope.treatment.cover import Net, Protection, misread, net_of_all, protection

Law: TypeAlias = LossLaw | Simulated
"""A law of loss from either engine; both answer the same questions."""

LAYERS = ("operational", "protocol")
LARGE = 64
"""Scenarios from which on other processes are worth their start."""
TAIL = 0.99
"""Level whose bad year is shared out among scenarios."""


@dataclass(frozen=True)
class Result(Start):
    """Every figure of one run, as values; :mod:`perilscope.cycle.document` writes it down.

    ``layers_priced`` has the laws of layers with losses in tokens, at the prices of scenarios.
    """

    joined: Joined
    events: Mapping[str, tuple[float, float]]
    laws: Mapping[str, Law]
    layers: Mapping[str, Law]
    layers_priced: Mapping[str, LossLaw]
    law: Law
    tail_shares: Mapping[str, float]
    protocols: tuple[ProtocolScore, ...]
    market: MarketResult | None
    stresses: tuple[Stressed, ...]
    past_year: PastYear | None
    backtests: tuple[BacktestVerdict, ...]
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
    findings: tuple[Finding, ...]

    @property
    def scenarios(self) -> dict[str, Scenario]:
        """The scenarios that could be assessed."""
        return _chosen(self.book, self.joined)

    @property
    def ale(self) -> float:
        """Annualised loss expectancy of everything that could be assessed."""
        return self.law.mean / self.book.horizon_years


def assess(
    workspace: Workspace,
    settings: Settings,
    progress: Progress = lambda _what, _done, _of: None,
    *,
    processes: bool = False,
) -> Result:
    """Make one run: all six steps, on one BLAS thread so that its bits do not vary.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
    progress : callable, optional
    processes : bool
        Whether other processes may work on a large book; they change no bit.

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
        return _walk(workspace, settings, Steps(progress), processes=processes)


def _walk(workspace: Workspace, settings: Settings, steps: Steps, *, processes: bool) -> Result:
    """All steps; others find meanwhile what waits for nothing else."""
    begun = start(workspace, settings, steps)
    book, context = begun.book, begun.context
    large = len(book.scenarios) >= LARGE
    with Others(steps.tell, processes=processes and large) as other:
        desk = other.begin(beside.desk, begun)
        joined, alone = _join(book, context, steps)
        laws = {key: each.law() for key, each in alone.items()}
        register = joined.register()
        law = register.law()
        world = World(context, joined, register, law, settings.seed, settings.years)
        parts = {layer: _of_layer(layer, joined, book) for layer in LAYERS}
        if processes and large:
            beside.ready(begun)
        simulated = other.begin(beside.simulation, world, parts, laws, settings)
        contributions = register.contributions(TAIL)
        layers = layers_of(joined, law, book)
        alone_peak = other.aside(beside.largest_alone, register)
        estimated = [other.aside(beside.estimated, law, *layers.values(), *laws.values())]
        made = _joint_law(begun, joined, steps)
        joint = doubts = joint_peak = at_prices = None
        if made is not None:
            whole = made[0]
            joint = other.begin(beside.jointly, whole, LEVEL, settings)
            doubts = other.begin(beside.doubts, made)
            joint_peak = other.begin(beside.largest_together, whole.joint)
            estimated.append(other.aside(beside.estimated, whole.law))
            none = {name: each.none for name, each in layers.items()}
            at_prices = other.aside(apart.layers, whole, book.scenarios, none)
        traded, protocols = desk.result()
        for note in traded.notes:
            steps.note(*note)
        covers, net = _covers(book, world, steps)
        net_draws = other.aside(others.net_of_covers, book, net, world, settings)
        year = _year(context, law)
        measured = Figures(year, year.mean, traded.figures, begun.valuation, traded.desk)
        standings = tuple(_limits(book, measured, steps))
        forecasts = tuple(forecast(alone[key], line) for key, line in joined.lines.items())
        for item in due(book, book.as_of):
            steps.note("warning" if item.what == "overdue" else "note", item.where, item.says)
        assessed = Assessed(_chosen(book, joined), alone, laws, register, context)
        behind = insight(assessed, settings, partial(steps.note, "note"))
        tied = _tied(book, laws, settings, steps)
        events = {key: others.loss_events(line) for key, line in joined.lines.items()}
        # first what does not wait for horizons, while others draw them
        for each in estimated:
            each.result()
        controls = tuple(_controls(book, world, steps))
        peak_alone, drawn_net = alone_peak.result(), net_draws.result()
        layers_priced = {} if at_prices is None else at_prices.result()
        everything = _together(begun, made, joint, doubts, steps)
        found = None if everything is None or joint is None else joint.result()
        drawn = simulated.result()
        for note in drawn.notes:
            steps.note(*note)
        controls = tuple(_checked(controls, drawn.tried, steps))
        peaks = peak_alone, None if found is None or joint_peak is None else joint_peak.result()
    draws = drawn.draws
    told = _Told(law, laws, layers, contributions)
    if draws is not None and settings.engine == "simulation":
        told = _simulated(draws, joined)
    return Result(
        **vars(begun),
        joined=joined,
        events=events,
        laws=told.laws,
        layers=told.layers,
        layers_priced=layers_priced,
        law=told.law,
        tail_shares=_shares(told.contributions),
        protocols=protocols,
        market=traded.figures,
        stresses=traded.stresses,
        past_year=traded.past_year,
        backtests=traded.backtests,
        draws=draws,
        horizons=_compared(None if found is None else found.horizons, steps),
        checks=drawn.checks,
        controls=controls,
        covers=covers,
        net=net,
        net_draws=drawn_net,
        limits=standings,
        forecasts=forecasts,
        insight=behind,
        peaks=peaks,
        tied=tied,
        together=everything,
        findings=tuple(steps.findings),
    )


def _chosen(book: Book, joined: Joined) -> dict[str, Scenario]:
    """The scenarios that could be assessed."""
    return {key: book.scenarios[key] for key in joined.lines}


# --- the steps ------------------------------------------------------------------------------------


def _join(book: Book, context: Context, steps: Steps) -> tuple[Joined, dict[str, Register]]:
    """The lines of all scenarios; those that fail are noted."""
    count = len(book.scenarios)
    done = iter(range(1, count + 1))
    joined, alone = enterprise.join(
        book.scenarios, context, lambda _id: steps.tell("scenarios", next(done), count)
    )
    for failure in joined.failed:
        steps.note("error", f"scenarios.{failure.id}", failure.reason, "left out of every total")
    return joined, alone


def layers_of(joined: Joined, law: LossLaw, book: Book) -> dict[str, Law]:
    """The law of each layer, on a grid that suits it."""
    laws: dict[str, Law] = {}
    for layer in LAYERS:
        keys = _of_layer(layer, joined, book)
        laws[layer] = law if len(keys) == len(joined.lines) else joined.register(keys).law()
    return laws


def _of_layer(layer: str, joined: Joined, book: Book) -> list[str]:
    return [key for key in joined.lines if book.scenarios[key].layer == layer]


def _joint_law(begun: Start, joined: Joined, steps: Steps) -> Made | None:
    """The joint law of all layers; None where there is no market, or it cannot be joined."""
    steps.tell("joint law", 0, 1)
    try:
        return joint_law(
            joined,
            begun.book,
            begun.context,
            held_lots(begun.workspace, begun.valued),
            begun.priced,
            begun.settings.seed,
            partial(steps.note, "note"),
        )
    except AssessmentError as error:
        _not_joined(error, steps)
        return None


def _together(
    begun: Start,
    made: Made | None,
    joint: Pending[Jointly] | None,
    doubts: Pending[Doubts] | None,
    steps: Steps,
) -> Together | None:
    """The same with what stands behind; None where that cannot be found."""
    found = None
    try:
        if made is not None and joint is not None and doubts is not None:
            lots = begun.workspace.positions
            found = completed(made, lots, lambda: joint.result().borne, doubts.result)
            if begun.settings.band:
                found = doubted(found, partial(steps.note, "note"))
    except AssessmentError as error:
        _not_joined(error, steps)
    steps.tell("joint law", 1, 1)
    return found


def _not_joined(error: AssessmentError, steps: Steps) -> None:
    steps.note("error", "enterprise", f"the market is not joined: {error}", "shown without it")


def _controls(book: Book, world: World, steps: Steps) -> Iterator[Verdict]:
    """What each control is worth by the exact engine."""
    rate = point(book.discount_rate)
    for i, control in enumerate(book.controls.values(), start=1):
        try:
            yield verdict(control, world, rate)
        except AssessmentError as error:
            _left_out(control.id, error, steps)
        steps.tell("controls", i, len(book.controls))


def _checked(
    controls: Sequence[Verdict], tried: Mapping[str, Check | AssessmentError], steps: Steps
) -> Iterator[Verdict]:
    """The same with what simulation says."""
    for each in controls:
        check = tried[each.id]
        if isinstance(check, AssessmentError):
            _left_out(each.id, check, steps)
        else:
            fall, error = check
            yield replace(each, simulated=fall, standard_error=error)


def _left_out(control: str, error: AssessmentError, steps: Steps) -> None:
    steps.note("warning", f"controls.{control}", str(error), "left out of the table")


def _covers(book: Book, world: World, steps: Steps) -> tuple[tuple[Protection, ...], Net | None]:
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


def _tied(book: Book, laws: dict[str, LossLaw], settings: Settings, steps: Steps) -> Tied | None:
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


def _limits(book: Book, figures: Figures, steps: Steps) -> Iterator[Standing]:
    for limit in book.limits:
        missing = unmet(figures.desk, limit) if figures.desk is not None else ""
        if missing:
            steps.note("warning", "limits", missing, "a limit of nothing is always kept")
        try:
            yield standing(limit, figures)
        except AssessmentError as error:
            steps.note("warning", f"limits ({limit.measure.text})", str(error))


def _year(context: Context, law: LossLaw) -> LossLaw:
    """The law of one year, which limits speak of, whatever the horizon."""
    if context.years == 1.0:
        return law
    joined, _ = enterprise.join(context.book.scenarios, replace(context, years=1.0))
    return joined.register().law()


def _compared(horizons: Horizons | None, steps: Steps) -> Horizons | None:
    """Horizons of everything; noted where they are few, or speak against the exact law."""
    if horizons is not None and horizons.thin:
        steps.note("note", "simulation", f"everything together: {horizons.thin}")
    if horizons is not None and horizons.disagrees:
        steps.note("error", "simulation", horizons.disagrees, "report it with the book")
    return horizons


@dataclass(frozen=True)
class _Told:
    """What a run answers with, by either engine."""

    law: Law
    laws: Mapping[str, Law]
    layers: Mapping[str, Law]
    contributions: Mapping[str, float]


def _simulated(draws: Simulated, joined: Joined) -> _Told:
    return _Told(
        draws,
        {key: draws.line(key) for key in joined.lines},
        {layer: draws.part(layer) for layer in LAYERS},
        draws.contributions(TAIL),
    )


def _shares(contributions: Mapping[str, float]) -> dict[str, float]:
    total = math.fsum(contributions.values())
    return {key: (c / total if total > 0 else 0.0) for key, c in contributions.items()}
