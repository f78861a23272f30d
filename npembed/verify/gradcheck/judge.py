"""Judge a gradient: right, wrong, or one of the reasons for which neither can be said."""

import numpy as np

from ... import check
from ...numerics.random import generator
from .calls import Pair, Refuted, function_name
from .entries import doubt
from .gradient import Gradient
from .verdicts import INTENTIONAL, RIGHT, VERDICTS, WRONG, Argument, Judgement


@check.public
def judge(forward, vjp, *args, rng=0, entries=100, projections=1, analytic=False, intentional=None, **options):
    """Judge whether ``vjp(g, *args)`` is the gradient of ``Re sum conj(g) forward(*args)``, for any pair of callables.

    Each entry is differenced on its own, in steps of 1/4 of its size and smaller, extrapolated to zero; that gives a slope and how far
    it may be off. A gradient that agrees is *right*. One that does not is *wrong* only if a closer look, down to steps of 2**-59, and a
    second one with other steps both say so, and neither points nearby nor the vjp's own rounding explain it. Otherwise it is *not
    differentiable here*, if the slopes on the two sides of a kink allow what is claimed (every convention lies between them), or *below
    resolution*, if rounding in the forward pass hides the answer. Entries at one kink are moved together, too: along (1, 1, 0) the
    largest of (2, 2, 1) has the slope 1, so that a gradient of (1, 1, 0) is wrong, and (1, 0, 0) is not.

    Both functions are called several times, with other arguments in between. They may change nothing that they are given, their
    results may not change later, and must be the same again; the gradient must be linear in ``g``. What is in half or single precision
    is differenced in double, if `forward` takes that.

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
        For arguments of this function that are none, or have no entry to check, and whatever `forward` and `vjp` raise.

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
    rng, pair = generator(rng), Pair("judge", forward, vjp, args, options)
    about = {"function": function_name(vjp), "forward": function_name(forward)}
    found: dict = {}
    for _ in range(projections):
        try:
            with np.errstate(all="ignore"):
                _project(pair, rng, entries, analytic, intentional, found)
        except Refuted as refuted:
            return Judgement(WRONG, **about, reason=str(refuted))
    every = [entry for *_, some in found.values() for entry in some]
    verdict = next((v for v in VERDICTS if any(e.verdict == v for e in every)), RIGHT)
    reason = f"explained by {', '.join(intentional)}" if verdict == INTENTIONAL else ""
    summaries = tuple(_summary(name, *about_it) for name, about_it in found.items())
    return Judgement(verdict, **about, arguments=summaries, entries=tuple(sorted(every, key=doubt)), reason=reason)


def _project(pair, rng, entries, analytic, intentional, found):
    """Add to `found`, per argument, what differences say of its entries for one random cotangent."""
    gradient = Gradient("judge", pair, rng, analytic, intentional)
    for i, one in zip(pair.where, gradient.arguments, strict=True):
        more = list(one.judge(rng, entries))
        found.setdefault(one.name, (pair.args[i], one.rest, []))[2].extend(more)
    if not any(entry.verdict == WRONG for *_, some in found.values() for entry in some):
        entry = gradient.together()
        if entry is not None:
            found[gradient.arguments[0].name][2].append(entry)


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
