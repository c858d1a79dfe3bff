# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema accepts what the loader accepts, as an editor sees it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from perilscope.book import json_schema
from perilscope.book.descriptions import FIELDS

from .books import BOOK, STAFF

FACE = Path(__file__).parents[3] / "shared" / "design" / "FACE.md"


def as_an_editor_sees(text: str) -> Any:
    """YAML with numbers as numbers; dates stay text, as in JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v) for v in value]
        return value.isoformat() if hasattr(value, "isoformat") else value

    return plain(YAML(typ="safe", pure=True).load(text))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(validator: jsonschema.Draft202012Validator, text: str) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(as_an_editor_sees(text))]


def test_the_whole_book_fits(validator: jsonschema.Draft202012Validator) -> None:
    assert faults(validator, BOOK) == []
    inline = BOOK.replace(
        "networks: [models/staff.yaml]",
        "networks:\n  staff:\n" + "".join(f"    {line}\n" for line in STAFF.splitlines()[1:]),
    )
    assert faults(validator, inline) == []


def test_the_book_that_sets_the_tone_fits(validator: jsonschema.Draft202012Validator) -> None:
    if not FACE.is_file():
        pytest.skip(f"the design folder is not beside the project ({FACE.parent.name} absent)")
    found = re.search(r"```yaml\n(.*?)```", FACE.read_text(encoding="utf-8"), re.S)
    assert found is not None
    assert faults(validator, found[1]) == []


@pytest.mark.parametrize(
    "change",
    [
        ("kind: exchange", "kind: exchang"),
        ("  keys:", "  My Keys:"),
        ("motive: theft", "motve: theft"),
        ("as_of: 2026-11-20", "as_of: [2026]"),
        ("segregated: yes", "segregated: perhaps"),
        ("currency: USD", "currency: dollars"),
    ],
)
def test_what_does_not_fit_is_marked(
    validator: jsonschema.Draft202012Validator, change: tuple[str, str]
) -> None:
    assert change[0] in BOOK
    assert len(faults(validator, BOOK.replace(*change))) >= 1


def test_ids_are_patterns_and_quantities_text_or_number() -> None:
    schema = json_schema()
    assets = schema["properties"]["assets"]
    assert list(assets["patternProperties"]) == ["^[a-z][a-z0-9-]{0,63}$"]
    assert schema["properties"]["horizon"]["type"] == ["string", "number"]
    assert all("id" not in d.get("properties", {}) for d in schema["$defs"].values())


def test_every_field_says_what_it_means() -> None:
    schema = json_schema()
    fields = {
        (name, field): text.get("description", "")
        for name, model in [("Book", schema), *schema["$defs"].items()]
        for shape in (model, *model.get("anyOf", ()))
        for field, text in shape.get("properties", {}).items()
    }
    assert [where for where, text in fields.items() if not text] == []
    assert [
        (name, field) for name, known in FIELDS.items() for field in known
        if (name, field) not in fields
    ] == []  # fmt: skip
