# SPDX-License-Identifier: Apache-2.0
"""``run``, ``quick``, and what is asked of the figures: ``explain``, ``show``, ``monitor``."""

from __future__ import annotations

import gc
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perilscope.cli.codes import BREACHED, INCOMPLETE
from perilscope.cli.options import (
    Book,
    Currency,
    Engine,
    Evidence,
    Json,
    Positions,
    Prices,
    Quiet,
    Seed,
    Years,
)

if TYPE_CHECKING:
    from perilscope.report.press import Press

_SELDOM = 50_000
"""Objects made since the last look for garbage before the next: those of a run mostly stay."""

MEASURES = """
Measures in the answer:

ALE: what an average year costs, in money per year.

VaR 99 %: the loss that 1 year (or day) in 100 exceeds.

CVaR 99 %: what such a year (or day) then costs on average.

ROSI: what a control saves beyond its cost, per unit of cost.
"""


def run(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    seed: Seed = 1,
    years: Years = 1_000_000,
    engine: Engine = "both",
    horizon: Annotated[
        str,
        typer.Option(
            metavar="'2 years'",
            help="How far to look, instead of the book's horizon.",
            show_default=False,
        ),
    ] = "",
    tornado: Annotated[
        bool,
        typer.Option("--tornado", help="Also move every estimate, one at a time: sensitivities."),
    ] = False,
    band: Annotated[
        bool,
        typer.Option(
            "--band",
            help="Also the 90 % credible band of the exceedance curve, and rigorous bounds.",
        ),
    ] = False,
    since: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="An earlier run: the report also says what moved, and why.",
            show_default=False,
        ),
    ] = None,
    capital: Annotated[
        bool,
        typer.Option("--capital", help="Also risk capital in every sense, and what it earns."),
    ] = False,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for run.json and report.html.")
    ] = Path("out"),
    json: Json = None,
    quiet: Quiet = False,
    keep_inputs: Annotated[
        bool,
        typer.Option(
            "--keep-inputs/--no-inputs",
            help="Keep book and data beside the run, so that `diff` can say why figures moved.",
        ),
    ] = True,
    keep_draws: Annotated[
        bool,
        typer.Option(
            "--keep-draws",
            help="Keep the simulated horizons of everything beside the run: `condition --draws` "
            "weighs them anew.",
        ),
    ] = False,
    fail_on_breach: Annotated[
        bool, typer.Option("--fail-on-breach", help="Leave with 3 when a limit is breached.")
    ] = False,
) -> int:
    """Walk the whole cycle for BOOK: print the answer, write the run and the report.

    [bold]perilscope run examples/hedge-fund[/bold]
    [bold]perilscope run my-book --prices prices.csv --evidence depeg=yes --json -[/bold]
    """
    from perilscope.report.press import Press

    with Press() as press:  # warms up while the rest is imported and computed
        return _run(
            book,
            out,
            json,
            press,
            since=since,
            capital=capital,
            quiet=quiet,
            keep_inputs=keep_inputs,
            keep_draws=keep_draws,
            fail_on_breach=fail_on_breach,
            seed=seed,
            years=years,
            engine=engine,
            horizon=horizon,
            tornado="*" if tornado else "",
            band=band,
            evidence=tuple(evidence or ()),
            prices=prices,
            positions=positions,
        )


def _run(
    book: Path,
    out: Path,
    json: str | None,
    press: Press,
    *,
    since: Path | None,
    capital: bool,
    quiet: bool,
    keep_inputs: bool,
    keep_draws: bool,
    fail_on_breach: bool,
    **settings: Any,
) -> int:
    gc.disable()  # until all is imported: it stays, and is then never searched for garbage
    from perilscope.cli.show import emit, printer, progress, summary
    from perilscope.cycle.chapters import whole
    from perilscope.cycle.inputs import collect
    from perilscope.cycle.run import assessed, draws_of, save
    from perilscope.cycle.settings import Settings

    gc.freeze()
    gc.enable()
    gc.set_threshold(_SELDOM, 20, 20)
    chosen = Settings(**settings)
    with progress(quiet=quiet) as tell:
        result = assessed(book, chosen, tell, processes=True)
        document = whole(result, since=since, capital=capital, progress=tell)
        tell("report", 0, 1)
        page = press.page(document)
        inputs = collect(book, chosen, result.workspace) if keep_inputs else None
        draws = draws_of(result) if keep_draws else None
        save(document, out, {"report.html": page}, inputs, draws)
    emit(json, document)
    if not quiet:
        printer(json).print(summary(document, out, str(book), printer(json)))
    if fail_on_breach and any(limit["breached"] for limit in document["limits"]):
        return BREACHED
    return INCOMPLETE if document["failed"] else 0


