# SPDX-License-Identifier: Apache-2.0
"""Watched conditions of a book: alerts move the network, its scenarios, and come off again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import perilscope
from perilscope.engines.networks.alertfilter import Condition, Detector, Sign, reading
from perilscope.errors import BookError, DataError, MisuseError
from perilscope.evidence.alerts import parse_alerts

BOOK = """
institution: {name: Test}
currency: USD
as_of: 2026-11-20
assets: {float: {kind: wallet}}
networks:
  peg:
    nodes:
      reserves: {states: [sound, doubtful], table: [0.95, 0.05], means: state now}
      depeg:
        parents: [reserves]
        table: {sound: [0.99, 0.01], doubtful: [0.6, 0.4]}
watches:
  reserves:
    node: peg.reserves = doubtful
    begins: 0.02 per day
    ends: 0.5 per day
    since: 2026-11-18
    detectors:
      feed: {alerts: {when_true: 4 per day, when_false: 0.2 per day}}
      flag: {shows: {when_true: 90 %, when_false: 5 %}, heartbeat: 48 hours, at_most: 10}
alerts: alerts.csv
scenarios:
  depegged: {asset: float, frequency: from peg.depeg, magnitude: 1M}
"""
HEAD = "time,watch,source,kind,when_true,when_false,until,revoked,note\n"
ALERTS = [
    "2026-11-20T20:00:00Z,reserves,feed,alert,,,,,",
    "2026-11-20T21:00,reserves,feed,alert,,,,,",
    "2026-11-20T23:30:00+01:00,reserves,feed,alert,,,,,",
]


def assessed(folder: Path, rows: list[str]) -> Any:
    (folder / "book.yaml").write_text(BOOK)
    (folder / "alerts.csv").write_text(HEAD + "".join(row + "\n" for row in rows))
    return perilscope.quantify(perilscope.load(folder), engine="exact").document


def hours(h: float) -> float:
    return 2.0 + h / 24.0  # since 2026-11-18


def test_alerts_move_the_node_as_the_filter_says(tmp_path: Path) -> None:
    found = assessed(tmp_path, ALERTS)
    signs = [Sign(hours(20), "feed"), Sign(hours(21), "feed"), Sign(hours(22.5), "feed")]
    told = reading(Condition(0.02, 0.5), {"feed": Detector(4.0, 0.2)}, signs, start=0.0, now=3.0)
    no, yes = told.likelihood
    p = 0.05 * yes / (0.05 * yes + 0.95 * no)
    node = found["networks"]["peg"]["reserves"]
    assert node["doubtful"] == pytest.approx(p, rel=1e-9)
    depeg = found["networks"]["peg"]["depeg"]["yes"]
    assert depeg == pytest.approx(0.4 * p + 0.01 * (1 - p), rel=1e-9)
    quiet = assessed(tmp_path, [])
    assert found["enterprise"]["ale"] > 3 * quiet["enterprise"]["ale"]
    assert any("odds moved by feed" in f["what"] for f in found["findings"])


def test_silence_of_a_detector_that_lives_is_evidence(tmp_path: Path) -> None:
    quiet = assessed(tmp_path, [])
    assert quiet["networks"]["peg"]["reserves"]["doubtful"] < 0.05


def test_taking_back_restores_every_figure(tmp_path: Path) -> None:
    quiet = assessed(tmp_path, [])
    gone = [row.replace(",,,,,", ",,,,2026-11-20T23:00:00Z,") for row in ALERTS]
    again = assessed(tmp_path, gone)
    for document in (quiet, again):
        document.pop("provenance")
        document["book"] = {}
    assert again == quiet


def test_what_expired_counts_no_more(tmp_path: Path) -> None:
    quiet = assessed(tmp_path, [])
    old = [row.replace(",alert,,,,,", ",alert,,,2026-11-20T23:00:00Z,,") for row in ALERTS]
    assert assessed(tmp_path, old)["enterprise"]["ale"] == quiet["enterprise"]["ale"]


def test_a_shown_state_is_held_to_its_cap(tmp_path: Path) -> None:
    row = "2026-11-20T12:00:00Z,reserves,flag,on,,,,,"
    finding = "2026-11-20T12:00:00Z,reserves,auditor,finding,0.8,0.1,,,letter of 20 November"
    found = assessed(tmp_path, [row, finding])
    text = next(f["what"] for f in found["findings"] if f["where"] == "watches.reserves")
    assert "flag ×10" in text
    assert "auditor" in text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("yesterday,reserves,feed,alert,,,,,", "no time"),
        ("2026-11-20,reserves,feed,shout,,,,,", "no kind of sign is called 'shout'"),
        ("2026-11-20,reserves,auditor,finding,0.8,,,,", "without when_true and when_false"),
        ("2026-11-20,reserves,,alert,,,,,", "no source"),
        ("2026-11-20,reserves,feed,alert,-1,,,,", "no probability"),
    ],
)
def test_faults_of_the_log_name_their_line(row: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as refused:
        parse_alerts("alerts.csv", (HEAD + row + "\n").encode())
    assert "alerts.csv:2" in str(refused.value)


def test_signs_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="no watch 'peg'"):
        assessed(tmp_path, ["2026-11-20,peg,feed,alert,,,,,"])
    with pytest.raises(MisuseError, match="no detector is called 'radio'"):
        assessed(tmp_path, ["2026-11-20,reserves,radio,alert,,,,,"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("node: peg.reserves = doubtful", "node: peg.reserve = doubtful", "has no node `reserve`"),
        ("node: peg.reserves = doubtful", "node: pegs.reserves = doubtful", "no network is called"),
        ("node: peg.reserves = doubtful", "node: peg.reserves = bad", "has no state `bad`"),
        ("alerts: {when_true: 4 per day, when_false: 0.2 per day}", "heartbeat: 1 hour", "either"),
    ],
)
def test_faults_of_the_book_are_told(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in BOOK
    (tmp_path / "book.yaml").write_text(BOOK.replace(old, new))
    (tmp_path / "alerts.csv").write_text(HEAD)
    with pytest.raises(BookError, match=words):
        perilscope.load(tmp_path)


def test_an_event_of_a_period_is_not_watched(tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(BOOK.replace("peg.reserves = doubtful", "peg.depeg"))
    (tmp_path / "alerts.csv").write_text(HEAD)
    with pytest.raises(MisuseError, match="means: state now"):
        perilscope.quantify(perilscope.load(tmp_path), engine="exact")
