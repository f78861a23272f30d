"""Check a hand-written gradient against differences of the forward pass, which know nothing of its derivation."""

import inspect
from typing import NamedTuple

import numpy as np

from .. import check
from ..random import generator

RTOL = 1e-7  # Richardson differences of a smooth float64 function are good to some 1e-10
ROUNDING = 64.0  # how many roundings of the summed terms a difference may be off by
SPREAD = 8.0  # how many times what moving an argument by an ulp or two changes; it is more where the forward pass cancels
KINK = 0.01  # by how much the slopes on both sides of a kink differ at least, relative to the larger
STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # relative to the size of an argument; smaller ones get out of the reach of a near kink


class GradientError(AssertionError):
    """A gradient that the forward pass contradicts."""

    __module__ = "npembed.gradcheck"  # the name by which it is imported


class Report(NamedTuple):
    """What `check_vjp` found: entries that agree, entries at a kink, and the largest disagreement, as a share of the largest entry."""

    checked: int
    kinks: int
    worst: float


UNCLEAR = 0.05  # the share of the gradient that rounding in the forward pass may hide before nothing can be said
NOTHING = 1e-7  # gradients up to this size need not be told from zero


def check_vjp(op, *args, rng=0, kinks="raise", entries=None, **options):
    """Check ``op.vjp`` against central differences of ``op.forward`` at `args`.

    With a random cotangent ``g`` (signs mixed, none near zero), ``F(args) = Re sum conj(g) f(args)`` is one number, and the vjp
    must be its gradient. Each entry of each floating-point argument is moved both ways, by h and by h/2, which with Richardson's
    extrapolation leaves an error of order h^4; for complex entries also along i. Where that disagrees, h is made smaller, in
    case a kink is near. An entry lies *at* a kink if its two one-sided slopes go on to differ, however small h is; the gradient
    must then lie between them.

    Parameters
    ----------
    op : Op, or any pair with ``forward`` and ``vjp``
    args : arrays for it; those of floats are checked and must be float64 or complex128, the others are passed on
    rng : int, generator, or None
        Draws the cotangent, and the entries where `entries` is a number.
    kinks : "raise" or "skip"
        What to do at a kink: fail, or count it.
    entries : int, or None for all
        At most how many entries of each argument to check.
    options : keyword arguments for both functions

    Returns
    -------
    Report

    Raises
    ------
    GradientError
        With function, argument, entry and both values.

    References
    ----------
    Richardson, The approximate arithmetical solution by finite differences (Phil. Trans. R. Soc. A 210, 1911).

    Examples
    --------
    >>> from npembed.row_maps import NORMALIZERS
    >>> report = check_vjp(NORMALIZERS["normalize"], np.array([[1.0, 2.0, 2.0]]))
    >>> report.checked, report.kinks
    (3, 0)
    """
    check.op("check_vjp", "op", op)
    check.choice("check_vjp", "kinks", kinks, ("raise", "skip"))
    if entries is not None:
        check.integer("check_vjp", "entries", entries, minimum=1)
    rng = generator(rng)
    where = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind in "fc"]
    names = _names(op.forward, args, op.vjp)
    for i in where:
        if args[i].dtype not in (np.float64, np.complex128):
            raise TypeError(f"check_vjp: {names[i]} has dtype {args[i].dtype}; allowed: float64 or complex128, to difference")
    out = np.asarray(op.forward(*args, **options))
    g = draw_cotangent(rng, out)
    before = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    found = op.vjp(g, *args, **options)
    for name, a, b in zip(names, args, before, strict=True):
        if isinstance(a, np.ndarray) and not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            raise GradientError(f"{_name(op.vjp)}: {name} is not what it was before the call; must be left alone")
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != len(where):
        raise GradientError(
            f"check_vjp: {_name(op.vjp)} returns {len(found)} gradients for {len(where)} differentiable arguments"
        )

    def total(changed, i):
        terms = np.conj(g) * op.forward(*args[:i], changed, *args[i + 1 :], **options)
        return float(terms.real.sum()), float(np.abs(terms).sum())

    reports = []
    for d, i in zip(found, where, strict=True):
        d = d.to_dense() if hasattr(d, "to_dense") else np.asarray(d)
        label = f"{_name(op.vjp)}: d{names[i]}"
        if d.shape != args[i].shape:
            raise GradientError(f"{label} has shape {d.shape}; must be: {args[i].shape}, the shape of {names[i]}")
        if np.iscomplexobj(d) and not np.iscomplexobj(args[i]):
            raise GradientError(f"{label} has dtype {d.dtype}; must be real, as {names[i]} is")
        reports.append(_check_argument(lambda x, i=i: total(x, i), args[i], d, label, rng, kinks, entries))
    return Report(sum(r.checked for r in reports), sum(r.kinks for r in reports), max((r.worst for r in reports), default=0.0))


