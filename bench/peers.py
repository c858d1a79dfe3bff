# SPDX-License-Identifier: Apache-2.0
"""The peers' side of the comparison: a process in their own environment that is asked in turn."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".venv-peers"


class PeerError(Exception):
    """A peer could not do what it was asked."""


class Worker:
    """A process that runs one peer's case at a time and tells the seconds by its own clock."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("peer_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def ask(self, case: str, **question: Any) -> dict[str, Any]:
        """Run one case; raises ``PeerError`` where it fails."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"case": case, **question}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=60)


def worker() -> Worker | None:
    """The peers' process; None where they are not installed."""
    for python in (HOME / "bin" / "python", HOME / "Scripts" / "python.exe"):
        if python.is_file() and (HOME / "ready").is_file():
            return Worker(python)
    return None
