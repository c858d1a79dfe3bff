# SPDX-License-Identifier: Apache-2.0
"""``perilscope network``: questions to one network, of a book or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perilscope.cli.options import Json
from perilscope.cli.several import Several
from perilscope.cli.show import answer

if TYPE_CHECKING:
    from perilscope.cycle.networks.inquiry import Asked
    from perilscope.engines.networks.findings import Findings

network = typer.Typer(
    name="network",
    help="""Ask a network: of a BOOK, or in a file of another program.

    Files: BIF, XMLBIF, XDSL (GeNIe), NET (Hugin), UAI, .cmpx (agena.ai) and our own .json.

    [bold]perilscope network query asia.bif --evidence xray=yes --target lung[/bold]
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Source = Annotated[
    Path,
    typer.Argument(metavar="FILE|BOOK", help="A network file, or a book.", show_default=False),
]
Name = Annotated[
    str,
    typer.Option("--network", metavar="NAME", help="Which network of a book.", show_default=False),
]
Evidence = Annotated[
    list[str] | None,
    typer.Option("--evidence", "-e", metavar="NODE=STATE", help="Seen for certain; repeat it."),
]
Likelihood = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NODE=0.1,0.9",
        help="How probable what was seen is in each state; weighed against what is believed.",
    ),
]
Probability = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NODE=0.2,0.8",
        help="What the probabilities are once it is taken into account; replaces what is believed.",
    ),
]
Do = Annotated[
    list[str] | None,
    typer.Option(metavar="NODE=STATE", help="Set from outside: its causes no longer matter."),
]
Target = Annotated[
    str, typer.Option("--target", "-t", metavar="NODE=STATE", help="What the question is about.")
]


def _asked(
    source: Path,
    name: str,
    evidence: list[str] | None,
    likelihood: list[str] | None,
    probability: list[str] | None,
    do: list[str] | None,
) -> tuple[Asked, Findings]:
    from perilscope.cycle.networks.inquiry import opened, read_findings

    asked = opened(source, name)
    findings = read_findings(
        asked.network,
        hard=evidence or (),
        likelihood=likelihood or (),
        target=probability or (),
        do=do or (),
    )
    return asked, findings


def _answer(document: dict[str, Any], json: str | None, draw: Any) -> None:
    answer(document, json, draw, ordered=False)  # states stand in the order they are declared in


@network.command()
def new(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="Which; without one, all are listed.")
    ] = "",
    name: Annotated[
        str, typer.Option("--id", metavar="ID", help="Id of the network in the book.")
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="A setting; repeat it."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here; else to standard output.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
) -> None:
    """Write a network to start from: de-peg, chain, counterparty, keys, staff.

    [bold]perilscope network new depeg --id usdt-peg --set coin=USDT --set threshold="5 %"[/bold]
    """
    from perilscope.cycle.networks.scaffold import TEMPLATES, scaffold
    from perilscope.store.documents import write_text

    if not template:
        for key, each in TEMPLATES.items():
            typer.echo(f"{key}: {each.says}")
            for setting, (usual, says) in each.settings.items():
                typer.echo(f"    {f'{setting}={usual}':<22} {says}")
        return
    text = scaffold(template, name, settings or ())
    if out is None:
        typer.echo(text, nl=False)
        return
    _refuse_to_overwrite(out, force)
    write_text(out, text)
    typer.echo(f"wrote {out}; name it under `networks:` of the book", err=True)


@network.command()
def show(source: Source, name: Name = "", json: Json = None) -> None:
    """Show nodes, states, arcs, and the probability of every state."""
    from perilscope.cycle.networks.inquiry import opened
    from perilscope.cycle.networks.inquiry import show as look
    from perilscope.report import networks

    _answer(look(opened(source, name)), json, networks.shown)


@network.command(cls=Several)
def query(
    source: Source,
    evidence: Evidence = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", metavar="NODE", help="Ask for this node; repeat it."),
    ] = None,
    joint: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE", help="Ask for the joint law of these nodes; repeat it."),
    ] = None,
    likelihood: Likelihood = None,
    probability: Probability = None,
    do: Do = None,
    engine: Annotated[str, typer.Option(metavar="auto|junction tree|pyAgrum")] = "auto",
    name: Name = "",
    json: Json = None,
) -> None:
    """Probabilities of nodes given what is known, exactly.

    [bold]perilscope network query asia.bif -e asia=yes -e xray=yes -t lung --json -[/bold]
    """
    from perilscope.cycle.networks import inquiry
    from perilscope.report import networks

    asked, findings = _asked(source, name, evidence, likelihood, probability, do)
    found = inquiry.query(asked, findings, target or None, engine, joint or ())
    _answer(found, json, networks.answered)


@network.command(cls=Several)
def sensitivity(
    source: Source,
    target: Target,
    evidence: Evidence = None,
    likelihood: Likelihood = None,
    do: Do = None,
    top: Annotated[
        int | None,
        typer.Option(
            help="How many table entries are listed; 20 on the screen and all in JSON without it.",
            min=1,
            show_default=False,
        ),
    ] = None,
    name: Name = "",
    json: Json = None,
) -> None:
    """Which table entries a probability is most sensitive to, with its exact function of each."""
    from perilscope.cycle.networks import inquiry
    from perilscope.report import networks

    asked, findings = _asked(source, name, evidence, likelihood, None, do)
    _answer(inquiry.sensitivity(asked, target, findings, top), json, networks.swayed)


