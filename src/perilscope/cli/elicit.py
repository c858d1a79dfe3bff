# SPDX-License-Identifier: Apache-2.0
"""`elicit`: estimates from people, as a dialogue or with all answers as options."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perilscope.cli.codes import INTERRUPTED
from perilscope.cli.options import Currency, Json

if TYPE_CHECKING:
    from perilscope.cli.dialogue import Dialogue

app = typer.Typer(
    help="""Estimates from people: intervals, quantiles, training, several experts as one.

    Alone it opens a dialogue. Each command below does one of its parts, and with options or a file
    it asks nothing. In a dialogue ? explains, an empty line asks again, Ctrl-C leaves and shows
    what was said so far.
    """,
    epilog="Exit codes: 0 finished; 1 data refused; 2 wrong use; 130 left early.",
    invoke_without_command=True,
    rich_markup_mode="rich",
)

What = Annotated[str, typer.Option(help="What is estimated, in words.", show_default=False)]
Kind = Annotated[
    str,
    typer.Option(
        metavar="money|rate|probability|number",
        help="What it measures; seen from the answers unless given.",
        show_default=False,
    ),
]
By = Annotated[str, typer.Option(help="Who says so, for the book.", show_default=False)]
On = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="When it is said, for the book; today unless given.",
        show_default=False,
    ),
]


@app.callback()
def _menu(context: typer.Context) -> int:
    if context.invoked_subcommand is not None:
        return 0
    from perilscope.cli.dialogue import one_of

    parts = {"interval": "1", "quantiles": "2", "training": "3", "experts": "4", "leave": "0"}
    console, dialogue = _console(None)
    done: dict[str, Any] = {
        "interval": lambda: interval(),
        "quantiles": lambda: quantiles(),
        "training": lambda: train(),
        "experts": lambda: _combine_asked(),
    }
    console.print(
        " Estimates from people\n"
        "   1  an interval that holds 9 cases in 10\n"
        "   2  quantiles\n"
        "   3  training: how sure are you, and how sure should you be?\n"
        "   4  several experts as one, from a file\n"
        "   0  leave"
    )

    def asked(dialogue: Dialogue) -> int:
        code = 0
        while code == 0:
            explain = "Type a number or the first letters of a word; Ctrl-C leaves at any time."
            part = dialogue.ask("Which?", explain, one_of(parts))
            if part == "leave":
                break
            code = int(done[part]())
        return code

    return _guided(dialogue, asked, at_end=0)


@app.command()
def interval(
    low: Annotated[
        str | None,
        typer.Option(help="1 case in 20 lies below, like 200k.", show_default=False),
    ] = None,
    high: Annotated[
        str | None,
        typer.Option(help="1 case in 20 lies above, like 2.5M.", show_default=False),
    ] = None,
    what: What = "",
    kind: Kind = "",
    currency: Currency = "USD",
    by: By = "",
    on: On = None,
    json: Json = None,
) -> int:
    """What an interval that holds 9 cases in 10 implies, and the line for a book.

    [bold]perilscope elicit interval --low 200k --high 2.5M --what "loss per event"[/bold]
    [bold]perilscope elicit interval --low "1 in 20 years" --high "1 in 2 years"[/bold]
    """
    from perilscope.cycle.people import implied
    from perilscope.errors import MisuseError

    fixed: dict[str, Any] = {"currency": currency, "by": by, "on": _day(on)}
    if (low is None) != (high is None):
        raise MisuseError("give both --low and --high, or neither for a dialogue")
    if low is not None and high is not None:
        return _estimate(implied.interval(low, high, kind=kind, what=what, **fixed), json)
    _, dialogue = _console(json)

    def asked(dialogue: Dialogue) -> int:
        from perilscope.cli import questions

        return _estimate(questions.interval(dialogue, kind=kind, what=what, **fixed), json)

    return _guided(dialogue, asked)


@app.command()
def quantiles(
    p: Annotated[
        list[str] | None,
        typer.Option(
            "--p", metavar="PERCENT=VALUE", help="A quantile, like 95=2M (repeatable).",
            show_default=False,
        ),
    ] = None,
    what: What = "",
    kind: Kind = "",
    currency: Currency = "USD",
    by: By = "",
    on: On = None,
    json: Json = None,
) -> int:  # fmt: skip
    """What quantiles imply: the law that fits them best, and the line for a book.

    [bold]perilscope elicit quantiles --p 5=50k --p 50=200k --p 95=2M[/bold]
    """
    from perilscope.cycle.people import implied

    fixed: dict[str, Any] = {"currency": currency, "by": by, "on": _day(on)}
    if p:
        given = implied.levels(p)
        return _estimate(implied.quantiles(given, kind=kind, what=what, **fixed), json)
    _, dialogue = _console(json)

    def asked(dialogue: Dialogue) -> int:
        from perilscope.cli import questions

        return _estimate(questions.quantiles(dialogue, kind=kind, what=what, **fixed), json)

    return _guided(dialogue, asked)


@app.command()
def train(
    questions: Annotated[int, typer.Option(help="How many questions.")] = 20,
    seed: Annotated[
        int | None,
        typer.Option(help="Names the choice of questions; the day's, unless given.",
                     show_default=False),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Score a CSV of answers instead of asking: "
                     "id, low, high, answer, confidence.", show_default=False),
    ] = None,
    bank: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Questions of your own (CSV): id, question, truth, unit, "
                     "source.", show_default=False),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the questions with their ids, and ask nothing.")
    ] = False,
    json: Json = None,
) -> int:  # fmt: skip
    """Answer questions whose answers are known, and see how well you know what you know.

    Amounts and dates are answered by an interval that holds the truth 9 times in 10, statements by
    true or false with a confidence from 50 % (a coin) to 100 %.
    """
    from dataclasses import asdict

    from perilscope.cycle.people import training
    from perilscope.evidence.questions import parse_answers, parse_questions
    from perilscope.report import elicit as drawn
    from perilscope.sources.files import read_bytes

    known = parse_questions(bank.as_posix(), read_bytes(bank)) if bank else training.bank()
    console, dialogue = _console(json)
    if list_:
        from perilscope.cli.show import emit

        hidden = [{"id": each.id, "text": each.text} for each in known]
        emit(json, {"questions": [asdict(each) for each in known]})
        console.print(drawn.questions(hidden, console.width))
        return 0
    if answers:
        given = parse_answers(answers.as_posix(), read_bytes(answers), known)
        return _scored(training.scored(given), json)
    day = date.today().toordinal() if seed is None else seed
    return _round(training.chosen(known, questions, day), dialogue, json)


@app.command()
def combine(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Experts' answers, as YAML or CSV.",
                       show_default=False),
    ],
    method: Annotated[
        str | None,
        typer.Option(metavar="equal|cooke-global|cooke-item|linear|log",
                     help="How; cooke-global where there are seed questions, else equal.",
                     show_default=False),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(help="Cooke's model: calibration below which an expert has no weight; the "
                     "best one is chosen unless given.", show_default=False),
    ] = None,
    robust: Annotated[
        bool, typer.Option("--robust", help="Combine again without each seed question.")
    ] = False,
    on: On = None,
    json: Json = None,
) -> int:  # fmt: skip
    """Several experts as one: each question's combined law, and lines for a book.

    Questions whose answer is known (seeds) show how far each expert's quantiles can be relied on;
    Cooke's classical model turns that into weights.
    """
    from perilscope.cli.show import emit, printer
    from perilscope.cycle.people import panel
    from perilscope.errors import AssessmentError, DataError, Fault, MisuseError
    from perilscope.evidence.answers import parse_study
    from perilscope.learning.experts import METHODS
    from perilscope.report import elicit as drawn
    from perilscope.sources.files import read_bytes

    if method is not None and method not in METHODS:
        raise MisuseError(f"{method!r} is no method; there are {', '.join(METHODS)}")
    study = parse_study(file.as_posix(), read_bytes(file))
    try:
        found = panel.combined(study, method, alpha=alpha, robust=robust, on=_day(on))
    except AssessmentError as error:
        raise DataError([Fault(file.as_posix(), 0, 0, "", str(error))]) from None
    emit(json, found)
    console = printer(json)
    console.print(drawn.experts(found, console.width))
    return 0


# --- what the commands share ----------------------------------------------------------------------


def _day(on: datetime | None) -> str:
    return (on.date() if on else date.today()).isoformat()


def _console(json: str | None) -> tuple[Any, Dialogue]:
    from perilscope.cli.dialogue import Dialogue
    from perilscope.cli.show import printer

    console = printer(json)
    return console, Dialogue(console)


def _guided(dialogue: Dialogue, asked: Any, at_end: int = INTERRUPTED) -> int:
    """Run a dialogue; who leaves early sees what was said so far."""
    from perilscope.cli.dialogue import EndedError

    try:
        return int(asked(dialogue))
    except EndedError:
        if at_end:
            dialogue.so_far()
        return at_end
    except KeyboardInterrupt:
        dialogue.so_far()
        return INTERRUPTED


def _estimate(document: dict[str, Any], json: str | None) -> int:
    from perilscope.cli.show import emit, printer
    from perilscope.report import elicit as drawn

    emit(json, document)
    console = printer(json)
    console.print(drawn.estimate(document, console.width))
    return 0


def _scored(document: dict[str, Any], json: str | None) -> int:
    from perilscope.cli.show import emit, printer
    from perilscope.report import elicit as drawn

    emit(json, document)
    console = printer(json)
    console.print(drawn.training(document, console.width))
    return 0


def _round(picked: Any, dialogue: Dialogue, json: str | None) -> int:
    """Ask the questions of a round; whoever ends it early is scored on what was answered."""
    from perilscope.cli import questions
    from perilscope.cli.dialogue import EndedError
    from perilscope.cycle.people import training

    answers: list[Any] = []
    code = 0
    try:
        questions.training(dialogue, picked, answers)
    except EndedError:
        pass
    except KeyboardInterrupt:
        dialogue.console.print()
        code = INTERRUPTED
    if answers:
        _scored(training.scored(answers), json)
    return code


def _combine_asked() -> int:
    """The menu's way to `combine`: asks for the file."""
    from perilscope.cli import questions
    from perilscope.errors import PerilscopeError

    console, dialogue = _console(None)

    def asked(dialogue: Dialogue) -> int:
        file, method = questions.experts(dialogue)
        try:
            return combine(file, method)
        except PerilscopeError as error:  # the menu goes on
            console.print(str(error), markup=False)
            return 0

    return _guided(dialogue, asked)
