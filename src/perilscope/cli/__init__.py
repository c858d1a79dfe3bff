# SPDX-License-Identifier: Apache-2.0
"""The command line: parse a request, call one function, show the answer.

Exit codes hold for every command:

====  ==============================================================
0     finished
1     the book or its data are refused; nothing was written
2     the command was called with something it does not take
3     finished, and a limit is breached (only with --fail-on-breach)
4     finished, but a scenario could not be assessed
70    an error of perilscope itself
130   interrupted
====  ==============================================================
"""

from __future__ import annotations

import os
import sys
import traceback

import typer

from perilscope.cli.app import app
from perilscope.cli.codes import INTERNAL, INTERRUPTED, MISUSE, REFUSED
from perilscope.errors import FaultsError, PerilscopeError


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        code = app(args=arguments, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except FaultsError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except PerilscopeError as error:
        print(error, file=sys.stderr)
        return MISUSE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # Everything else, whatever it is: a user is told in one line that the fault is ours and gets an
    # exit code to tell it by, not a trace. Versions of typer bring their own classes for wrong use,
    # so that is told by what it can do.
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            return MISUSE
        return _internal(error)
    return code if isinstance(code, int) else 0


def _internal(error: Exception) -> int:
    """An error of our own: say so in one line, and everything on request."""
    if os.environ.get("PERILSCOPE_DEBUG"):
        traceback.print_exception(error)
    print(
        f"perilscope failed on its own account ({type(error).__name__}: {error}); "
        "nothing was written.\n"
        "    Set PERILSCOPE_DEBUG=1 for the full trace, and please report it.",
        file=sys.stderr,
    )
    return INTERNAL
