# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come, a log is read or refused with its faults; what was written is read back."""

from __future__ import annotations

import contextlib
import csv
import io
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.errors import DataError
from perilscope.evidence.incidents import Incident, parse_incidents, parse_tests

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
incidents = st.builds(
    Incident,
    on=st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    scenario=words.map(str.strip).filter(bool),
    outcome=st.sampled_from(["loss", "near miss", "blocked"]),
    amount=st.none() | st.floats(0, 1e12),
    source=words.map(str.strip),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(incidents, max_size=8))
def test_a_log_that_is_written_is_read_back(log: list[Incident]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["date", "scenario", "outcome", "amount", "source"])
    for i in log:
        amount = "" if i.amount is None else repr(i.amount)
        writer.writerow([i.on.isoformat(), i.scenario, i.outcome, amount, i.source])
    read = parse_incidents("log.csv", file.getvalue().encode())
    assert [(i.on, i.scenario, i.outcome, i.amount, i.source) for i in read] == [
        (i.on, i.scenario, i.outcome, i.amount, i.source) for i in log
    ]


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for parse in (parse_incidents, parse_tests):
        for start in (b"", b"date,scenario,outcome\n", b"date,target,trials,successes\n"):
            with contextlib.suppress(DataError):
                parse("log.csv", start + content)