def quick(
    register: Annotated[
        Path | None,
        typer.Argument(
            metavar="REGISTER.csv",
            help="A table with the columns id, frequency, severity (and name, layer).",
            show_default=False,
        ),
    ] = None,
    frequency: Annotated[
        str | None, typer.Option(help="One scenario: how often, like '0.2 per year'.")
    ] = None,
    severity: Annotated[
        str | None, typer.Option(help="One scenario: what an event costs, like '100k to 2M'.")
    ] = None,
    currency: Currency = "USD",
    engine: Engine = "both",
    years: Years = 1_000_000,
    seed: Seed = 1,
    json: Json = None,
) -> int:
    """Assess a plain table, or one scenario, without a book: a first answer in a minute.

    [bold]perilscope quick register.csv[/bold]
    [bold]perilscope quick --frequency "1 in 5 years" --severity "200k to 2.5M"[/bold]

    In a table a frequency may also be a count law with its yearly mean: poisson(0.08),
    bernoulli(0.03).
    """
    from time import perf_counter

    from perilscope.cli.show import emit, printer, progress
    from perilscope.cycle.run import assess_book
    from perilscope.cycle.settings import Settings
    from perilscope.report import quick as drawn

    settings = Settings(seed=seed, years=years, engine=engine)
    book = _table(register, frequency, severity, currency)
    start = perf_counter()
    with progress(quiet=False) as tell:
        document = assess_book(book, settings, tell)
    seconds = perf_counter() - start
    emit(json, document)
    printer(json).print(drawn.render(document, seconds))
    return INCOMPLETE if document["failed"] else 0


def _table(
    register: Path | None, frequency: str | None, severity: str | None, currency: str
) -> Any:
    """The register of ``quick`` as a book: a file, or one scenario from two options."""
    from perilscope.book import table
    from perilscope.errors import MisuseError
    from perilscope.sources.files import read_bytes

    as_of = date.today().isoformat()
    if register is not None and frequency is None and severity is None:
        data = read_bytes(register)
        return table.register(register.name, data, currency=currency, as_of=as_of)
    if register is None and frequency is not None and severity is not None:
        rows = {"scenario": {"frequency": frequency, "severity": severity}}
        return table.book(rows, name="one scenario", currency=currency, as_of=as_of)
    raise MisuseError("give a table, or both --frequency and --severity; see `perilscope quick -h`")


def explain(
    book: Book,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Id of a scenario.")],
    prices: Prices = None,
    positions: Positions = None,
    engine: Engine = "both",
    years: Years = 1_000_000,
    seed: Seed = 1,
    json: Json = None,
) -> int:
    """Print how the numbers of one scenario of BOOK came about, leaf by leaf."""
    from perilscope.cli.show import emit, printer, progress
    from perilscope.cycle.run import quantify
    from perilscope.cycle.settings import Settings
    from perilscope.report import explain as drawn

    settings = Settings(
        seed=seed,
        years=years,
        engine=engine,
        tornado=scenario,
        prices=prices,
        positions=positions,
    )
    with progress(quiet=False) as tell:
        document = quantify(book, settings, tell)
    console = printer(json)
    told = drawn.render(document, scenario, width=console.width)
    emit(json, next((s for s in document["scenarios"] if s["id"] == scenario), {}))
    console.print(told, soft_wrap=False)
    return INCOMPLETE if any(f["id"] == scenario for f in document["failed"]) else 0


def show(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder that `run --out` wrote.")
    ] = Path("out"),
    register: Annotated[
        bool, typer.Option("--register", help="The register as risk teams circulate it.")
    ] = False,
    json: Json = None,
) -> int:
    """Show a run again: the summary, or the register as risk teams circulate it."""
    from perilscope.cli.show import circulated, emit, printer, summary
    from perilscope.store.documents import read_run

    document = read_run(run)
    emit(json, document)
    console = printer(json)
    console.print(
        circulated(document, console) if register else summary(document, run, "BOOK", console)
    )
    return 0


def monitor(
    book: Book,
    since: Annotated[
        Path, typer.Option(metavar="RUN", help="Folder of the run that holds the forecast.")
    ],
    on: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="Day to look from; today unless said."
        ),
    ] = None,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
    fail_on_breach: Annotated[
        bool, typer.Option("--fail-on-breach", help="Leave with 3 when a limit is breached.")
    ] = False,
) -> int:
    """Compare a run's forecast with what the logs and prices of BOOK say happened since.

    Counts loss events and losses against their 90 % intervals and days beyond VaR, and lists
    breached limits, stale estimates and overdue reviews.
    """
    from perilscope.cli.show import emit, printer
    from perilscope.cycle.run import monitor as look
    from perilscope.cycle.settings import Settings
    from perilscope.report import monitoring as drawn

    day = on.date() if on else date.today()
    found: dict[str, Any] = look(
        book, since, day, Settings(engine="exact", prices=prices, positions=positions)
    )
    emit(json, found)
    printer(json).print(drawn.render(found))
    breached = any(limit["state"] == "breached" for limit in found["limits"])
    return BREACHED if breached and fail_on_breach else 0