def _check_argument(total, x, d, label, rng, kinks, entries):
    """Check the entries of one gradient `d` of ``total(x)[0]``."""
    size = float(np.sqrt(np.mean(np.abs(x) ** 2))) if x.size else 0.0
    size = size or 1.0
    flat = np.arange(x.size) if entries is None or entries >= x.size else np.sort(rng.randperm(x.size)[:entries])
    largest = float(np.abs(d).max(initial=0.0)) or 1.0
    middle = total(x)
    ulps = [1 + k * np.finfo(float).eps for k in (-2, -1, 1, 2)]
    spread = max(abs(total(np.asarray(x * ulp))[0] - middle[0]) for ulp in ulps)  # what rounding does inside the forward pass
    checked = at_kink = 0
    worst = 0.0
    for k in flat:
        for unit in (1.0, 1.0j) if np.iscomplexobj(x) else (1.0,):
            claimed = float(d.flat[k].imag if unit == 1j else d.flat[k].real)
            agrees, difference, sides, noise = _difference(total, middle, spread, x, k, unit, size, claimed)
            if noise > UNCLEAR * max(abs(claimed), abs(difference), largest, NOTHING):
                raise GradientError(f"{label}: rounding in the forward pass hides its differences ({noise:.1g} of {largest:.1g})")
            if agrees and not sides:
                checked += 1
                worst = max(worst, abs(claimed - difference) / largest)
                continue
            entry = f"{label}{check.position(np.unravel_index(int(k), x.shape))}{' (imaginary part)' if unit == 1j else ''}"
            low, high = sides or (np.nan, np.nan)
            margin = 1e-4 * max(abs(low), abs(high))
            if low - margin <= claimed <= high + margin:
                if kinks == "raise":
                    raise GradientError(f"{entry} = {claimed:.9g} is at a kink, with slopes {low:.9g} and {high:.9g} beside it")
                at_kink += 1
                continue
            raise GradientError(f"{entry} = {claimed:.9g}, but differences of the forward pass give {difference:.9g}")
    return Report(checked, at_kink, worst)


def _difference(total, middle, spread, x, k, unit, size, claimed):
    """Difference `total` in entry `k`: does that agree with `claimed`, what is it, and, at a kink, the slopes beside it, in order."""

    def at(step):
        moved = x.copy()
        moved.flat[k] += step * unit
        return total(moved)

    for step in STEPS:
        h = step * size
        (up, w1), (down, w2), (up2, _), (down2, _) = at(h), at(-h), at(h / 2), at(-h / 2)
        value = (8 * (up2 - down2) - (up - down)) / (6 * h)
        noise = (ROUNDING * np.finfo(float).eps * max(middle[1], w1, w2) + SPREAD * spread) / h
        agrees = np.isfinite(claimed) and abs(value - claimed) <= RTOL * max(abs(value), abs(claimed)) + noise
        bend, bend2 = abs(up - 2 * middle[0] + down), 2 * abs(up2 - 2 * middle[0] + down2)
        sides = sorted((2 * (up2 - middle[0]) / h, 2 * (middle[0] - down2) / h))
        apart = bend2 > (KINK * max(abs(sides[0]), abs(sides[1])) + noise) * h
        at_kink = apart and bend2 > 0.75 * bend  # where it is smooth, half the step has half the bend
        smooth = abs((up - down) - 2 * (up2 - down2)) <= (RTOL * max(abs(value), abs(claimed)) + noise) * h
        if agrees or (smooth and not apart):  # else a kink may be near: look closer
            break
    return agrees, value, sides if apart and (at_kink or not agrees) else None, noise


def draw_cotangent(rng, out):
    """A random array like `out`: magnitudes in [.5, 1.5), signs (for complex numbers: quadrants) at random."""

    def draw():
        sign = 2.0 * rng.bernoulli(0.5, out.shape) - 1.0
        return sign * rng.uniform(out.shape, 0.5, 1.5, np.float64)

    return np.asarray(draw() + 1j * draw() if np.iscomplexobj(out) else draw())


def _name(function):
    return getattr(getattr(function, "func", function), "__name__", type(function).__name__)


def _names(function, args, vjp=None):
    """The names of the positional parameters, as far as the signature tells, of the function or else of its vjp (behind g)."""
    names = _positional(function)
    if not names and vjp is not None:
        names = _positional(vjp)[1:]
    return names[: len(args)] + [f"argument {i}" for i in range(len(names), len(args))]


def _positional(function):
    """The names of a function's positional parameters; none where it does not tell, as NumPy's own functions do not everywhere."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
