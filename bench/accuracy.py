# SPDX-License-Identifier: Apache-2.0
"""How far each tool's VaR and CVaR lie from converged truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cases
import floors
import truth
from registers import REG20, believed, lines, two_hundred

from perilscope.engines.aggregate.register import Register


@dataclass(frozen=True)
class Accuracy:
    """Relative errors at 95, 99 and 99.9 %; ``estimate`` is what the tool itself says of them."""

    name: str
    var: tuple[float, ...]
    cvar: tuple[float, ...]
    estimate: float | None = None


def own() -> list[Accuracy]:
    """The exact engine on every register, and the plain FFT."""
    plain = floors.rounded_fft(lines(REG20), REG20, 1 << 16, 2.56e8)
    return [
        _exact(cases.COLD, Register(lines(REG20)), truth.REG20),
        _exact(cases.BELIEFS, Register(believed(REG20)), truth.REG20_BELIEVED),
        _exact(cases.COLD_200, Register(lines(two_hundred())), truth.TWO_HUNDRED),
        _exact(cases.ONE, Register([cases.one_line()]), truth.ONE),
        _against(cases.ROUNDED, plain, truth.REG20),
    ]


def theirs(answers: Mapping[str, Mapping[str, Any]]) -> list[Accuracy]:
    """What the peers answered."""
    wanted = {cases.ONE_GEMACT: truth.ONE}
    return [
        _against(name, answer, wanted.get(name, truth.REG20))
        for name, answer in answers.items()
        if "var" in answer
    ]


def _exact(name: str, register: Register, true: truth.Figures) -> Accuracy:
    law = register.law()
    var, cvar = cases.read(law)
    estimate = max(law.error_at(level) for level in cases.LEVELS)
    return Accuracy(name, _apart(var, true["var"]), _apart(cvar, true["cvar"]), estimate)


def _against(name: str, found: Mapping[str, Any], true: truth.Figures) -> Accuracy:
    cvar = _apart(found["cvar"], true["cvar"]) if "cvar" in found else ()
    return Accuracy(name, _apart(found["var"], true["var"]), cvar)


def _apart(found: Sequence[float], true: Sequence[float]) -> tuple[float, ...]:
    return tuple(a / b - 1.0 for a, b in zip(found, true, strict=True))
