# SPDX-License-Identifier: Apache-2.0
"""The table of ``quick``: a z-score for each row, and what to know about the laws below it."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from perilscope.report import quick

Document = dict[str, Any]
PERT = "PERT by Vose's form, lambda 4."


def screen(document: Document) -> list[str]:
    sink = io.StringIO()
    Console(file=sink, width=110, highlight=False).print(quick.render(document, 0.5))
    return sink.getvalue().splitlines()


def test_each_row_ends_in_its_z_score(run: Document) -> None:
    lines = screen(run)
    assert "z-score" in "\n".join(lines)
    ends = {line.split()[0]: line.split()[-1] for line in lines if line.strip()}
    assert ends["pm-phishing"] == "-1.3"
    assert ends["tax-penalty"] == "+1.5"
    assert max(map(len, lines)) <= 110


def test_with_one_engine_there_is_no_z_score(run: Document) -> None:
    run["checks"] = {}
    assert "z-score" not in "\n".join(screen(run))


def test_a_note_stands_once_with_the_rows_it_is_about(run: Document) -> None:
    text = " ".join(" ".join(screen(run)).split())
    assert text.count(PERT) == 1
    some = "(pm-phishing, protocol-exploit, exchange-default, trading-error and 11 more)"
    assert f"{PERT} {some}" in text


def test_warnings_stand_before_notes_and_are_not_said_twice(run: Document) -> None:
    run["findings"].append(
        {"severity": "warning", "where": "scenarios.x", "what": PERT, "mend": ""}
    )
    text = "\n".join(screen(run))
    assert text.count(PERT) == 1
    assert text.index("WARNING: nobody owns it") < text.index(PERT)
    assert "prices are made" not in text


def test_a_law_of_counts_is_shown_with_the_mean_it_was_read_with(run: Document) -> None:
    counted = "Events of a year are counted by the law binomial(4), 0.1 a year on average."
    run["scenarios"][0]["tree"]["children"][0]["notes"] = [counted]
    assert counted in " ".join(" ".join(screen(run)).split())
