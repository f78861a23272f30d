"""Limits of difference quotients as the step goes to zero, each with an estimate of its error."""

from typing import NamedTuple

import numpy as np

RATIO = 3  # from one step to the next: 2**-3
FIRST, LAST, DEEP = 2, 14, 59  # steps are 2**-2, 2**-5 ... of a size: down to 2**-14 at first, to 2**-59 where that is not enough
COLUMNS = 3  # how many powers of the step are removed
SAFETY = 2.0  # times the rounding that smaller steps show
APART = 3.0  # two limits contradict each other if they differ by more than this many times their errors


class Limit(NamedTuple):
    """A limit, how far it may be off, and the step that it was seen at; the error is infinite where nothing was seen."""

    value: float
    error: float
    step: float


def steps(sizes, deep=False, shift=1.0):
    """Steps to try, in decreasing order: fractions of each of `sizes`, the scales on which a function may vary.

    >>> [float(h) for h in steps([1.0])]
    [0.25, 0.03125, 0.00390625, 0.00048828125, 6.103515625e-05]
    """
    found = set()
    for size in sizes:
        top = int(np.floor(np.log2(size) / RATIO)) * RATIO - FIRST
        found |= set(range(top, top - (DEEP if deep else LAST) + FIRST - 1, -RATIO))
    with np.errstate(all="ignore"):
        return [h for h in (np.ldexp(shift, e) for e in sorted(found, reverse=True)) if 0 < h < np.inf]


def limit(h, values, rounding, first, vouched=0):
    """The limit for ``h -> 0`` of `values`, which go on in the powers ``first, first + 2, ...`` of the step.

    Richardson's extrapolation, as Ridders tabulates it: each further column removes a power. How far two neighbours in the table are
    apart is the estimate of the error. That estimate can fail by chance, so two more things are asked of a limit. It has to allow for
    the rounding that smaller steps show, and no limit from smaller steps may contradict it: that is what tells a curve from a kink
    nearby, or from an oscillation that is finer than the step.

    Parameters
    ----------
    h, values, rounding : sequences of floats
        Steps in decreasing order, the quotient at each, and how far rounding alone may move it.
    first : 1 or 2
        The lowest power: 2 for central differences, 1 for what the one-sided ones differ by.
    vouched : int
        How many smaller steps a limit must have to vouch for it.

    Returns
    -------
    Limit

    References
    ----------
    Ridders, Accurate computation of F'(x) and F'(x) F''(x) (Advances in Engineering Software 4, 1982).

    Examples
    --------
    >>> h = steps([1.0])
    >>> found = limit(h, [(np.exp(s) - np.exp(-s)) / (2 * s) for s in h], [1e-16 / s for s in h], 2)
    >>> bool(abs(found.value - 1) <= found.error < 1e-11)
    True
    """
    table: list[list] = []
    guesses: list[Limit] = []  # guesses: per step, the best column and how far its neighbours are off
    for j, value in enumerate(values):
        line = [value]
        best = Limit(value, np.inf, h[j])
        for m in range(1, min(j, COLUMNS) + 1):
            power = first + 2 * (m - 1)
            divisor = (h[j - m] / h[j]) ** power - 1
            line.append(line[m - 1] + (line[m - 1] - table[j - 1][m - 1]) / divisor)
            off = max(abs(line[m] - line[m - 1]), abs(line[m] - table[j - 1][m - 1]))
            if off <= best.error:
                best = Limit(line[m], off, h[j])
        table.append(line)
        guesses.append(best)
    shown = 0.0  # what rounding does to the function, as smaller steps show it
    smaller: list[Limit] = []
    found = Limit(0.0, np.inf, 0.0)
    for j in range(len(values) - 1, 0, -1):
        guess = guesses[j]._replace(error=guesses[j].error + rounding[j] + SAFETY * shown / h[j])
        shown = max(shown, abs(table[j][min(j, 2)] - table[j - 1][min(j - 1, 2)]) * h[j])
        if j >= len(values) - vouched or not np.isfinite(guess.error):
            continue
        if guess.error < found.error and not any(abs(guess.value - s.value) > APART * (guess.error + s.error) for s in smaller):
            found = guess
        smaller.append(guess)
    return found
