# SPDX-License-Identifier: Apache-2.0
"""Time what matters, against floors and against peers, in one interleaved run.

    make bench                             tables on the terminal
    python bench/run.py --markdown         the same as the page docs/benchmarks.md

Each case is run in turn with the others, several times round, so that a busy moment hits all of
them; medians and ratios are printed. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import accuracy
import cases
import chain_cases
import joint_cases
import large
import market_cases
import network_cases
import page
import peers
from measure import interleaved

ROUNDS = 7


def main() -> None:
    asked = argparse.ArgumentParser(description="Time what matters, against floors and peers.")
    asked.add_argument("--markdown", action="store_true", help="print the page of the docs")
    asked.add_argument("--rounds", type=int, default=ROUNDS, help="how many times round")
    asked.add_argument("--only", default="", help="only cases whose name holds this text")
    options = asked.parse_args()
    found = measured(options.rounds, options.only)
    print(page.whole(found) if options.markdown else page.tables(found), end="\n")


def measured(rounds: int, only: str) -> page.Measured:
    """Time everything and compare with converged truth."""
    notes: list[str] = []

    def say(text: str) -> None:
        print(text, file=sys.stderr)
        if text.startswith("left out"):
            notes.append(text.removeprefix("left out: "))

    worker, answers = peers.worker(), {}
    if worker is None:
        say("left out: the peers: they are not installed (`make bench` does, with a network)")
    versions = worker.ask("versions")["versions"] if worker else {}
    errors = [] if only else accuracy.own()
    with tempfile.TemporaryDirectory() as out:
        todo = [
            *cases.exact(),
            *cases.simulation(),
            *(cases.peers(worker, answers) if worker else ()),
            *network_cases.networks(worker),
            *chain_cases.chains(),
            *joint_cases.joint(),
            *market_cases.market(),
            *(market_cases.by_arch(worker) if worker else ()),
            *(market_cases.by_portfolio_tools(worker) if worker else ()),
            *cases.commands(out),
        ]
        timings = interleaved([case for case in todo if only in case.name], rounds, say)
    if worker:
        worker.close()
    with tempfile.TemporaryDirectory() as kept:
        whole = [] if only else list(large.runs(Path(kept)))
    errors += accuracy.theirs(answers)
    return page.Measured(timings, errors, versions, notes, rounds, whole)


if __name__ == "__main__":
    main()
