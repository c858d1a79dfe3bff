# SPDX-License-Identifier: Apache-2.0
"""What a scanner of contracts found: Slither's JSON, or SARIF of any scanner.

Only findings in the protocol's own code count: what lies in libraries was written, reviewed and is
used by others. Each counts by the scanner's own confidence; remarks on style or cost do not count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from perilscope.book import Findings
from perilscope.errors import DataError, Fault
from perilscope.formats.draft import RefusedError
from perilscope.formats.json_text import parse, want, want_key

_SURE = {"high": 1.0, "very-high": 1.0, "medium": 0.6, "low": 0.3}
_SEVERITIES = ("high", "medium", "low")
_LEVELS = {"error": "high", "warning": "medium", "note": "low"}
_LIBRARY = re.compile(
    r"(^|/)(node_modules|lib|libs|dependencies|vendor|\.deps)/|(^|/)@|openzeppelin"
)
_SLITHER = re.compile(r"([0-4])-([0-2])-")

Found = tuple[str, float, str]
"""Severity, confidence, file."""


def parse_findings(name: str, raw: bytes) -> Findings:
    """Counts of findings in a protocol's own code, by severity.

    Parameters
    ----------
    name : str
        Of the file, for faults.
    raw : bytes

    Raises
    ------
    DataError
        What is there is neither Slither's JSON nor SARIF.

    Examples
    --------
    >>> report = b'{"results": {"detectors": [{"impact": "High", "confidence": "Medium"}]}}'
    >>> parse_findings("scan.json", report).high
    0.6
    """
    try:
        root = want(parse(raw.decode("utf-8-sig")), dict, "", "an object")
        found = list(_sarif(root) if "runs" in root else _slither(root))
    except UnicodeDecodeError:
        raise DataError([Fault(name, 0, 0, "", "this is not UTF-8 text", "")]) from None
    except RefusedError as error:
        at = error.place
        fault = Fault(name, at.line, at.column, error.path, error.what, error.mend)
        raise DataError([fault]) from None
    own = [each for each in found if not _LIBRARY.search(each[2].lower())]
    totals = (math.fsum(s for severity, s, _ in own if severity == of) for of in _SEVERITIES)
    high, medium, low = totals
    left = len(found) - len(own)
    note = f"{len(own)} in its own code, {left} in libraries left out"
    return Findings(high, medium, low, note=note)


def _slither(root: dict[str, Any]) -> Iterator[Found]:
    results = want_key(root, "results", dict, "", "an object")
    listed = want(results.get("detectors", []), list, "results.detectors", "a list")
    for at, each in enumerate(listed):
        path = f"results.detectors[{at}]"
        found = want(each, dict, path, "an object")
        impact = want_key(found, "impact", str, path, "a text").lower()
        sure = _SURE.get(want_key(found, "confidence", str, path, "a text").lower(), 0.3)
        elements = want(found.get("elements", []), list, f"{path}.elements", "a list")
        where = [each.get("source_mapping", {}) for each in elements if isinstance(each, dict)]
        where = [each for each in where if isinstance(each, dict)]
        if where and all(each.get("is_dependency") is True for each in where):
            yield impact, sure, "lib/"
        else:
            yield impact, sure, str(where[0].get("filename_relative", "")) if where else ""


def _sarif(root: dict[str, Any]) -> Iterator[Found]:
    for at, run in enumerate(want_key(root, "runs", list, "", "a list")):
        path = f"runs[{at}]"
        run = want(run, dict, path, "an object")
        rules = _rules(run)
        results = want(run.get("results", []), list, f"{path}.results", "a list")
        for place, each in enumerate(results):
            result = want(each, dict, f"{path}.results[{place}]", "an object")
            yield (*_weighed(result, rules), _file(result))


def _rules(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    tool = run.get("tool")
    driver = tool.get("driver") if isinstance(tool, dict) else None
    rules = driver.get("rules") if isinstance(driver, dict) else None
    found = {}
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict) and isinstance(rule.get("id"), str):
            properties = rule.get("properties")
            found[rule["id"]] = properties if isinstance(properties, dict) else {}
    return found


def _weighed(result: dict[str, Any], rules: dict[str, dict[str, Any]]) -> tuple[str, float]:
    rule = str(result.get("ruleId", ""))
    slither = _SLITHER.match(rule)
    if slither:  # impact and confidence stand in the name, 0 the highest
        impact = (*_SEVERITIES, "informational", "optimization")[int(slither[1])]
        return impact, (1.0, 0.6, 0.3)[int(slither[2])]
    properties = rules.get(rule, {})
    sure = _SURE.get(str(properties.get("precision", "medium")).lower(), 0.6)
    try:
        score = float(properties["security-severity"])
    except (KeyError, TypeError, ValueError):
        return _LEVELS.get(str(result.get("level", "warning")), "informational"), sure
    return ("high" if score >= 7.0 else "medium" if score >= 4.0 else "low"), sure


def _file(result: dict[str, Any]) -> str:
    try:
        where = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    except (KeyError, IndexError, TypeError):
        return ""
    return str(where)
