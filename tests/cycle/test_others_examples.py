# SPDX-License-Identifier: Apache-2.0
"""Work beside a run: by processes where these can be had, else by a thread; alike either way."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from perilscope.cycle import others
from perilscope.cycle.chapters import whole
from perilscope.cycle.others import Others
from perilscope.cycle.run import assessed
from perilscope.cycle.settings import Settings
from perilscope.errors import AssessmentError

SEVERAL = others.sys.platform == "linux" and others.cores() > 1
processes_only = pytest.mark.skipif(not SEVERAL, reason="no second process on this machine")


def silent(_what: str, _done: int, _of: int) -> None:
    """Nobody asks."""


def where(_tell: Any) -> int:
    return os.getpid()


def fails(_tell: Any) -> None:
    raise AssessmentError("no such thing")


def dies(here: int, _tell: Any) -> str:
    if os.getpid() != here:
        os._exit(9)
    return "done here"


def waits(_tell: Any) -> None:
    time.sleep(600)


def told(number: int, tell: Any) -> int:
    for done in range(number):
        time.sleep(0.01)
        tell("work", done + 1, number)
    return number


@processes_only
def test_work_is_done_by_another_process_or_by_a_thread_of_this_one():
    with Others(silent, processes=True) as other:
        assert other.begin(where).result() != os.getpid()
    with Others(silent) as other:
        assert other.begin(where).result() == os.getpid()


@pytest.mark.parametrize("processes", [True, False])
def test_who_asks_is_told_what_went_wrong(processes: bool):
    with Others(silent, processes=processes) as other:
        task = other.begin(fails)
        for _ in range(2):
            with pytest.raises(AssessmentError, match="no such thing"):
                task.result()


@pytest.mark.parametrize("processes", [True, False])
def test_how_far_the_work_is_is_told(processes: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(others, "_SELDOM", 0.0)
    heard = []
    with Others(lambda *said: heard.append(said), processes=processes) as other:
        assert other.begin(told, 3).result() == 3
    assert heard == [("work", done, 3) for done in (1, 2, 3)]


@processes_only
def test_what_a_process_does_not_live_to_tell_is_found_here():
    with Others(silent, processes=True) as other:
        assert other.begin(dies, os.getpid()).result() == "done here"


@processes_only
def test_work_nobody_asks_for_ends_with_the_run():
    with Others(silent, processes=True) as other:
        task = other.begin(waits)
        assert task._process.is_alive()  # type: ignore[attr-defined]
    assert not task._process.is_alive()  # type: ignore[attr-defined]


def test_beside_another_thread_no_process_is_begun():
    may_go = threading.Event()
    thread = threading.Thread(target=may_go.wait)
    thread.start()
    with Others(silent, processes=True) as other:
        assert other.begin(where).result() == os.getpid()
    may_go.set()
    thread.join()


@processes_only
def test_a_run_by_processes_is_the_same_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    book = tmp_path / "book.yaml"
    first = date(2025, 12, 31) - timedelta(279)
    rows = [f"{first + timedelta(k)},{100 + (7 * k) % 13}" for k in range(280)]
    (tmp_path / "prices.csv").write_text("date,BTC\n" + "\n".join(rows) + "\n")
    (tmp_path / "positions.csv").write_text("asset,quantity\nBTC,500\n")
    lines = "\n".join(
        f"  s{k}: {{story: S., asset: till, frequency: {1 + k % 3} in 10 years, "
        f"magnitude: {1000 * (k + 1)} to {9000 * (k + 1)}, owner: ciso}}"
        for k in range(70)
    )
    book.write_text(
        "institution: {name: Many, kind: exchange}\ncurrency: USD\nas_of: 2026-01-01\n"
        "discount_rate: 5 % per year\npositions: positions.csv\nprices: prices.csv\n"
        "tokens: {BTC: {name: Bitcoin}}\nhorizon: 10 days\n"
        "assets:\n  till: {kind: wallet, worth: 2M, basis: policy, owner: coo}\n"
        f"scenarios:\n{lines}\n"
        "controls:\n  c: {costs: 5k per year, cuts: {s3: 50 % of frequency}, owner: ciso}\n"
    )
    settings = Settings(years=2_000)
    begun: list[str] = []
    start = others._Process.__init__

    def counted(self: Any, work: Any, *given: Any) -> None:
        begun.append(work.__name__)
        start(self, work, *given)

    def never(_self: Any) -> None:
        raise AssertionError("a process did not live to tell")

    monkeypatch.setattr(others._Process, "__init__", counted)
    monkeypatch.setattr(others._Process, "_again", never)
    alone, several = (assessed(book, settings, processes=some) for some in (False, True))
    assert begun == ["desk", "simulation", "jointly", "doubts", "largest_together"]
    assert json.dumps(whole(alone)) == json.dumps(whole(several))
