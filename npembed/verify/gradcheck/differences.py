"""Check a hand-written gradient against differences of the forward pass, which know nothing of its derivation."""

from typing import NamedTuple

import numpy as np

from ... import check
from ...numerics.random import generator
from .calls import Pair, Refuted, function_name
from .entries import OWN
from .gradient import Gradient
from .verdicts import BELOW_RESOLUTION, NOT_DIFFERENTIABLE, WRONG

STEP = 1e-3  # relative to the size of an argument
RTOL = 1e-10  # Richardson differences of a smooth float64 function are that good; what is farther off is looked at closely
SHARP = 1e-8  # and so is what rounding in the forward pass hides more of than this share of the gradient
ROUNDING = 64.0  # how many roundings of the summed terms a difference may be off by
SPREAD = 8.0  # how many times what moving an argument by an ulp or two changes; it is more where the forward pass cancels
KINK = 0.01  # by how much the slopes on both sides of a kink differ at least, relative to the larger
UNCLEAR = 0.05  # the share of the gradient that rounding in the forward pass may hide before nothing can be said
NOTHING = 1e-7  # gradients up to this size need not be told from zero


class GradientError(AssertionError):
    """A gradient that the forward pass contradicts."""

    __module__ = "npembed.verify.gradcheck"  # the name by which it is imported


class Report(NamedTuple):
    """What `check_vjp` found: entries that agree, entries at a kink, and the largest disagreement, as a share of the largest entry."""

    checked: int
    kinks: int
    worst: float


@check.public
def check_vjp(op, *args, rng=0, kinks="raise", entries=None, **options):
    """Check ``op.vjp`` against central differences of ``op.forward`` at `args`.

    With a random cotangent ``g`` (signs mixed, none near zero), ``F(args) = Re sum conj(g) f(args)`` is one number, and the vjp
    must be its gradient. Each entry of each floating-point argument is moved both ways, by h and by h/2, which with Richardson's
    extrapolation leaves an error of order h^4; for complex entries also along i. Where that disagrees, `judge` looks closely. An
    entry lies *at* a kink if its two one-sided slopes go on to differ, however small h is; the gradient must then lie between them,
    also along directions through several such entries. Both functions are called again, with other arguments in between: they may
    change nothing that they are given, and must depend on nothing else.

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
    >>> from npembed.embedding.row_maps import NORMALIZERS
    >>> report = check_vjp(NORMALIZERS["normalize"], np.array([[1.0, 2.0, 2.0]]))
    >>> report.checked, report.kinks
    (3, 0)
    """
    check.op("check_vjp", "op", op)
    check.choice("check_vjp", "kinks", kinks, ("raise", "skip"))
    if entries is not None:
        check.integer("check_vjp", "entries", entries, minimum=1)
    rng, pair = generator(rng), Pair("check_vjp", op.forward, op.vjp, args, options)
    for i in pair.where:
        if args[i].dtype not in (np.float64, np.complex128):
            raise TypeError(
                f"check_vjp: {pair.names[i]} has dtype {args[i].dtype}; allowed: float64 or complex128, to difference"
            )
    name = function_name(op.vjp)
    try:
        with np.errstate(all="ignore"):
            gradient = Gradient("check_vjp", pair, rng)
            every = np.concatenate([np.abs(one.d).ravel() for one in gradient.arguments])
            most = float(every.max(initial=0.0, where=np.isfinite(every)))
            reports = [_check_argument(one, name, rng, kinks, entries, most) for one in gradient.arguments]
            if not any(held for _, held in reports):
                raise GradientError(f"{name}: there is no slope anywhere, so nothing was checked")
            entry = gradient.together()
            if entry is not None:
                _raise_if_wrong(entry, name)
    except Refuted as refuted:
        raise GradientError(f"{name}: {refuted}") from None
    return Report(sum(r.checked for r, _ in reports), sum(r.kinks for r, _ in reports), max(r.worst for r, _ in reports))


