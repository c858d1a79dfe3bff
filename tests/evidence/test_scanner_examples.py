# SPDX-License-Identifier: Apache-2.0
"""Findings of scanners: own code counts, libraries and remarks do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from perilscope.book import Findings, Protocol
from perilscope.errors import DataError
from perilscope.evidence.scanner import parse_findings
from perilscope.layers.protocol import score

DATA = Path(__file__).resolve().parents[3] / "shared/data/findings"


def slither(*found: tuple[str, str, str, bool]) -> bytes:
    detectors = [
        {
            "check": "some-check",
            "impact": impact,
            "confidence": sure,
            "elements": [{"source_mapping": {"filename_relative": file, "is_dependency": library}}],
        }
        for impact, sure, file, library in found
    ]
    return json.dumps({"success": True, "results": {"detectors": detectors}}).encode()


def sarif(*found: tuple[str, str, dict[str, Any]]) -> bytes:
    rules = [{"id": f"r{k}", "properties": about} for k, (_, _, about) in enumerate(found)]
    results = [
        {
            "ruleId": f"r{k}",
            "level": level,
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": file}}}],
        }
        for k, (level, file, _) in enumerate(found)
    ]
    run = {"tool": {"driver": {"name": "any", "rules": rules}}, "results": results}
    return json.dumps({"version": "2.1.0", "runs": [run]}).encode()


def test_counts_are_weighed_by_the_scanner_s_confidence() -> None:
    raw = slither(
        ("High", "High", "src/Vault.sol", False),
        ("High", "Medium", "src/Vault.sol", False),
        ("Medium", "Low", "src/Vault.sol", False),
        ("Informational", "High", "src/Vault.sol", False),
        ("Optimization", "High", "src/Vault.sol", False),
    )
    found = parse_findings("scan.json", raw)
    assert (found.high, found.medium, found.low) == pytest.approx((1.6, 0.3, 0.0))


@pytest.mark.parametrize(
    "file", ["node_modules/@openzeppelin/x.sol", "lib/solmate/src/y.sol", "@openzeppelin/z.sol"]
)
def test_libraries_do_not_count(file: str) -> None:
    found = parse_findings("scan.json", slither(("High", "High", file, False)))
    assert (found.high, found.note) == (0.0, "0 in its own code, 1 in libraries left out")


def test_sarif_of_any_scanner() -> None:
    raw = sarif(
        ("warning", "a.sol", {"security-severity": "9.1", "precision": "high"}),
        ("error", "a.sol", {}),
        ("note", "a.sol", {}),
        ("error", "lib/b.sol", {}),
    )
    found = parse_findings("scan.sarif", raw)
    assert (found.high, found.medium, found.low) == pytest.approx((1.6, 0.0, 0.6))


def test_both_forms_of_one_scan_say_the_same() -> None:
    if not DATA.is_dir():
        pytest.skip(f"the scans of the reference contract are not there: {DATA}")
    one, two = (
        parse_findings(name, (DATA / name).read_bytes())
        for name in ("Vault.slither.json", "Vault.sarif")
    )
    assert one == two
    # 4 high (one sure, three half sure), 4 medium (one sure), 3 low, by the scanner's own list
    assert (one.high, one.medium, one.low) == pytest.approx((2.8, 2.8, 1.8))


def protocol(findings: Findings | None, lines: int) -> float:
    return score(
        Protocol(id="p", findings=findings, lines_of_code=lines, audits=2, oracle="chainlink")
    ).probability


def test_a_thin_wrapper_over_audited_libraries_is_hardly_moved() -> None:
    """138 findings, as a scanner reports on contracts of a library that everybody uses."""
    library = "node_modules/@openzeppelin/contracts/governance/Governor.sol"
    raw = slither(*[("Medium", "Medium", library, True)] * 40,
                  *[("Low", "Medium", library, True)] * 60,
                  *[("Informational", "High", library, True)] * 38)  # fmt: skip
    without = protocol(None, 120)
    for found in (
        parse_findings("scan.json", raw),
        Findings(bare=138),
        Findings(high=6.0, medium=40.0, low=92.0),  # by hand: most cannot be in 120 lines
    ):
        assert abs(protocol(found, 120) / without - 1.0) < 0.05


def test_findings_in_its_own_code_raise_it_and_then_no_further() -> None:
    without = protocol(None, 3000)
    some = protocol(Findings(high=1.0), 3000)
    many = protocol(Findings(high=9.0), 3000)
    more = protocol(Findings(high=90.0), 3000)
    assert without < some < many == more
    assert many < 1.5 * without


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "not JSON"),
        (b"[]", "an object is wanted"),
        (b'{"results": {"detectors": 3}}', "a list is wanted"),
        (b'{"results": {"detectors": [{"impact": "High"}]}}', "confidence is missing"),
        (b'{"nothing": 1}', "results is missing"),
        (b'{"runs": [3]}', "an object is wanted"),
    ],
)
def test_what_is_no_scan_is_refused_with_its_place(raw: bytes, what: str) -> None:
    with pytest.raises(DataError, match=what) as found:
        parse_findings("scan.json", raw)
    assert found.value.faults[0].file == "scan.json"
