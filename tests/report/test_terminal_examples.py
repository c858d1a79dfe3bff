# SPDX-License-Identifier: Apache-2.0
"""The summary: what it says, that it fits the screen, and that hostile text cannot break it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len

from perilscope.report import terminal

Document = dict[str, Any]
POISON = "<b>\x1b[31m\u202e[red]x[/] \u200bא\x07" + "W" * 200


def test_fifteen_scenarios_and_eight_controls_fit_a_screen(run: Document) -> None:
    text = terminal.render(run, report="out/report.html", book="examples/hedge-fund")
    lines = text.splitlines()
    assert len(lines) <= 40
    assert max(map(cell_len, lines)) <= 110


@pytest.mark.parametrize("width", [72, 80, 100, 110, 160, 250])
@pytest.mark.parametrize("height", [24, 30, 40, 60])
def test_it_fits_other_screens(run: Document, width: int, height: int) -> None:
    lines = terminal.render(run, width=width, height=height).splitlines()
    assert len(lines) <= max(height, 36)
    assert max(map(cell_len, lines)) <= max(width, 80)


def test_it_says_what_a_year_costs(run: Document) -> None:
    text = terminal.render(run)
    assert "Northlight Digital   as of 2026-11-20   next 12 months   USD   book 7f3a1c" in text
    assert "3 of 5 limits BREACHED" in text
    assert re.search(
        r"an average year +\$875k +90 % credible: \$700k to \$1.1M; something is lost in 98 years",
        text,
    )
    assert re.search(r"1 year in 20 exceeds +\$2.1M +and then costs \$5.0M on average", text)
    assert re.search(r"1 year in 100 exceeds +\$8.3M +and then costs \$9.8M on average", text)


def test_what_loses_mostly_gives_way_to_the_credible_interval(run: Document) -> None:
    assert "mostly trading-error" not in terminal.render(run)
    assert "; something is lost in 98 years of 100, mostly trading-error" in terminal.render(
        run, width=160
    )
    assert "credible" not in terminal.render(run, width=80)
    run["enterprise"]["ale_interval"] = [875e3, 875e3]
    assert "100, mostly trading-error" in terminal.render(run)


def test_what_decides_a_bad_year_is_marked_and_the_rest_summed(run: Document) -> None:
    text = terminal.render(run)
    marked = [line for line in text.splitlines() if "<<" in line]
    assert [line.split()[1] for line in marked[:1]] == ["exchange-default"]
    assert re.search(r"1 pm-phishing +1 in 2 y +\$250k +29 % +3 % +own data", text)
    assert re.search(r"and \d+ (smaller ones|others) +\$\d+k +\d+ % +\d+ %", text)


def test_a_rare_scenario_that_decides_a_bad_year_is_never_left_out(run: Document) -> None:
    last = run["scenarios"][-1]
    last["share_of_tail"] = 0.6
    text = terminal.render(run)
    assert re.search(r"15 tax-penalty .* 60 %  <<", text)
    assert re.search(r"and \d+ others", text)


def test_every_row_is_shown_where_there_is_room(run: Document) -> None:
    text = terminal.render(run, height=80)
    for each in (*run["scenarios"], *run["controls"]):
        assert each["id"] in text
    assert "smaller" not in text
    assert "chance of losing more than 5M in a year    1.7 %" in re.sub(r" {2,}", "    ", text)


def test_shares_of_shown_rows_and_the_rest_make_the_whole(run: Document) -> None:
    lines = terminal.render(run).splitlines()
    start = next(k for k, line in enumerate(lines) if "happens" in line)
    rows = [line for line in lines[start + 1 : start + 12] if line.count(" %") >= 2]
    total = sum(int(re.findall(r"(\d+) %", row)[0]) for row in rows)
    whole = 100 * sum(each["share_of_ale"] for each in run["scenarios"])
    assert abs(total - whole) <= len(rows)


def test_market_trust_and_next(run: Document) -> None:
    text = terminal.render(run, report="out/report.html", book="my book", out="out")
    assert "1-day VaR 99 % $3.4M (90 % interval $3.1M to $3.9M), 7-day $9.0M, 10-day $10.8M" in text
    assert "adds $160k to a 1-day CVaR 99 % of $4.5M" in text
    assert "Prices are made by a script; they are no market's history." in text
    assert "rests on 89 % industry" in text
    assert "exchange-default (how often? how much is lost?)" in text
    assert "exact and 1,000,000 simulated years agree (largest gap 1.5 standard errors" in text
    assert "perilscope show out --register" in text
    assert "perilscope monitor 'my book' --since out" in text
    assert "report: out/report.html (1 warning)" in text


def test_warnings_are_told_where_there_is_room(run: Document) -> None:
    run["findings"] = [
        {"severity": "warning", "where": "scenarios.x-y", "what": "is odd", "mend": ""},
        {"severity": "note", "where": "prices", "what": "old", "mend": ""},
    ]
    text = terminal.render(run, height=80, report="out/report.html")
    assert " Warnings x-y: is odd" in text
    assert "report.html (1 warning)" in text
    assert "x-y: is odd" not in terminal.render(run, report="out/report.html")


def test_errors_are_told_whether_there_is_room_or_not(run: Document) -> None:
    run["findings"] = [
        {"severity": "warning", "where": "scenarios.x-y", "what": "is odd", "mend": ""},
        {"severity": "error", "where": "enterprise", "what": "not joined", "mend": ""},
        {"severity": "error", "where": "scenarios.z", "what": "endless", "mend": ""},
    ]
    run["failed"] = [{"id": "z", "reason": "endless"}]
    for height in (24, 80):
        text = terminal.render(run, height=height, report="out/report.html")
        assert " Errors   enterprise: not joined\n" in text
        assert "report.html (2 errors, 1 warning)" in text
    assert "LEFT OUT: z: endless" in text


def test_engines_that_disagree_are_said_to(run: Document) -> None:
    run["checks"]["data-breach"] = -7.3
    assert "DISAGREE (largest gap 7.3 standard errors, data-breach)" in terminal.render(run)


def test_nothing_declared_and_nothing_lost(bare: Document) -> None:
    text = terminal.render(bare)
    assert re.search(r"an average year +\$0 +nothing is lost", text)
    assert "no limits declared" in text
    assert "no positions declared" in text
    assert "one engine only" in text
    assert "What money buys" not in text


def test_failed_scenarios_are_named(run: Document) -> None:
    run["failed"] = [{"id": f"lost-{k}", "reason": "no price for XYZ"} for k in range(4)]
    text = terminal.render(run)
    assert "LEFT OUT: lost-0: no price for XYZ" in text
    assert "and 2 more" in text


def test_a_horizon_that_is_no_year_is_not_called_one(run: Document) -> None:
    run["horizon_years"] = 0.25
    text = terminal.render(run)
    assert "next 3 months" in text
    assert "1 period in 100 exceeds" in text
    assert "1-in-100 period" in text
    assert "100 year" not in text.split(" Limits")[0]


def test_only_the_required_parts_of_a_run_are_needed(bare: Document) -> None:
    for key in ("evidence", "grades", "improve", "learning", "against", "forecast", "added"):
        bare.pop(key)
    assert "What a year costs" in terminal.render(bare)


def test_a_run_reads_the_same_before_it_is_written_and_after_it_is_read(run: Document) -> None:
    again = json.loads(json.dumps(run, sort_keys=True))
    assert terminal.render(again) == terminal.render(run)
    assert terminal.register(again) == terminal.register(run)


def test_colour_changes_nothing_but_colour(run: Document) -> None:
    plain = terminal.render(run, width=110)
    coloured = terminal.render(run, width=110, colour=True)
    assert "\x1b[" not in plain
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()
    assert terminal.render(run, width=110, colour=True) == coloured


def test_hostile_text_neither_breaks_lines_nor_drives_the_terminal(
    hostile: Callable[[str], Document],
) -> None:
    document = hostile(POISON)
    for text in (terminal.render(document), terminal.register(document)):
        assert not set(text) & set("\x1b\u202e\x07\u200b\r")
    lines = terminal.render(document).splitlines()
    assert len(lines) <= 40
    assert max(map(cell_len, lines)) <= 125


def test_the_register_holds_every_estimate(run: Document) -> None:
    text = terminal.register(run)
    assert "Source of the estimate" in text
    assert re.search(r"Pm phishing +frequency +1 in 2 years .* \$250,000 a year", text)
    assert re.search(r"Protocol exploit +frequency .* \$200,000 a year", text)
    assert "1 year in 100: $2,750,000" in text
    assert max(map(cell_len, text.splitlines())) <= 110


def test_the_largest_shock_is_the_one_told(run: Document) -> None:
    small = run["market"]["depeg"]["usdc-peg.depeg"]
    run["market"]["depeg"]["venues.panic"] = small | {"cvar_with": 9.0 * small["cvar_with"]}
    text = terminal.render(run)
    assert "shock venues.panic" in text
    assert "shock usdc-peg.depeg" not in text
