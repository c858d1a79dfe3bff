# SPDX-License-Identifier: Apache-2.0
"""``perilscope network learn``: tables from a file of records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from perilscope import formats
from perilscope.cli import run

BIF = """
network staff {}
variable trained { type discrete [ 2 ] { yes, no }; }
variable clicks { type discrete [ 2 ] { no, yes }; }
probability ( trained ) { table 0.5, 0.5; }
probability ( clicks | trained ) { (yes) 0.9, 0.1; (no) 0.8, 0.2; }
"""
# 6 trained of whom 1 clicked, 4 untrained of whom 2 did
ROWS = ["yes,no"] * 5 + ["yes,yes"] + ["no,no"] * 2 + ["no,yes"] * 2


@pytest.fixture
def staff(tmp_path: Path) -> str:
    path = tmp_path / "staff.bif"
    path.write_text(BIF, encoding="utf-8")
    return str(path)


def records(tmp_path: Path, *rows: str, head: str = "trained,clicks") -> str:
    path = tmp_path / "records.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return str(path)


def asked(capsys: Any, *words: str) -> dict[str, Any]:
    assert run(["network", "learn", *words, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def rows_of(found: dict[str, Any]) -> dict[str, list[float]]:
    return {
        f"{row['node']} {' '.join(row['given'].values())}".strip(): row["after"]
        for row in found["tables"]
    }


def test_counts_with_nothing_before(capsys: Any, staff: str, tmp_path: Path) -> None:
    found = rows_of(asked(capsys, staff, records(tmp_path, *ROWS), "--ess", "0"))
    assert found["trained"] == pytest.approx([0.6, 0.4])
    assert found["clicks yes"] == pytest.approx([5 / 6, 1 / 6])
    assert found["clicks no"] == pytest.approx([0.5, 0.5])


def test_the_tables_of_before_weigh_as_much_as_they_are_said_to(
    capsys: Any, staff: str, tmp_path: Path
) -> None:
    found = rows_of(asked(capsys, staff, records(tmp_path, *ROWS), "--ess", "10"))
    assert found["trained"] == pytest.approx([(6 + 5) / 20, (4 + 5) / 20])
    # ten records over two rows: five each
    assert found["clicks yes"] == pytest.approx([(5 + 4.5) / 11, (1 + 0.5) / 11])


def test_weights_and_tables_that_stay(capsys: Any, staff: str, tmp_path: Path) -> None:
    path = records(tmp_path, "yes,no,3", "no,yes,1", head="trained,clicks,w")
    found = rows_of(asked(capsys, staff, path, "--ess", "0", "--weight", "w", "--keep", "clicks"))
    assert found["trained"] == pytest.approx([0.75, 0.25])
    assert found["clicks no"] == pytest.approx([0.8, 0.2])


def test_what_was_not_seen_is_shared_out(capsys: Any, staff: str, tmp_path: Path) -> None:
    """Two nodes, one cell missing: EM's fixed point by hand is the likelihood's maximum."""
    found = asked(capsys, staff, records(tmp_path, *ROWS, "?,yes", ",no"), "--ess", "0")
    assert found["missing"] == pytest.approx(2 / 24)
    after = rows_of(found)
    t, a, b = after["trained"][0], after["clicks yes"][1], after["clicks no"][1]
    yes, no = t * a / (t * a + (1 - t) * b), t * (1 - a) / (t * (1 - a) + (1 - t) * (1 - b))
    assert t == pytest.approx((6 + yes + no) / 12, abs=1e-7)
    assert a == pytest.approx((1 + yes) / (6 + yes + no), abs=1e-7)


def test_the_learnt_network_is_written(capsys: Any, staff: str, tmp_path: Path) -> None:
    out = tmp_path / "learnt.bif"
    path = records(tmp_path, *ROWS)
    assert run(["network", "learn", staff, path, "--ess", "0", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "10 records" in shown.out
    net = formats.read(out.read_bytes(), out.name).network
    assert net.node("trained").table.tolist() == pytest.approx([0.6, 0.4])
    assert run(["network", "learn", staff, path, "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("head", "row", "what"),
    [
        ("trained,clicks", "yes,perhaps", "clicks has no state 'perhaps'"),
        ("trained,click", "yes,no", "the column 'click' is no node"),
        ("trained,trained", "yes,no", "stands twice"),
        ("trained,clicks", "yes", "1 cells and the header has 2"),
    ],
)
def test_records_that_do_not_fit(
    capsys: Any, staff: str, tmp_path: Path, head: str, row: str, what: str
) -> None:
    assert run(["network", "learn", staff, records(tmp_path, row, head=head)]) == 1
    told = capsys.readouterr().err
    assert what in told
    assert "records.csv" in told


def test_options_that_make_no_sense(capsys: Any, staff: str, tmp_path: Path) -> None:
    path = records(tmp_path, *ROWS)
    for words in (["--prior", "flat"], ["--ess", "-1"], ["--keep", "nobody"]):
        assert run(["network", "learn", staff, path, *words]) == 2
        assert capsys.readouterr().err
    assert run(["network", "learn", staff, records(tmp_path)]) == 1
    assert "there is no record" in capsys.readouterr().err


def test_a_structure_is_only_suggested(capsys: Any, staff: str, tmp_path: Path) -> None:
    pytest.importorskip("pyagrum")
    pytest.importorskip("pandas")
    path = records(tmp_path, *["yes,no"] * 50, *["no,yes"] * 50, *["no,no"] * 5)
    found = asked(capsys, staff, path, "--structure")
    (arc,) = found["arcs"]
    assert {arc["parent"], arc["child"]} == {"trained", "clicks"}
    assert arc["there"] != arc["reversed"]
    forbidden = asked(
        capsys, staff, path, "--structure",
        "--forbid", "trained->clicks", "--forbid", "clicks -> trained",
    )  # fmt: skip
    assert forbidden["arcs"] == []
    assert forbidden["not_suggested"] == [{"parent": "trained", "child": "clicks"}]
