"""Judge a gradient: right, wrong, or one of the reasons for which neither can be said."""

import numpy as np

from .. import check
from ..random import generator
from .differences import _name, _names, draw_cotangent
from .line import Line
from .verdicts import (
    BELOW_RESOLUTION,
    INTENTIONAL,
    NOT_DIFFERENTIABLE,
    RIGHT,
    VERDICTS,
    WRONG,
    Argument,
    Entry,
    Judgement,
    ulps,
)

CLEAR = 1e-8  # a slope seen to this share of itself needs no closer look
RESOLVED = 1e-3  # a slope seen to less than this share of itself is not seen
COARSE = 0.05  # the same where single precision takes part: more is not to be had
CANCELLED = 1e-10  # of terms that cancel, what is left need not be seen to more than this share of them
OWN = 64.0  # how many roundings the gradient may be off by itself
ACCUSED = 2.0  # how many times what a slope may be off by, before a gradient is called wrong
SECOND = 0.7  # steps of a second opinion, relative to those of the first


def judge(forward, vjp, *args, rng=0, entries=100, projections=1, analytic=False, intentional=None, **options):
    """Judge whether ``vjp(g, *args)`` is the gradient of ``Re sum conj(g) forward(*args)``, for any pair of callables.

    Each entry is differenced on its own, in steps of 1/4 of its size and smaller, extrapolated to zero; that gives a slope and how far
    it may be off. A gradient that agrees is *right*. One that does not is *wrong* only if a closer look, down to steps of 2**-59, and a
    second one with other steps both say so. Otherwise it is *not differentiable here*, if the slopes on the two sides of a kink allow
    what is claimed (every convention lies between them), or *below resolution*, if rounding in the forward pass hides the answer.

    Parameters
    ----------
    forward, vjp : functions
        ``forward(*args, **options)`` gives one array, ``vjp(g, *args, **options)`` one array for each argument of floats, in
        order (None is zero). Both get and give NumPy arrays; what else computes them is of no matter. For complex numbers the
        gradient is ``dL/dRe z + i dL/dIm z``, torch's convention.
    args : arrays for both
        Those of floats, real or complex, are judged, the others passed on. float64 shows most: what float32 hides is
        below resolution.
    rng : int, generator, or None
        Draws the cotangent ``g`` (signs mixed, none near zero), which entries are looked at, and directions.
    entries : int, or None for all
        At most how many entries of each argument are looked at one by one. If there are more, all of them are moved at once along a
        random direction; if that tells of an error, it is followed to the entry.
    projections : int
        How many cotangents to try: each projects all results, however many, on one number.
    analytic : bool
        Whether `forward` is analytic in its real arguments (no abs, max, conj or comparison of them). Then the complex step counts,
        which is right to some ulps; otherwise it may only confirm what is claimed, never accuse.
    intentional : dict of name to intention, or None
        Which options make the gradient another one on purpose: `padding`, `scaled_by_frequency`, `without`. What they
        make of the gradient, together, is then what is right, and the gradient itself is wrong where it differs.
    options : keyword arguments for both functions

    Returns
    -------
    Judgement
        It is never raised for a wrong gradient. ``print(judgement)`` tells function, argument, entry, both values, and the error
        in ulp and norm-wise.

    Raises
    ------
    TypeError, ValueError
        For arguments of this function that are none, and whatever `forward` and `vjp` raise.

    References
    ----------
    Richardson, The approximate arithmetical solution by finite differences (Phil. Trans. R. Soc. A 210, 1911).

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 2.0]])
    >>> judge(np.tanh, lambda g, x: g / np.cosh(x) ** 2, x).verdict
    'right'
    >>> judge(np.tanh, lambda g, x: g / np.cosh(x) ** 2 * (1 + 1e-6), x).verdict
    'wrong'
    >>> judge(np.abs, lambda g, x: g * np.sign(x), np.array([0.0, 1.0])).verdict
    'not differentiable here'
    """
    for name, function in (("forward", forward), ("vjp", vjp)):
        if not callable(function):
            raise TypeError(f"judge: {name} is a {type(function).__name__}; allowed: a function")
    if entries is not None:
        check.integer("judge", "entries", entries, minimum=1)
    check.integer("judge", "projections", projections, minimum=1)
    check.choice("judge", "analytic", analytic, (True, False))
    intentional = check.keywords("judge", "intentional", intentional)
    args = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in args)
    rng, names = generator(rng), _names(forward, args, vjp)
    about = {"function": _name(vjp), "forward": _name(forward)}
    found: dict = {}
    for _ in range(projections):
        with np.errstate(all="ignore"):
            judged, reason = _project(forward, vjp, args, options, names, rng, entries, analytic, intentional)
        if reason:
            return Judgement(WRONG, **about, reason=reason)
        for name, x, more, rest in judged:
            found.setdefault(name, (x, rest, []))[2].extend(more)
    every = [entry for *_, some in found.values() for entry in some]
    verdict = next((v for v in VERDICTS if any(e.verdict == v for e in every)), RIGHT)
    reason = f"explained by {', '.join(intentional)}" if verdict == INTENTIONAL else ""
    summaries = tuple(_summary(name, *about_it) for name, about_it in found.items())
    return Judgement(verdict, **about, arguments=summaries, entries=tuple(sorted(every, key=_doubt)), reason=reason)


