# SPDX-License-Identifier: Apache-2.0
"""The commands. Everything heavy is imported when a command runs, so that ``--help`` is quick."""

from __future__ import annotations

import gc
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perilscope.cli import elicit
from perilscope.cli.capital import capital
from perilscope.cli.diff import diff
from perilscope.cli.feedback import feedback
from perilscope.cli.market import market
from perilscope.cli.network import network
from perilscope.cli.options import Book, Evidence, Json, Positions, Prices, Quiet
from perilscope.cli.prices import prices
from perilscope.cli.protocol import protocol
from perilscope.cli.together import condition, contributions, sensitivity

if TYPE_CHECKING:
    from perilscope.report.press import Press

BREACHED, INCOMPLETE = 3, 4

app = typer.Typer(
    name="perilscope",
    help="""Risk of digital-asset operations in probabilities and money.

    A BOOK is a YAML file, or a folder of them, that declares an institution: what it has, what
    threatens it, what it estimates, what it may do about it, and what it will not accept.

    Start with:  perilscope new my-book   then   perilscope run my-book
    """,
    epilog="""Exit codes: 0 finished; 1 book or data refused; 2 wrong use; 3 limit breached (with
    --fail-on-breach); 4 a scenario could not be assessed; 70 internal error.""",
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

MEASURES = """
Measures in the answer:

ALE: what an average year costs, in money per year.

VaR 99 %: the loss that 1 year (or day) in 100 exceeds.

CVaR 99 %: what such a year (or day) then costs on average.

ROSI: what a control saves beyond its cost, per unit of cost.
"""


def _version(wanted: bool) -> None:
    if wanted:
        import perilscope

        typer.echo(f"perilscope {perilscope.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def new(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to make; it must not hold a book yet.")
    ],
) -> None:
    """Write a commented starting book into DIR, ready to be checked and run."""
    from perilscope.cycle.begin import begin

    written = begin(folder)
    for path in written:
        typer.echo(f"wrote {path}", err=True)
    typer.echo(f"next: perilscope check {folder}    perilscope run {folder}", err=True)


@app.command()
def check(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> int:
    """Read BOOK and its data; list every fault, or say how each part will be assessed.

    For each scenario, protocol and portfolio: the method, why that one, and which of its data are
    present, stale or missing. Then what is unowned or overdue, what hangs on one piece, and which
    assets were never looked at under which threats.
    """
    from dataclasses import asdict

    from perilscope.cli.show import emit, printer
    from perilscope.cycle.guide import guide
    from perilscope.cycle.settings import Settings
    from perilscope.cycle.workspace import open_workspace
    from perilscope.report import guide as drawn

    found = guide(open_workspace(book, Settings(prices=prices, positions=positions)))
    emit(json, asdict(found))
    printer(json).print(drawn.render(asdict(found)))
    return 0


@app.command()
def schema(json: Json = None) -> int:
    """Print the JSON Schema of a book, for editors that complete and check while you type.

    In VS Code (YAML extension) put this on the first line of the book:
    [bold]# yaml-language-server: $schema=book.schema.json[/bold]
    """
    from perilscope.book import json_schema
    from perilscope.cli.show import emit

    emit(json or "-", json_schema())
    return 0


@app.command(epilog=MEASURES)
def run(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    seed: Annotated[int, typer.Option(help="Names the random streams of the simulation.")] = 1,
    years: Annotated[int, typer.Option(help="Simulated horizons.")] = 1_000_000,
    engine: Annotated[
        str,
        typer.Option(
            metavar="exact|simulation|both",
            help="Which engine finds the figures; both compares them.",
        ),
    ] = "both",
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
        typer.Option("--tornado", help="Also move every estimate, to see what answers to it."),
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
    from concurrent.futures import ThreadPoolExecutor

    from perilscope.cli.show import emit, printer, progress, summary
    from perilscope.cycle.chapters import whole
    from perilscope.cycle.inputs import collect
    from perilscope.cycle.run import assessed, draws_of, save
    from perilscope.cycle.settings import Settings

    gc.freeze()
    gc.enable()
    chosen = Settings(**settings)
    with progress(quiet=quiet) as tell:
        result = assessed(book, chosen, tell)
        document = whole(result, since=since, capital=capital, progress=tell)
        tell("report", 0, 1)
        with ThreadPoolExecutor(1) as beside:  # the page is another process's work
            page = beside.submit(press.page, document)
            inputs = collect(book, chosen, result.workspace) if keep_inputs else None
            draws = draws_of(result) if keep_draws else None
            pages = {"report.html": page.result()}
        save(document, out, pages, inputs, draws)
    emit(json, document)
    if not quiet:
        printer(json).print(summary(document, out, str(book), printer(json)))
    if fail_on_breach and any(limit["breached"] for limit in document["limits"]):
        return BREACHED
    return INCOMPLETE if document["failed"] else 0


@app.command(epilog=MEASURES)
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
    currency: Annotated[str, typer.Option(help="What amounts without a unit are in.")] = "USD",
    engine: Annotated[str, typer.Option(metavar="exact|simulation|both")] = "both",
    years: Annotated[int, typer.Option(help="Simulated horizons.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Names the random streams of the simulation.")] = 1,
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


@app.command()
def explain(
    book: Book,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Id of a scenario.")],
    prices: Prices = None,
    positions: Positions = None,
    engine: Annotated[str, typer.Option(metavar="exact|simulation|both")] = "both",
    years: Annotated[int, typer.Option(help="Simulated horizons.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Names the random streams of the simulation.")] = 1,
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


@app.command()
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


@app.command()
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


app.command()(capital)
app.command()(diff)
app.command()(feedback)
app.command()(condition)
app.command()(contributions)
app.command()(sensitivity)
app.add_typer(elicit.app, name="elicit")
app.add_typer(market, name="market")
app.add_typer(network, name="network")
app.add_typer(prices, name="prices")
app.add_typer(protocol, name="protocol")
