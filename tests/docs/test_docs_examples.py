# SPDX-License-Identifier: Apache-2.0
"""Documentation is tested: reference pages are current, every word is explained, output is real."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from perilscope.report.schema import schema
from perilscope.report.words import MEANINGS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "make_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["commands.md", "book-fields.md", "run-document.md"])
def test_reference_pages_are_current(page: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make_reference.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert page not in done.stdout, done.stdout + done.stderr


def test_every_command_has_an_entry(reference: ModuleType) -> None:
    text = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    commands = "new check schema run quick explain show monitor elicit"
    for command in commands.split():
        assert f"## perilscope {command}\n" in text
    options = "prices positions evidence seed years engine horizon out json quiet since"
    for option in (*options.split(), "fail-on-breach"):
        assert f"--{option}" in text


def test_every_measure_has_a_meaning_of_one_sentence() -> None:
    for name, meaning in MEANINGS.items():
        assert meaning.rstrip().endswith("."), name


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_shows_what_is_printed() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"\$ perilscope run examples/hedge-fund\n(.*?)```", readme, re.S)
    assert shown
    done = subprocess.run(
        [sys.executable, "-m", "perilscope", "run", "examples/hedge-fund", "--out", "out"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        timeout=120,
    )
    assert shown[1].rstrip("\n") == done.stdout.rstrip("\n")


def test_no_decision_lacks_its_parts() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for part in ("**Context.**", "**Decision.**", "**Price.**"):
            assert part in text, page.name


def test_every_key_of_the_run_document_says_what_it_is() -> None:
    found = schema()
    parts = [("run", found), *found["$defs"].items()]
    assert [
        (name, key)
        for name, part in parts
        for key, field in part.get("properties", {}).items()
        if not field.get("description")
    ] == []