def _project(forward, vjp, args, options, names, rng, entries, analytic, intentional):
    """What is found with one random cotangent: per argument, its entries; and what is wrong with the gradient as a whole."""
    where = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind in "fc"]
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    out = check.numbers_in("judge", "forward(...)", forward(*args, **options))
    g = draw_cotangent(rng, out).astype(out.dtype if out.dtype.kind in "fc" else float)
    claims = vjp(g.copy(), *args, **options)
    for name, a, b in zip(names, args, before, strict=True):
        if isinstance(a, np.ndarray) and not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            return [], f"{name} is not what it was before the call; must be left alone"
    claims = tuple(claims) if isinstance(claims, (tuple, list)) else (claims,)
    if len(claims) != len(where):
        return [], f"{len(claims)} gradients for {len(where)} differentiable arguments"
    meant = forward
    for intention in intentional.values():
        meant = intention(meant, args)
    judged = []
    for d, i in zip(claims, where, strict=True):
        d = np.zeros(args[i].shape) if d is None else d.to_dense() if hasattr(d, "to_dense") else np.asarray(d)
        if d.shape != args[i].shape:
            return [], f"d{names[i]} has shape {d.shape}; must be {args[i].shape}, the shape of {names[i]}"
        if np.iscomplexobj(d) and not np.iscomplexobj(args[i]):
            return [], f"d{names[i]} has dtype {d.dtype}; must be real, as {names[i]} is"

        def along(function, i=i):
            return lambda x: function(*args[:i], x, *args[i + 1 :], **options)

        one = _Argument(names[i], args[i], d, g, along(forward), along(meant) if intentional else None, analytic)
        some = list(one.judge(rng, entries))
        judged.append((names[i], args[i], some, one.rest))
    return judged, ""


