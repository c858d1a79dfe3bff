# SPDX-License-Identifier: Apache-2.0
"""What the guide on estimates from people shows is what is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from perilscope.cli import run

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "elicit.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```console\n\$ perilscope (.*?)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
TEXTS = re.findall(r"^```text\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
FILES = list(zip(("mine.csv", "panel.yaml"), TEXTS, strict=True))


def test_the_guide_shows_a_command_of_each_kind() -> None:
    assert [command.split()[1] for command, _ in SHOWN] == ["interval", "train", "combine"]
    assert all(f"`{name}`" in GUIDE for name, _ in FILES)


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[c.split()[1] for c, _ in SHOWN])
def test_the_output_is_real(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name, text in FILES:
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(command)) == 0
    assert capsys.readouterr().out.rstrip() == output.rstrip()


def test_every_method_and_key_is_explained(capsys: Any) -> None:
    from perilscope.evidence.answers import _KEYS
    from perilscope.learning.experts import METHODS

    for word in (*METHODS, *_KEYS):
        assert f"| `{word}` |" in GUIDE
