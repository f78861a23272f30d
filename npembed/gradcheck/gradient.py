"""A gradient as a vjp claims it, at one point and for one cotangent."""

import numpy as np

from .. import check
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
        args = _longer(pair, out)
        where, short, g_ = pair.where, pair.args, g.astype(np.result_type(g, float)) if args is not pair.args else g
        intentional = intentional or {}

        def forward(*args):
            return pair.forward(*args, **pair.options)

        meant = pair.forward
        for intention in intentional.values():
            meant = intention(meant, args)
        coarsest = float(np.finfo(g.dtype).eps) if out.dtype.kind in "fc" else 0.0
        eps = [max(coarsest, float(np.finfo(short[i].dtype).eps)) for i in where]
        finest = max(float(np.finfo(a.dtype).eps) for a in (g_, *(args[i] for i in where)))
        self._noise: list = []

        def wobble():
            self._noise = self._noise or pair.wobble(g)
            return self._noise

        longer = self._again(pair, g_, args) if args is not pair.args else [None] * len(where)

        around = Around(forward, args, where, g_, finest)
        self.around = Around(lambda *args: meant(*args, **pair.options), args, where, g_, finest) if intentional else around
        self.arguments = []
        for n, (i, d) in enumerate(zip(where, claims, strict=True)):
            sights = [self._sight(one, n, i) for one in ((around, self.around) if intentional else (around,))]
            sights = [*sights, None][:2]
            self.arguments.append(
                Claimed(pair.names[i], args[i], d, g_, *sights, analytic, eps[n], lambda n=n: wobble()[n], longer[n])
            )
        names = [pair.names[i] for i in where]
        self.all = Claimed(
            names[0] if len(names) == 1 else f"({', '.join(names)})",
            self.around.x,
            self.around.flat(claims),
            g_,
            (self.around.forward, self.around.slopes),
            None,
            False,
            max(eps),
            lambda: self.around.flat(wobble()),
        )

    @staticmethod
    def _again(pair, g, args):
        """The gradients of the arguments in double precision, if the vjp goes along; else None for each."""
        try:
            found = pair.gradients(g, args)[1]
        except Exception:  # as in `_longer`
            return [None] * len(pair.where)
        return [d if np.finfo(d.dtype).eps < CLEAR else None for d in found]

    @staticmethod
    def _sight(around, n, i):
        """The function of the `n`-th argument that is judged, the `i`-th of all, and the slopes around."""

        def forward(x):
            return around.whole(*around.args[:i], x, *around.args[i + 1 :])

        return forward, lambda v, seen: around.slopes(around.direction(n, v), seen)

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
            entry, seen = self.all.along(v, sizes)
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


def _longer(pair, out):
    """The arguments in double precision, if the forward pass goes along and gives the same but for rounding; else as they are."""
    short = [pair.args[i].dtype for i in pair.where] + [out.dtype] * (out.dtype.kind in "fc")
    if max(float(np.finfo(dtype).eps) for dtype in short) < CLEAR:
        return pair.args
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
