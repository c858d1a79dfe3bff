# SPDX-License-Identifier: Apache-2.0
"""Regenerate the reference pages from the code: commands, book fields, run document."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WIDTH = "100"


def commands() -> str:
    """``--help`` of every command."""
    os.environ.update(COLUMNS=WIDTH, TERMINAL_WIDTH=WIDTH, NO_COLOR="1", TERM="dumb")
    from typer.main import get_command
    from typer.testing import CliRunner

    from perilscope.cli.app import app

    runner = CliRunner()
    pages = ["# Commands\n"]
    for name in ("", *_names(get_command(app).commands)):  # type: ignore[attr-defined]
        text = runner.invoke(app, [*name.split(), "--help"], prog_name="perilscope").output
        body = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
        pages.append(f"## perilscope {name}".rstrip() + f"\n\n```text\n{body}\n```\n")
    return "\n".join(pages)


def _names(commands: dict[str, Any]) -> list[str]:
    """Commands in their order, each followed by the commands below it."""
    names = []
    for name, command in commands.items():
        below = _names(getattr(command, "commands", {}))
        names += [name, *(f"{name} {each}" for each in below)]
    return names


def fields() -> str:
    """Every field of the book, from the models."""
    from perilscope.book import json_schema

    schema = json_schema()
    pages = ["# The fields of a book\n", "Made from the models that read it.\n"]
    for title, found in [("Book", schema), *sorted(schema.get("$defs", {}).items())]:
        model = _shape(found)
        properties = model.get("properties")
        if not properties:
            continue
        said = " ".join(model.get("description", "").split())
        pages.append(f"## {title}\n\n{said}\n" if said else f"## {title}\n")
        required = set(model.get("required", ()))
        rows = [
            f"| `{name}` | {_kind(field)} | {'yes' if name in required else ''} | {_said(field)} |"
            for name, field in properties.items()
        ]
        pages.append("| field | what | required | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(pages)


def _shape(model: dict[str, Any]) -> dict[str, Any]:
    """All fields of a model that may be written in several ways, and what each way means."""
    ways = [each for each in model.get("anyOf", ()) if isinstance(each, dict)]
    fields: dict[str, Any] = {}
    for each in ways:
        fields |= each.get("properties", {})
    if not fields:
        return model
    said = [" ".join(each["description"].split()) for each in ways if "description" in each]
    return {"properties": fields, "description": " Or: ".join(said)}


def document() -> str:
    """Every section of the run document, from its schema."""
    from perilscope.report.schema import schema

    found = schema()
    rows = [
        f"| `{name}` | {_kind(field)} | {_said(field)} |"
        for name, field in found["properties"].items()
    ]
    head = (
        "# The run document\n\nWhat `run.json` and `--json` hold. Made from its committed schema.\n"
    )
    pages = [head, "| key | what | |\n|---|---|---|\n" + "\n".join(rows) + "\n"]
    for title, part in found["$defs"].items():
        if part.get("properties"):
            inner = [f"| `{n}` | {_kind(f)} | {_said(f)} |" for n, f in part["properties"].items()]
            pages.append(
                f"## {title}\n\n| key | what | |\n|---|---|---|\n" + "\n".join(inner) + "\n"
            )
    return "\n".join(pages)


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return field["$ref"].rsplit("/", 1)[-1]
    if "enum" in field:
        return "one of " + ", ".join(f"`{v}`" for v in field["enum"] if v != "")
    for key in ("anyOf", "oneOf", "allOf"):
        if key in field:
            kinds = dict.fromkeys(_kind(part) for part in field[key])
            kinds.pop("null", None)
            return " or ".join(kinds)
    kind = field.get("type", "anything")
    inner = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
    if kind == "object" and isinstance(inner[0], dict):
        return _kind(inner[0]).removesuffix(" by name") + " by name"
    if isinstance(kind, list):
        return " or ".join(k for k in kind if k != "null")
    if kind == "array":
        return (
            f"list of {_kind(field['items'])}" if isinstance(field.get("items"), dict) else "list"
        )
    return str(kind)


def _said(field: dict[str, Any]) -> str:
    return " ".join(str(field.get("description", "")).split()).replace("|", "\\|")


PAGES = {"commands.md": commands, "book-fields.md": fields, "run-document.md": document}


def main() -> int:
    """Write the pages; with ``--check`` only compare them."""
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    stale = []
    for name, make in PAGES.items():
        text = make().rstrip("\n") + "\n"
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8", newline="\n")
    if stale and "--check" in sys.argv:
        print("out of date, run `make docs`:", ", ".join(stale))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
