"""A gradient as a vjp claims it, at one point and for one cotangent."""

from functools import partial

import numpy as np

from ... import check
from .around import Around
from .calls import draw_cotangent
from .entries import CLEAR, Claimed
from .verdicts import WRONG

NEAR = (
    0.01  # results in single and in double precision differ by no more than this share of the largest, or are another function's
)


class Gradient:
    """What `pair` claims for one random cotangent: an argument at a time, and all together.

    Raises
    ------
    Refuted
        If the gradient is wrong as a whole, or not a function of its arguments alone.
    """

    def __init__(self, function, pair, rng, analytic=False, intentional=None):
        out = check.numbers_in(function, "forward(...)", pair.result())
        g = draw_cotangent(rng, out).astype(out.dtype if out.dtype.kind in "fc" else float)
        claims = pair.examined(out, g)
        where, args, longer = pair.where, pair.args, [None] * len(pair.where)
        eps = [max(float(np.finfo(a.dtype).eps) for a in (args[i], out) if a.dtype.kind in "fc") for i in where]
        self._wobble, self._noise = partial(pair.wobble, g), None
        if max(eps) > CLEAR:
            args = _in_double(pair, out)
        if args is not pair.args:
            g = g.astype(np.result_type(g, float))
            longer = _gradients_in_double(pair, g, args)

        def forward(*args):
            return pair.forward(*args, **pair.options)

        meant = pair.forward
        for intention in (intentional or {}).values():
            meant = intention(meant, args)
        around = Around(forward, args, where, g)
        self.around = Around(lambda *args: meant(*args, **pair.options), args, where, g) if intentional else around
        self.arguments = []
        for n, i in enumerate(where):
            seen, also = _sight(around, n, i), _sight(self.around, n, i) if intentional else None
            noise = partial(self._noise_of, n)
            self.arguments.append(Claimed(pair.names[i], args[i], claims[n], g, seen, also, analytic, eps[n], noise, longer[n]))
        names = [pair.names[i] for i in where]
        name = names[0] if len(names) == 1 else f"({', '.join(names)})"
        sight, d = (self.around.forward, self.around.slopes), self.around.flat(claims)
        self.whole = Claimed(name, self.around.x, d, g, sight, None, False, max(eps), self._noise_of_all)

    def _noise_of(self, n):
        """How far rounding moves each entry of the `n`-th gradient; looked for when it is first asked for."""
        self._noise = self._noise or self._wobble()
        return self._noise[n]

    def _noise_of_all(self):
        return self.around.flat([self._noise_of(n) for n in range(len(self.arguments))])

    def together(self):
        """What contradicts the gradient along directions through many entries: all, and those at one kink; None if nothing does."""
        moved = [np.where(one.unseen | ~np.isfinite(one.d), 0.0, one.scale()) for one in self.arguments]
        every = self.around.flat(moved).astype(self.around.x.dtype)
        kinked = [
            (int(start) + k, unit, size, seen)
            for one, start in zip(self.arguments, self.around.starts, strict=False)
            for k, unit, size, seen in one.kinked
        ]
        for k, unit, _, seen in kinked:
            self.around.sides[k] += np.sign(seen.bend) * unit
        for v, sizes in ((every, (1.0,)), *self.around.directions(kinked, np.random.default_rng(0))):
            entry, seen = self.whole.along(v, sizes)
            if entry.verdict == WRONG and not (v is every and seen.flat):
                said = f"{np.count_nonzero(v)} entries moved together"
                return self._found(v) or entry._replace(reason=f"{said}: {entry.reason}" if entry.reason else said)
        return None

    def _found(self, v):
        """The single entry that is wrong along `v`, if there is one."""
        for one, start in zip(self.arguments, self.around.starts, strict=False):
            entry = one.follow(v[start : start + one.x.size].reshape(one.x.shape), np.arange(one.x.size))[1]
            if entry is not None and entry.position is not None:
                return entry
        return None


def _sight(around, n, i):
    """The function of the `n`-th argument that is judged, the `i`-th of all, and the slopes around."""

    def forward(x):
        return around.whole(*around.args[:i], x, *around.args[i + 1 :])

    return forward, lambda v, seen: around.slopes(around.direction(n, v), seen)


def _in_double(pair, out):
    """The arguments in double precision, if the forward pass goes along and gives the same but for rounding; else as they are."""
    args = tuple(a.astype(np.result_type(a, float)) if i in pair.where else a for i, a in enumerate(pair.args))
    try:
        found = np.asarray(pair.forward(*args, **pair.options))
    except Exception:  # whatever a function for single precision does when it meets double: then it is not to be had
        return pair.args
    if found.dtype not in (np.float64, np.complex128) or found.shape != out.shape:
        return pair.args
    finite = np.isfinite(out)
    with np.errstate(all="ignore"):
        near = np.abs(found - out)[finite] <= NEAR * np.abs(out[finite]).max(initial=0.0)
    return args if near.all() and np.array_equal(finite, np.isfinite(found)) else pair.args


def _gradients_in_double(pair, g, args):
    """The gradients of arguments in double precision, if the vjp goes along; else None for each."""
    try:
        found = pair.gradients(g, args)[1]
    except Exception:  # as above
        return [None] * len(pair.where)
    return [d if np.finfo(d.dtype).eps < CLEAR else None for d in found]
