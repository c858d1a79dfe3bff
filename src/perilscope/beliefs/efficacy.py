# SPDX-License-Identifier: Apache-2.0
"""How much of a loss survives a control, when its effect is stated as a mean and an interval."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy.special import betaincinv

from perilscope.beliefs import named
from perilscope.book import quantity as written
from perilscope.book.quantity import Quantity
from perilscope.engines.laws.distributions import Beta, Constant, Distribution, Uniform
from perilscope.errors import AssessmentError


def kept(by: Quantity, sure: Quantity | None) -> Distribution:
    """Belief about the share that survives a control which cuts ``by``.

    Parameters
    ----------
    by : Quantity
        Mean effect e of the control, a probability. A belief (``belief(beta(8, 2))``) is taken as
        it is and then allows no ``sure``.
    sure : Quantity or None
        ``a to b``: how wide the 90 % interval of the effect is.

    Returns
    -------
    Distribution
        Law of 1 - e. With ``sure`` a beta law with mean exactly 1 - by whose 5 and 95 % quantiles
        lie b - a apart; the constant 1 - by without.

    Raises
    ------
    AssessmentError
        A mean outside 0 to 1; an interval that does not contain the mean, or wider than any beta
        law with that mean can be.

    Notes
    -----
    The mean and the width are kept, not the two ends: a beta law has two parameters and the mean
    is what a saving is computed from. The size a + b is found by bisection.

    Examples
    --------
    >>> from perilscope.book.quantity import parse
    >>> law = kept(parse("80 %", "probability"), parse("60 % to 90 %", "probability"))
    >>> round(law.mean, 12), round(float(law.ppf(0.95) - law.ppf(0.05)), 12)
    (0.2, 0.3)
    >>> kept(parse("80 %", "probability"), None)
    Constant(value=0.2)
    """
    effect = efficacy(by, sure)
    if isinstance(effect, Constant) and (plain := written.plain(by.node)) is not None:
        return Constant(float(1 - plain))  # in decimals: 1 - 80 % is 0.2 to the bit
    return mirrored(effect)


def efficacy(by: Quantity, sure: Quantity | None) -> Distribution:
    """Belief about the effect e of a control itself; see :func:`kept`."""
    mean = written.plain(by.node)
    if mean is None:
        if sure is not None:
            raise AssessmentError(
                f"{written.spell(by)} is a belief already: leave out `sure`, or give the mean as a "
                "plain number"
            )
        return _declared(by)
    if not 0 <= mean <= 1:
        raise AssessmentError(f"a control cuts a share between 0 and 1, not {written.spell(by)}")
    if sure is None:
        return Constant(float(mean))
    low, high = _interval(sure)
    if not low <= float(mean) <= high:
        raise AssessmentError(
            f"`sure: {written.spell(sure)}` does not contain the mean effect {written.spell(by)}"
        )
    return spread(float(mean), high - low)


@lru_cache(maxsize=256)
def spread(mean: float, width: float) -> Beta:
    """The beta law with this mean whose 5 and 95 % quantiles lie ``width`` apart.

    Raises
    ------
    AssessmentError
        No such law: the mean is 0 or 1, or the width more than the mean leaves room for.

    Examples
    --------
    >>> law = spread(0.5, 0.9)  # the uniform law has that width
    >>> round(law.a, 9), round(law.b, 9)
    (1.0, 1.0)
    """
    if not 0 < mean < 1 or not 0 < width < 1:
        raise AssessmentError(
            f"no beta law has the mean {mean:.6g} and a 90 % interval {width:.6g} wide; a mean of "
            "0 or 1 leaves nothing to be unsure of"
        )
    # Far out the width falls with the size a + b. Near size 0 the law has all its mass at 0 and 1
    # and, for a mean within 5 % of an end, both quantiles at one of them: the width has a peak,
    # and the law wanted lies beyond it.
    logs = [-4.0 + 0.25 * k for k in range(113)]  # sizes from 0.018 to 2.6e10
    widths = [_width(mean, math.exp(x)) for x in logs]
    peak = max(range(len(logs)), key=widths.__getitem__)
    if width < widths[-1]:
        raise AssessmentError(f"a 90 % interval {width:.3g} wide says nothing: leave out `sure`")
    if width > widths[peak]:
        raise AssessmentError(
            f"a 90 % interval {width:.6g} wide does not fit a mean effect of {mean:.6g}: "
            f"at most {widths[peak]:.3g}"
        )
    small, large = logs[peak], logs[-1]
    for _ in range(200):
        middle = (small + large) / 2
        if middle in (small, large):
            break
        if _width(mean, math.exp(middle)) > width:
            small = middle
        else:
            large = middle
    size = math.exp((small + large) / 2)
    return Beta(mean * size, (1 - mean) * size)


def mirrored(law: Distribution) -> Distribution:
    """Law of 1 - X.

    Raises
    ------
    AssessmentError
        For laws that are not used for an effect: those whose mirror image has no name.

    Examples
    --------
    >>> mirrored(Beta(8.0, 2.0))
    Beta(a=2.0, b=8.0, low=0.0, high=1.0)
    """
    match law:
        case Constant():
            return Constant(1.0 - law.value)
        case Beta():
            return Beta(law.b, law.a, 1.0 - law.high, 1.0 - law.low)
        case Uniform():
            return Uniform(1.0 - law.high, 1.0 - law.low)
        case _:
            raise AssessmentError("an effect is believed as beta, pert or uniform")


def _width(mean: float, size: float) -> float:
    a, b = mean * size, (1 - mean) * size
    return float(betaincinv(a, b, 0.95)) - float(betaincinv(a, b, 0.05))


def _interval(sure: Quantity) -> tuple[float, float]:
    node = sure.node.of if isinstance(sure.node, written.Belief) else sure.node
    if isinstance(node, written.To):
        low, high = written.plain(node.low), written.plain(node.high)
        if low is not None and high is not None:
            return float(low), float(high)
    raise AssessmentError(
        f"`sure` is written `a to b`, as in 60 % to 90 %, not {written.spell(sure)}"
    )


def _declared(by: Quantity) -> Distribution:
    """The law inside ``belief(...)``."""
    inner = by.node.of if isinstance(by.node, written.Belief) else by.node
    if isinstance(inner, written.Call):
        plain = {name: written.plain(value) for name, value in inner.args}
        return named.build(inner.law, {k: float(v) for k, v in plain.items() if v is not None})
    if isinstance(inner, written.To):
        return Beta.from_quantiles(*_interval(by))
    raise AssessmentError(f"{written.spell(by)}: an effect is a number, or a belief in a beta law")
