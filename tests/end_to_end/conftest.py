# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hedge-fund"


@pytest.fixture(scope="session")
def perilscope(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own, in an empty folder."""
    where = tmp_path_factory.mktemp("elsewhere")

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "perilscope", *map(str, arguments)],
            cwd=where,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )

    return call


@pytest.fixture(scope="session")
def exact(perilscope: Callable[..., Any]) -> dict[str, Any]:
    """The example assessed by the exact engine."""
    done = perilscope("run", EXAMPLE, "--engine", "exact", "--json", "-")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def both(perilscope: Callable[..., Any]) -> dict[str, Any]:
    """The example assessed by both engines, with the defaults."""
    done = perilscope("run", EXAMPLE, "--json", "-")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example that a test may change."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "hedge-fund"))