@network.command(cls=Several)
def explain(
    source: Source,
    target: Target,
    evidence: Evidence = None,
    likelihood: Likelihood = None,
    probability: Probability = None,
    do: Do = None,
    name: Name = "",
    json: Json = None,
) -> None:
    """How a probability came about: what each finding did, and what is worth finding out next."""
    from perilscope.cycle.networks import inquiry
    from perilscope.report import networks

    asked, findings = _asked(source, name, evidence, likelihood, probability, do)
    _answer(inquiry.explain(asked, target, findings), json, networks.explained)


@network.command(cls=Several)
def learn(
    source: Source,
    records: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDS.csv",
            help="One column a node, one row a record; an empty cell or ? was not seen.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write the learnt network; its ending says the kind."),
    ] = None,
    ess: Annotated[
        float,
        typer.Option(metavar="N", help="How many records the tables of before are worth; 0: none."),
    ] = 10.0,
    prior: Annotated[
        str, typer.Option(metavar="table|uniform", help="What a row is before any record.")
    ] = "table",
    weight: Annotated[
        str, typer.Option(metavar="COLUMN", help="How much each record counts, 1 without it.")
    ] = "",
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE", help="Leave the table of this node; repeat it."),
    ] = None,
    structure: Annotated[
        bool,
        typer.Option("--structure", help="Suggest arcs instead; changes nothing."),
    ] = False,
    forbid: Annotated[
        list[str] | None,
        typer.Option(metavar="PARENT->CHILD", help="With --structure: never this arc."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="PARENT->CHILD", help="With --structure: always this arc."),
    ] = None,
    name: Name = "",
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
    json: Json = None,
) -> None:
    """Learn the tables of a network from records, missing cells and all.

    [bold]perilscope network learn staff.json days.csv --ess 20 --out learnt.json[/bold]
    """
    from perilscope.cycle.networks import inquiry, teaching
    from perilscope.report import lessons

    asked = inquiry.opened(source, name)
    if structure:
        found = teaching.suggested(
            asked, records, weight=weight, forbidden=forbid or (), required=require or ()
        )
        _answer(found, json, lessons.suggested)
        return
    learnt = teaching.taught(
        asked,
        records,
        ess=ess,
        prior=prior,
        weight=weight,
        keep=keep or (),
    )
    _answer(learnt.document, json, lessons.learnt)
    if out is not None:
        _write(inquiry.Asked(asked.name, learnt.network), out, "", force)


@network.command(cls=Several)
def bounds(
    source: Source,
    target: Target,
    odds: Annotated[
        float, typer.Option(help="By what factor the odds of an entry may be wrong.")
    ] = 2.0,
    node: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE", help="Doubt the table of this node only; repeat it."),
    ] = None,
    evidence: Evidence = None,
    likelihood: Likelihood = None,
    do: Do = None,
    name: Name = "",
    json: Json = None,
) -> None:
    """Between what a probability lies when tables are doubted, each bound inner, outer or exact."""
    from perilscope.cycle.networks import inquiry
    from perilscope.report import networks

    asked, findings = _asked(source, name, evidence, likelihood, None, do)
    _answer(inquiry.bounded(asked, target, findings, odds, node or ()), json, networks.bounded)


@network.command()
def sample(
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.csv", help="Where to write.")],
    rows: Annotated[int, typer.Option(help="How many.", min=1, max=10_000_000)] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same rows.")] = 1,
    name: Name = "",
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
) -> None:
    """Draw records at random, as a table that `learn` reads."""
    import csv
    import io

    from perilscope.cycle.networks import inquiry
    from perilscope.store.documents import write_text

    _refuse_to_overwrite(out, force)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        inquiry.sampled(inquiry.opened(source, name), rows, seed)
    )
    write_text(out, text.getvalue())
    typer.echo(f"wrote {out}: {rows:,} rows", err=True)


@network.command()
def convert(
    source: Source,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Where to write; its ending says the kind.")
    ],
    to: Annotated[
        str,
        typer.Option(help="json, bif, xmlbif, xdsl, net, uai, cmpx or book, whatever the ending."),
    ] = "",
    name: Name = "",
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
) -> None:
    """Write a network as a file of another program, or of a book, every number to the last bit.

    [bold]perilscope network convert depeg.bif depeg.yaml[/bold]   (part of a book)
    """
    from perilscope.cycle.networks import inquiry

    _write(inquiry.opened(source, name), out, to, force)


def _refuse_to_overwrite(out: Path, force: bool) -> None:
    from perilscope.errors import MisuseError

    if out.exists() and not force:
        raise MisuseError(f"{out} is there already; --force writes over it")


_ENDINGS = {".json": "json", ".yaml": "book", ".yml": "book"}


def _write(asked: Asked, out: Path, to: str, force: bool) -> None:
    from perilscope import formats
    from perilscope.cycle.networks import inquiry
    from perilscope.store.documents import write_text

    kind = to or _ENDINGS.get(out.suffix.lower()) or formats.kind_of(out.name, "")
    text = inquiry.converted(asked, kind)
    _refuse_to_overwrite(out, force)
    write_text(out, text)
    said = formats.KINDS.get(kind, "part of a book")
    typer.echo(f"wrote {out} ({said}): {len(asked.network.nodes)} nodes", err=True)
