# SPDX-License-Identifier: Apache-2.0
"""The columns of a log of alerts: in any case and order, each once, none unknown."""

from __future__ import annotations

import pytest

from perilscope.errors import DataError
from perilscope.evidence.alerts import parse_alerts


def test_columns_in_any_case_and_order() -> None:
    log = b"Kind,WATCH,source,time\nalert,peg,feed,2026-11-19T08:00:00Z\n"
    (found,) = parse_alerts("a.csv", log)
    assert (found.watch, found.source, found.kind) == ("peg", "feed", "alert")


@pytest.mark.parametrize(
    ("header", "says", "column"),
    [
        (b"time,watch,source,kind,watch", "column 'watch' stands twice", 5),
        (b"time,watch,source,kind,colour", "no column is called 'colour'", 5),
        (b"time,watch,source", "column 'kind' is missing", 1),
    ],
)
def test_other_columns_are_refused(header: bytes, says: str, column: int) -> None:
    with pytest.raises(DataError) as refused:
        parse_alerts("a.csv", header + b"\n2026-11-19,peg,feed,alert,peg\n")
    (fault,) = refused.value.faults
    assert (fault.what, fault.line, fault.column) == (says, 1, column)
    assert fault.mend.startswith("the columns are time, watch, source, kind; allowed as well:")
