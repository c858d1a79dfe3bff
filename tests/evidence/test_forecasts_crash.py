# SPDX-License-Identifier: Apache-2.0
"""Tables of forecasts as they come: right ones read, wrong ones refused with their line."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.errors import DataError
from perilscope.evidence.forecasts import Forecasts, parse_forecasts

GOOD = "date,loss,var,cvar,mean,sd\n2026-01-01,1,2,3,0,1\n2026-01-02,4,2,3,0,1\n"


def read(text: str) -> Forecasts:
    return parse_forecasts("f.csv", text.encode())


def refused(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(DataError) as error:
        parse_forecasts("f.csv", data)
    return str(error.value)


def test_a_good_table() -> None:
    found = read(GOOD)
    assert found.exceptions == 1
    assert found.findings == ()
    assert found.cvar is not None
    assert found.cvar.tolist() == [3.0, 3.0]
    assert list(found.columns) == ["loss", "var", "cvar", "mean", "sd"]


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "# of our desk\n\n" + GOOD,
        GOOD.upper(),
        "Date , Loss, VaR,CVaR,Mean,SD\n" + GOOD.split("\n", 1)[1],
        GOOD.replace("2026-01-01", "2026-01-01T00:00:00Z"),
    ],
)
def test_spellings_of_the_same_table(text: str) -> None:
    assert read(text).loss.tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (GOOD.replace(",4,", ",nan,"), 3, "a number is wanted"),
        (GOOD.replace(",4,", ",inf,"), 3, "a number is wanted"),
        (GOOD.replace(",4,", ",,"), 3, "an empty cell"),
        (GOOD.replace(",4,", ",four,"), 3, "found four"),
        (GOOD.replace(",4,", ',"4,1",'), 3, "a number is wanted"),
        (GOOD.replace("2026-01-02", "2026-01-01"), 3, "stands twice"),
        (GOOD.replace("2026-01-02", "2025-12-31"), 3, "comes after"),
        (GOOD.replace("2026-01-02", "02.01.2026"), 3, "a date is wanted"),
        (GOOD.replace("2026-01-02", "2026-02-30"), 3, "a date is wanted"),
        (GOOD.replace("4,2,3", "4,2,1.5"), 3, "CVaR 1.5 is below VaR 2"),
        (GOOD.replace("4,2,3,0,1", "4,2,3,0,0"), 3, "above zero"),
        (GOOD.replace("4,2,3,0,1", "4,2,3,0,-1"), 3, "above zero"),
        (GOOD.replace("4,2,3,0,1", "4,2,3,0"), 3, "5 cells"),
        (GOOD.replace(",", ";"), 1, "not separated by commas"),
        (GOOD.replace("loss", "los"), 1, "no column loss"),
        (GOOD.replace("cvar", "var"), 1, "stands twice"),
        (GOOD.split("\n")[0] + "\n", 1, "no rows"),
        ("date,loss,var,pit\n2026-01-01,1,2,1.5\n", 2, "no probability"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, says: str) -> None:
    told = refused(text)
    assert f"f.csv:{line}" in told
    assert says in told


def test_every_fault_at_once_and_no_file_at_all() -> None:
    told = refused(GOOD.replace(",1,2,", ",x,2,").replace(",4,", ",y,"))
    assert "found x" in told
    assert "found y" in told
    assert "2 faults" in told
    assert "empty" in refused("")
    assert "UTF-16" in refused(GOOD.encode("utf-16"))
    assert "UTF-8" in refused(b"date,loss,var\n2026-01-01,\xff,1\n")
    assert "f.csv" in refused(b"\x00\x01\x02")


def test_what_is_noticed() -> None:
    found = read("date,loss,var,es,note\n2026-01-01,1,-2,3,a\n2026-01-05,1,2,3,b\n")
    said = " ".join(found.findings)
    assert "the column es is not read; call it cvar" in said
    assert "the column note is not read" in said
    assert "3 calendar days" in said
    assert "VaR is negative on 1 days" in said
    assert "every loss is the same" in said
    assert np.array_equal(found.loss, [1.0, 1.0])
