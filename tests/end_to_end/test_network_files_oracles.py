# SPDX-License-Identifier: Apache-2.0
"""The book of the guide whose network stands in a BIF file: by hand, and as the same book whole."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import perilscope
from perilscope.cli import run

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "networks.md"
P = 0.96 * 0.01 + 0.04 * 0.40
"""Chance that the coin falls."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = GUIDE.read_text(encoding="utf-8")
    book = re.search(r"```yaml\n(# a whole book beside a network file\n.*?)```", text, re.S)
    bif = re.search(r"```text\n(network depeg \{\}\n.*?)```", text, re.S)
    assert book
    assert bif
    (tmp_path / "b" / "networks").mkdir(parents=True)
    (tmp_path / "b" / "book.yaml").write_text(book[1])
    (tmp_path / "b" / "networks" / "depeg.bif").write_text(bif[1])
    return tmp_path / "b"


def asked(capsys: Any, *words: str) -> dict[str, Any]:
    assert run([*words, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_chances_and_means_are_those_of_the_tables(folder: Path, capsys: Any) -> None:
    mean = (0.01 + 4 * 0.03 + 0.12) / 6 * 5e6  # of a beta-PERT law
    found = asked(capsys, "run", str(folder), "--engine", "exact")
    assert found["networks"]["peg"]["depeg"]["yes"] == pytest.approx(P, rel=1e-12)
    assert found["enterprise_without_market"]["ale"] == pytest.approx(P * mean, rel=1e-9)
    seen = asked(capsys, "run", str(folder), "-e", "reserves=doubtful", "--engine", "exact")
    assert seen["enterprise_without_market"]["ale"] == pytest.approx(0.4 * mean, rel=1e-9)


def test_every_figure_is_that_of_the_same_book_with_the_network_written_in_it(
    folder: Path, capsys: Any
) -> None:
    other = folder.parent / "whole"
    shutil.copytree(folder, other)
    yaml, bif = other / "networks" / "peg.yaml", folder / "networks" / "depeg.bif"
    assert run(["network", "convert", str(bif), str(yaml)]) == 0
    assert "wrote" in capsys.readouterr().err
    text = yaml.read_text().replace("reserves:\n", "reserves:\n    means: state now\n", 1)
    text += "shocks: {depeg: {yes: {USDC: -12 %}}}\n"
    yaml.write_text(text)
    book = (other / "book.yaml").read_text()
    entry = re.search(r"networks:\n.*?(?=scenarios:)", book, re.S)
    assert entry
    (other / "book.yaml").write_text(book.replace(entry[0], "networks: [networks/peg.yaml]\n"))
    one, two = (perilscope.quantify(path, engine="exact").document for path in (folder, other))
    for key in ("enterprise", "enterprise_without_market", "networks", "scenarios"):
        assert one[key] == two[key]
    back = other / "back.bif"
    assert run(["network", "convert", str(folder), str(back)]) == 0
    assert asked(capsys, "network", "query", str(back))["marginals"] == one["networks"]["peg"]


def test_a_run_keeps_the_network_file_and_can_be_made_again(folder: Path, capsys: Any) -> None:
    out = folder.parent / "out"
    assert run(["run", str(folder), "--engine", "exact", "--quiet", "--out", str(out)]) == 0
    bif = folder / "networks" / "depeg.bif"
    bif.write_text(bif.read_text().replace("0.99, 0.01", "0.98, 0.02"))
    later = folder.parent / "later"
    assert run(["run", str(folder), "--engine", "exact", "--quiet", "--out", str(later)]) == 0
    capsys.readouterr()
    found = asked(capsys, "diff", str(out), str(later))
    assert found["a"]["inputs_kept"]
    assert found["a"]["book_hash"] != found["b"]["book_hash"]
    assert found["method"]["reproduced"]


def test_a_row_that_was_mended_is_told(folder: Path, capsys: Any) -> None:
    bif = folder / "networks" / "depeg.bif"
    bif.write_text(bif.read_text().replace("0.60, 0.40", "0.60, 0.4000004"))
    found = asked(capsys, "run", str(folder), "--engine", "exact")
    said = [row["what"] for row in found["findings"] if row["where"] == "networks/depeg.bif"]
    assert said == [
        "1 row did not sum to 1 and was divided by the sum; the largest deviation was 4e-07; "
        "nodes: depeg"
    ]