def _check_argument(one, name, rng, kinks, entries, most):
    """Check the entries of one gradient: a report, and how many could be held against a slope, or those beside a kink."""
    x, d = one.x, one.d
    flat = np.arange(x.size) if entries is None or entries >= x.size else np.sort(rng.randperm(x.size)[:entries])
    largest = float(np.abs(d).max(initial=0.0, where=np.isfinite(d))) or 1.0
    differences = _Differences(one, most)
    checked = at_kink = held = 0
    worst = 0.0
    for k in flat.tolist():
        for unit in (1.0, 1.0j) if np.iscomplexobj(x) else (1.0,):
            claimed = float(d.flat[k].imag if unit == 1.0j else d.flat[k].real)
            off, noise = differences.off(k, unit, claimed)
            if not noise <= max(SHARP * max(largest, NOTHING), differences.hidden):
                entry = one.entry(k, unit)
                _raise_if_wrong(entry, name)
                if entry.verdict == NOT_DIFFERENTIABLE:
                    if kinks == "raise":
                        low, high = entry.slopes
                        kink = f"is at a kink, with slopes {low:.9g} and {high:.9g} beside it"
                        raise GradientError(f"{name}: {entry.label} = {claimed:.9g} {kink}")
                    at_kink += 1
                    held += bool(np.isfinite(entry.slopes).all())
                    continue
                size = max(abs(claimed), abs(entry.found) if np.isfinite(entry.found) else 0.0, largest, NOTHING)
                seen = max(entry.resolution, abs(claimed - entry.found)) <= UNCLEAR * size
                if entry.verdict == BELOW_RESOLUTION and not (seen or noise <= UNCLEAR * size):
                    hides = f"rounding in the forward pass hides its differences ({entry.resolution:.1g} of {largest:.1g})"
                    raise GradientError(f"{name}: {entry.label}: {hides if entry.resolution > UNCLEAR * size else entry.reason}")
                off = abs(claimed - entry.found) if seen else off
            checked += 1
            worst = max(worst, off / largest)
    return Report(checked, at_kink, worst), checked + held


def _raise_if_wrong(entry, name):
    if entry.verdict == WRONG:
        reason = f" ({entry.reason})" if entry.reason else ""
        found = f"but differences of the forward pass give {entry.found:.9g}{reason}"
        raise GradientError(f"{name}: {entry.label} = {entry.claimed:.9g}, {found}")


class _Differences:
    """Differences in one step, which tell of most entries that they are right."""

    def __init__(self, one, most):
        self.forward, self.x, self.g = one.forward[0], one.x, one.g
        self.h = STEP * (float(np.sqrt(np.mean(np.abs(one.x) ** 2))) if one.x.size else 0.0) or STEP
        self.middle = self.terms(one.x.copy())
        ulps = [1 + k * np.finfo(float).eps for k in (-2, -1, 1, 2)]
        # what rounding does in the forward pass
        self.spread = [self.terms(np.asarray(one.x * ulp)) - self.middle for ulp in ulps]
        # a few roundings of the largest gradient are not told from zero, nor any gradient if all are as rounding makes them
        rounding = SPREAD * max(abs(float(change.sum())) for change in self.spread) / self.h
        self.hidden = rounding if most <= rounding else 0.0
        self.floor = self.hidden or OWN * np.finfo(float).eps * most

    def terms(self, x):
        return (np.conj(self.g) * self.forward(x)).real

    def off(self, k, unit, claimed):
        """How far `claimed` is from what differences in entry `k` give, and how far these may be off: nobody knows, at a kink."""

        def at(step):
            moved = self.x.copy()
            moved.flat[k] += step * unit
            return self.terms(moved)

        h, (up, down, up2, down2) = self.h, (at(step * self.h) for step in (1, -1, 0.5, -0.5))
        moves = (up != self.middle) | (down != self.middle)
        value = float((8 * (up2 - down2) - (up - down)).sum()) / (6 * h)
        spread = max(abs(float(change[moves].sum())) for change in self.spread)
        size = float(np.abs(np.where(moves, up, 0)).sum() + np.abs(np.where(moves, down, 0)).sum()) / 2
        noise = (ROUNDING * np.finfo(float).eps * size + SPREAD * spread) / h
        sides = (float((up2 - self.middle).sum()), float((self.middle - down2).sum()))
        straight = abs(sides[0] - sides[1]) <= KINK * max(map(abs, sides)) + (noise + self.floor) * h
        near = abs(value - claimed) <= RTOL * max(abs(value), abs(claimed)) + noise + self.floor
        return abs(value - claimed), noise if straight and near and np.isfinite(claimed) else np.inf
