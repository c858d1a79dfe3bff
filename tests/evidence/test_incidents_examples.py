# SPDX-License-Identifier: Apache-2.0
"""The two logs: what is read, and every fault with its line."""

from __future__ import annotations

from datetime import date

import pytest

from perilscope.errors import DataError, Fault
from perilscope.evidence.incidents import Incident, Trial, parse_incidents, parse_tests

HEAD = "date,scenario,outcome,amount,source\n"


def faults(text: str | bytes, parse: object = parse_incidents) -> tuple[Fault, ...]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(DataError) as refused:
        parse("log.csv", content)  # type: ignore[operator]
    return refused.value.faults


def test_an_incident_log_is_read_in_its_order() -> None:
    text = HEAD + "2026-03-01,phishing,loss,420000,desk\n2026-01-02,theft,blocked,,\n"
    assert parse_incidents("log.csv", text.encode()) == (
        Incident(date(2026, 3, 1), "phishing", "loss", 420000.0, "desk", 2),
        Incident(date(2026, 1, 2), "theft", "blocked", None, "", 3),
    )


@pytest.mark.parametrize(
    "written", ["near miss", "near-miss", "near_miss", "Near  Miss", "NEAR_MISS"]
)
def test_a_near_miss_is_written_in_several_ways(written: str) -> None:
    text = HEAD + f"2026-03-01,phishing,{written},,\n"
    assert parse_incidents("log.csv", text.encode())[0].outcome == "near miss"


def test_columns_in_any_order_notes_blank_lines_and_windows_line_ends() -> None:
    text = (
        '# kept by operations, "since 2024\r\n\r\nOutcome,Scenario,Date\r\n'
        "# a note, with commas\r\nloss,theft,2026-03-01\r\n\r\n"
    )
    (incident,) = parse_incidents("log.csv", text.encode("utf-8-sig"))
    assert (incident.scenario, incident.line, incident.amount) == ("theft", 5, None)


def test_a_quoted_value_over_two_lines_keeps_the_place_of_its_record() -> None:
    text = HEAD + '2026-03-01,theft,loss,1,"two\nlines"\n2026-13-01,theft,loss,1,x\n'
    (fault,) = faults(text)
    assert fault.line == 4
    good = parse_incidents("log.csv", text.replace("-13-", "-12-").encode())
    assert [(i.source, i.line) for i in good] == [("two\nlines", 2), ("x", 4)]


def test_a_log_with_a_header_alone_is_a_quiet_one() -> None:
    assert parse_incidents("log.csv", HEAD.encode()) == ()


def test_all_faults_at_once_each_with_its_line_and_column() -> None:
    text = HEAD + (
        "30/06/2025,theft,loss,1,\n"
        "2025-02-30,theft,loss,1,\n"
        ",,,,\n"
        "2025-02-03,theft,lost,1,\n"
        '2025-02-03,theft,loss,"1,000",\n'
        "2025-02-03,theft,loss,-1,\n"
        "2025-02-03,theft,loss,nan,\n"
        "2025-02-03,theft,loss,1e999,\n"
        "2025-02-03,theft,loss\n"
        "2025-02-03,theft,loss,250k,x\n"
    )
    found = faults(text)
    assert [(f.line, f.path) for f in found] == [
        (2, "date"),
        (3, "date"),
        (4, "date"),
        (4, "scenario"),
        (4, "outcome"),
        (5, "outcome"),
        (6, "amount"),
        (7, "amount"),
        (8, "amount"),
        (9, "amount"),
        (10, ""),
        (11, "amount"),
    ]
    assert all(f.mend and f.file == "log.csv" for f in found)
    assert [f.column for f in found[:4]] == [1, 1, 1, 2]


def test_headers() -> None:
    assert "is missing" in faults("date,outcome\n")[0].what
    assert "no column is called 'cost'" in faults("date,scenario,outcome,cost\n")[0].what
    assert "stands twice" in faults("date,scenario,outcome,date\n")[0].what
    assert faults("")[0].what == faults("# only a note\n\n")[0].what == "the file is empty"


def test_bytes_that_are_no_text() -> None:
    (fault,) = faults(HEAD.encode() + b"2026-01-01,th\xefft,loss,,\n")
    assert (fault.line, fault.what) == (2, "byte 0xef is not UTF-8 text")


def test_quotes_that_never_close() -> None:
    (fault,) = faults(HEAD + '2026-01-01,theft,loss,,"open\n2026-01-02,theft,loss,,\n')
    assert fault.line == 2
    assert "quotation mark" in fault.mend


def test_of_a_file_of_nothing_but_faults_some_are_told_and_the_rest_is_counted() -> None:
    found = faults(HEAD + "x,theft,loss,,\n" * 5000)
    assert len(found) == 101
    assert found[-1].what == "and 4900 more faults like these"


def test_a_line_of_a_quoted_value_is_no_note() -> None:
    text = HEAD + '2026-03-01,theft,loss,1,"see\n# 7"\n# a note\n2026-03-02,theft,loss,1,x\n'
    read = parse_incidents("log.csv", text.encode())
    assert [(i.source, i.line) for i in read] == [("see\n# 7", 2), ("x", 5)]


@pytest.mark.parametrize(
    "name",
    [
        "=HYPERLINK(1)",
        "<script>alert(1)</script>",
        "'; drop table",
        "a\u2028b",
        "\u202egnp",
        "{{7*7}}",
    ],
)
def test_hostile_text_is_just_text(name: str) -> None:
    text = HEAD + f'2026-01-01,"{name}",loss,1,"{name}"\n'
    (incident,) = parse_incidents("log.csv", text.encode())
    assert (incident.scenario, incident.source) == (name, name)


def test_a_cell_in_a_message_is_escaped_and_short() -> None:
    (fault,) = faults(HEAD + "2026-01-01,theft,\x1b[31m" + "x" * 500 + ",1,\n")
    assert "\x1b" not in fault.what
    assert len(fault.what) < 100


def test_a_test_log_is_read() -> None:
    text = "date,target,trials,successes,source\n2026-02-01,anti-phishing,40,33,red team\n"
    assert parse_tests("tests.csv", text.encode()) == (
        Trial(date(2026, 2, 1), "anti-phishing", 40, 33, 2, "red team"),
    )


def test_faults_of_a_test_log() -> None:
    text = (
        "date,target,trials,successes\n"
        "2026-02-01,a,0,0\n2026-02-01,a,5,6\n2026-02-01,a,5.5,1\n2026-02-01,,,\n2026-02-01,a,-5,1\n"
    )
    assert [(f.line, f.path) for f in faults(text, parse_tests)] == [
        (2, "trials"),
        (3, "successes"),
        (4, "trials"),
        (5, "target"),
        (5, "trials"),
        (5, "successes"),
        (6, "trials"),
    ]