class _Argument:
    """One argument `x`, the gradient `d` claimed for it, and the function of it alone."""

    def __init__(self, name, x, d, g, forward, meant, analytic):
        self.name, self.x, self.d, self.g, self.forward, self.meant, self.analytic = name, x, d, g, forward, meant, analytic
        inexact = [a.dtype for a in (x, d, np.asarray(forward(x.copy()))) if a.dtype.kind in "fc"]
        self.eps = max(float(np.finfo(dtype).eps) for dtype in inexact)
        self.share = RESOLVED if self.eps < CLEAR else COARSE
        last = x.ndim - 1
        self.rows = np.abs(x).max(axis=last, keepdims=True, initial=0.0) + 0 * np.abs(x) if x.ndim else np.abs(x)
        self.heights = np.abs(d).max(axis=last, keepdims=True, initial=0.0) + 0 * np.abs(d) if x.ndim else np.abs(d)
        self.largest = float(np.abs(x).max(initial=0.0))
        self.rest = None

    def judge(self, rng, entries):
        """Each entry, or some and a direction through all."""
        n, units = self.x.size, (1.0, 1.0j) if np.iscomplexobj(self.x) else (1.0,)
        some = range(n) if entries is None or entries >= n else np.sort(rng.randperm(n)[:entries]).tolist()
        for k in some:
            for unit in units:
                yield self.entry(k, unit)
        if len(some) < n:
            size = np.where(self.rows > 0, self.rows, self.largest or 1.0)
            v = draw_cotangent(rng, self.x) * size
            self.rest, followed = self._follow(v, np.arange(n))
            if followed is not None:
                yield followed

    def _follow(self, v, inside):
        """The verdict along `v`, moved in the entries `inside` alone; if it is wrong, where: a single entry, if it can be found."""
        if len(inside) == 1:
            found = [self.entry(int(inside[0]), unit) for unit in ((1.0, 1.0j) if np.iscomplexobj(self.x) else (1.0,))]
            worst = min(found, key=_doubt)
            return worst.verdict, worst if worst.verdict in (WRONG, INTENTIONAL) else None
        part = np.zeros_like(v)
        part.flat[inside] = v.flat[inside]
        claimed = float((np.conj(self.d) * part).real.sum())
        entry = self._weigh(part, (1.0,), claimed, float(np.abs(self.d * part).sum()), None, "")
        if entry.verdict not in (WRONG, INTENTIONAL):
            return entry.verdict, None
        for half in (inside[: len(inside) // 2], inside[len(inside) // 2 :]):
            found = self._follow(v, half)[1]
            if found is not None:
                return entry.verdict, found
        return entry.verdict, entry

    def entry(self, k, unit):
        """The judgement on one entry, in the real or in the imaginary direction."""
        own = abs(self.x.flat[k]) or 1.0  # the size of a zero is anybody's guess
        sizes = sorted({float(s) for s in (own, self.rows.flat[k], self.largest) if 0 < s < np.inf}) or [1.0]
        claimed = float(self.d.flat[k].imag if unit == 1.0j else self.d.flat[k].real)
        index = tuple(int(i) for i in np.unravel_index(k, self.x.shape))
        part = ("imaginary" if unit == 1.0j else "real") if np.iscomplexobj(self.x) else ""
        return self._weigh((k, unit), sizes, claimed, float(self.heights.flat[k]), index, part)

    def _weigh(self, v, sizes, claimed, height, index, part):
        """What is found along a line, and whether it is the gradient itself or what it is meant to be instead."""
        entry = self._look(self.forward, v, sizes, claimed, height, index, part)
        if self.meant is None:
            return entry
        meant = self._look(self.meant, v, sizes, claimed, height, index, part)
        if meant.verdict in (RIGHT, NOT_DIFFERENTIABLE) and entry.verdict == WRONG:
            return meant._replace(verdict=INTENTIONAL, reason=f"the gradient itself is {entry.found:.9g}")
        if meant.verdict == WRONG and entry.verdict == RIGHT:
            return meant._replace(reason="the gradient itself, not what it is meant to be")
        return meant

    def _look(self, forward, v, sizes, claimed, height, index, part):
        line = Line(forward, self.x, self.g, v, sizes, self.eps)
        exact = line.complex_step()
        entry = Entry(self.name, index, part, RIGHT, claimed, np.nan, np.inf, np.nan)
        quick = line.look()
        if (
            not line.broken.any()
            and not quick.sides
            and quick.slope.error <= max(CLEAR * abs(quick.slope.value), CANCELLED * quick.gross)
        ):
            entry = self._decide(entry, quick, exact, height)
            if entry.verdict == RIGHT:
                return entry
        entry = self._decide(entry, line.look(deep=True), exact, height)
        if entry.verdict == WRONG:
            second = self._decide(entry, line.look(deep=True, shift=SECOND), exact, height)
            if second.verdict == RIGHT:
                return second._replace(verdict=BELOW_RESOLUTION, reason="about as far off as differences may be")
            return second if second.verdict != WRONG else entry
        return entry

    def _decide(self, entry, seen, exact, height):
        """The verdict on an entry from what differences show, and from the complex step where that is to be trusted."""
        claimed, slope, error = entry.claimed, seen.slope.value, ACCUSED * seen.slope.error
        own = OWN * self.eps * max(abs(slope) if np.isfinite(slope) else 0.0, seen.gross)
        method = "differences"
        if exact is not None and not seen.sides:
            near = abs(exact - slope) <= error + own if np.isfinite(error) else True
            fits = exact != 0 and abs(exact - claimed) <= OWN * self.eps * max(abs(exact), seen.gross)
            if near and (self.analytic or fits):
                slope, error, method = exact, OWN * self.eps * max(abs(exact), seen.gross), "complex step"
                own = 0.0
        entry = entry._replace(found=slope, resolution=error, ulp=float(ulps(claimed, slope)) * _coarse(self.eps), method=method)
        if seen.sides:
            return self._at_kink(entry, seen)
        if not np.isfinite(error):
            return entry._replace(verdict=BELOW_RESOLUTION, reason=seen.reason or "differences of the forward pass show no slope")
        resolved = error <= max(
            self.share * max(abs(claimed) if np.isfinite(claimed) else 0.0, abs(slope)), CANCELLED * seen.gross
        )
        if abs(claimed - slope) <= error + own:
            still = seen.flat and claimed == slope == 0
            return entry._replace(verdict=RIGHT, reason="") if resolved or still else self._hidden(entry, seen)
        if seen.stair and 0 <= claimed * np.sign(seen.stair) <= 2 * abs(seen.stair):
            return entry._replace(
                verdict=BELOW_RESOLUTION, reason="small steps change nothing: the forward pass rounds them away"
            )
        if np.isfinite(claimed) and abs(claimed - slope) <= OWN * self.eps * height:
            return entry._replace(verdict=BELOW_RESOLUTION, reason="as small as the roundings of the largest entry of its row")
        return entry._replace(verdict=WRONG, reason="" if np.isfinite(claimed) else "not a finite number")

    def _at_kink(self, entry, seen):
        low, high = seen.sides
        near = min(max(entry.claimed, low), high)
        entry = entry._replace(slopes=seen.sides, near=seen.near, found=near, resolution=seen.margin, method="differences")
        where = f"{seen.reason} within {seen.near:.1e}" if np.isfinite(high - low) else seen.reason
        if low - seen.margin <= entry.claimed <= high + seen.margin:
            return entry._replace(verdict=NOT_DIFFERENTIABLE, ulp=np.nan, reason=where)
        return entry._replace(verdict=WRONG, ulp=float(ulps(entry.claimed, near)) * _coarse(self.eps), reason=f"beyond {where}")

    def _hidden(self, entry, seen):
        """An entry that rounding hides, and what would bring it to light."""
        least = entry.resolution / self.share
        share = max(abs(entry.claimed), abs(entry.found)) / least
        if seen.size < np.finfo(float).tiny / self.eps:
            said = "the forward pass underflows"
        else:
            said = f"could be seen from {least:.1e} on"
            said += f", or with results of {share * seen.size:.1e}, not {seen.size:.1e}" if share else ""
        return entry._replace(verdict=BELOW_RESOLUTION, reason=said)


def _coarse(eps):
    """Ulps of float64 per ulp of the coarsest dtype that takes part, inverted."""
    return float(np.finfo(float).eps) / eps


def _doubt(entry):
    return VERDICTS.index(entry.verdict), -entry.ulp if np.isfinite(entry.ulp) else 0.0


def _summary(name, x, rest, entries):
    counts = {v: sum(e.verdict == v for e in entries) for v in reversed(VERDICTS)}
    judged = [e for e in entries if e.verdict in (RIGHT, WRONG) and np.isfinite(e.resolution)]
    claimed, found, seen = (np.array([getattr(e, f) for e in judged]) for f in ("claimed", "found", "resolution"))
    norm = _length(found)
    with np.errstate(all="ignore"):
        errors = (_length(claimed - found) / norm, _length(seen) / norm) if norm else (np.nan, np.nan)
    worst = max((e.ulp for e in judged), default=np.nan)
    return Argument(name, x.shape, x.dtype, counts, rest, float(errors[0]), float(errors[1]), float(worst))


def _length(v):
    """The length of a vector, of entries of any size."""
    largest = np.abs(v).max(initial=0.0)
    return float(largest * np.sqrt(((v / largest) ** 2).sum())) if 0 < largest < np.inf else float(largest)
