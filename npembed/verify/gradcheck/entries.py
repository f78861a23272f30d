"""The entries of the gradient of one argument, each held against what differences show."""

import numpy as np

from .calls import draw_cotangent
from .line import Line
from .verdicts import BELOW_RESOLUTION, INTENTIONAL, NOT_DIFFERENTIABLE, RIGHT, VERDICTS, WRONG, Entry, ulps

CLEAR = 1e-8  # a slope seen to this share of itself needs no closer look
RESOLVED = 1e-3  # a slope seen to less than this share of itself is not seen
COARSE = 0.05  # the same where single precision takes part: more is not to be had
CANCELLED = 1e-10  # of terms that cancel, what is left need not be seen to more than this share of them
OWN = 16.0  # how many roundings the gradient may be off by itself
WOBBLE = 4.0  # times what rounding is seen to do inside the vjp
ACCUSED = 2.0  # how many times what a slope may be off by, before a gradient is called wrong
SECOND = 0.7  # steps of a second opinion, relative to those of the first
LEAST = float(np.finfo(float).tiny)  # what underflows in a gradient is not seen to be missing
SINGLE = float(np.finfo(np.float32).eps)


class Claimed:
    """One argument `x`, the gradient `d` claimed for it, and the function of it alone.

    Parameters
    ----------
    name : str
    x, d, g : arrays
        `x` as long as `forward` can take it, `d` as the vjp gave it.
    forward, meant : pairs of functions
        The results for an `x`; and, from a direction and what is seen along it, the slopes at points nearby. `meant` is None
        where the gradient is to be that of `forward`.
    analytic : bool
    eps : float
        What one rounding of the gradient may come to, relative to it.
    wobble : function
        Gives how far rounding moves each entry of `d`.
    longer : array or None
        What the vjp gives in double precision, where `d` is shorter.
    """

    def __init__(self, name, x, d, g, forward, meant, analytic, eps, wobble, longer=None):
        self.name, self.x, self.d, self.g, self.forward, self.meant, self.analytic = name, x, d, g, forward, meant, analytic
        self.own, self.wobble, self.longer = eps, wobble, longer
        inexact = [a.dtype for a in (x, np.asarray(forward[0](x.copy()))) if a.dtype.kind in "fc"]
        self.eps = max(float(np.finfo(dtype).eps) for dtype in inexact)
        self.share = RESOLVED if self.eps < CLEAR else COARSE
        last = x.ndim - 1
        self.rows = np.abs(x).max(axis=last, keepdims=True, initial=0.0) + 0 * np.abs(x) if x.ndim else np.abs(x)
        self.heights = np.abs(d).max(axis=last, keepdims=True, initial=0.0) + 0 * np.abs(d) if x.ndim else np.abs(d)
        self.largest = float(np.abs(x).max(initial=0.0))
        self.rest = None
        self.unseen = np.zeros(x.shape, bool)  # entries of which nothing could be said
        self.kinked: list = []  # coordinates at a kink: index, unit, sizes, what was seen

    def along(self, v, sizes=(1.0,)):
        """The judgement on a direction, an array like `x`, and what is seen along it."""
        claimed = np.where(v != 0, np.conj(self.d) * v, 0)
        return self._weigh(v, sizes, float(claimed.real.sum()), float(np.abs(claimed).sum()), None, "")

    def judge(self, rng, entries):
        """Each entry, or some and a direction through all."""
        n, units = self.x.size, (1.0, 1.0j) if np.iscomplexobj(self.x) else (1.0,)
        some = range(n) if entries is None or entries >= n else np.sort(rng.randperm(n)[:entries]).tolist()
        for k in some:
            for unit in units:
                yield self.entry(k, unit)
        if len(some) < n:
            v = draw_cotangent(rng, self.x) * self.scale()
            self.rest, followed = self.follow(v, np.arange(n))
            if followed is not None:
                yield followed

    def scale(self):
        """The size of each entry's row, or what stands in for it where that is zero."""
        return np.where(self.rows > 0, self.rows, self.largest or 1.0)

    def follow(self, v, inside):
        """The verdict along `v`, moved in the entries `inside` alone; if it is wrong, where: a single entry, if it can be found."""
        if len(inside) == 1:
            found = [self.entry(int(inside[0]), unit) for unit in ((1.0, 1.0j) if np.iscomplexobj(self.x) else (1.0,))]
            worst = min(found, key=doubt)
            return worst.verdict, worst if worst.verdict in (WRONG, INTENTIONAL) else None
        part = np.zeros_like(v)
        part.flat[inside] = v.flat[inside]
        entry = self.along(part)[0]
        if entry.verdict not in (WRONG, INTENTIONAL):
            return entry.verdict, None
        for half in (inside[: len(inside) // 2], inside[len(inside) // 2 :]):
            found = self.follow(v, half)[1]
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
        entry, seen = self._weigh((k, unit), sizes, claimed, float(self.heights.flat[k]), index, part)
        if entry.verdict == NOT_DIFFERENTIABLE and seen.bent is not None:
            self.kinked.append((k, unit, float(own), seen))
        self.unseen.flat[k] |= entry.verdict == BELOW_RESOLUTION
        return entry

    def _weigh(self, v, sizes, claimed, height, index, part):
        """What is found along a line, and whether it is the gradient itself or what it is meant to be instead."""
        entry, seen = self._look(self.forward, v, sizes, claimed, height, index, part)
        if self.meant is None:
            return entry, seen
        meant, seen = self._look(self.meant, v, sizes, claimed, height, index, part)
        if meant.verdict in (RIGHT, NOT_DIFFERENTIABLE) and entry.verdict == WRONG:
            return meant._replace(verdict=INTENTIONAL, reason=f"the gradient itself is {entry.found:.9g}"), seen
        if meant.verdict == WRONG and entry.verdict == RIGHT:
            return meant._replace(reason="the gradient itself, not what it is meant to be"), seen
        return meant, seen

    def _look(self, forward, v, sizes, claimed, height, index, part):
        many = isinstance(v, np.ndarray)
        slack = self.eps * float(np.abs(np.where(v != 0, self.x * self.d, 0)).sum()) if many else 0.0
        line = Line(forward[0], self.x, self.g, v, sizes, self.eps, slack)
        exact = line.complex_step()
        least = LEAST * float(np.abs(v).sum()) if many else LEAST
        entry = Entry(self.name, index, part, RIGHT, claimed, np.nan, np.inf, np.nan)
        quick = line.look()
        if (
            not line.broken.any()
            and not quick.sides
            and quick.slope.error <= max(CLEAR * abs(quick.slope.value), CANCELLED * quick.gross)
        ):
            entry = self._decide(entry, quick, exact, height, least)
            if entry.verdict == RIGHT:
                return entry, quick
        seen = line.look(deep=True)
        entry = self._decide(entry, seen, exact, height, least)
        if entry.verdict == WRONG:
            second = self._decide(entry, line.look(deep=True, shift=SECOND), exact, height, least)
            if second.verdict not in (RIGHT, WRONG):
                return second, seen
            entry = self._last_word(entry, v, seen, height, forward[1])
            if entry.verdict == WRONG and second.verdict == RIGHT:
                entry = second._replace(verdict=BELOW_RESOLUTION, reason="about as far off as differences may be")
        return entry, seen

    def _last_word(self, entry, v, seen, height, nearby):
        """Before a gradient is called wrong: points nearby may have other slopes, and the vjp may lose digits of its own."""
        if not np.isfinite(entry.claimed):
            return entry
        low, high = nearby(v, seen)
        margin = 1e-4 * max(abs(low), abs(high))
        if low < high and low - margin <= entry.claimed <= high + margin:
            reason = "a kink of several entries together"
            return entry._replace(verdict=NOT_DIFFERENTIABLE, ulp=np.nan, slopes=(low, high), reason=reason)
        short = self._short(entry)
        if not seen.sides and not short:
            off, noise = abs(entry.claimed - entry.found), self.wobble()
            own = float((np.abs(v) * noise).sum() if isinstance(v, np.ndarray) else noise.flat[v[0]])
            if (
                self.longer is not None
                and self._along(self.longer, v, entry.found) <= entry.resolution + OWN * self.eps * seen.gross
            ):
                own = max(own, off)
            if off <= entry.resolution + OWN * self.own * seen.gross + WOBBLE * own:
                if own <= max((RESOLVED if self.own < CLEAR else COARSE) * abs(entry.found), np.sqrt(self.own) * height):
                    return entry._replace(verdict=RIGHT, reason="")
                return entry._replace(verdict=BELOW_RESOLUTION, reason=f"rounding inside the vjp moves it by {own:.1g}")
            if off <= OWN * self.own * height:
                reason = "as small as the roundings of the largest entry of its row"
                return entry._replace(verdict=BELOW_RESOLUTION, reason=reason)
            if self.own < CLEAR and off <= SINGLE * abs(entry.found):
                short = "right to single precision only"
        return entry._replace(reason=entry.reason or short)

    @staticmethod
    def _along(d, v, found):
        """How far a gradient is, along `v`, from what was found."""
        part = (np.conj(d) * v).real.sum() if isinstance(v, np.ndarray) else (np.conj(d.flat[v[0]]) * v[1]).real
        return abs(float(part) - found)

    def _short(self, entry):
        """That a wrong entry is right to fewer digits, which is all that the whole gradient has."""
        parts = np.stack([self.d.real, self.d.imag])
        with np.errstate(all="ignore"):
            for shorter, name, lost in ((np.float16, "float16", "halved twice"), (np.float32, "float32", "halved")):
                eps = float(np.finfo(shorter).eps)
                off = abs(entry.claimed - entry.found) <= eps * abs(entry.found)
                if eps > self.own and off and np.array_equal(parts.astype(shorter), parts):
                    return f"its precision was {lost if self.own < CLEAR else 'halved'}: all of d{self.name} is {name}"
        return ""

    def _decide(self, entry, seen, exact, height, least):
        """The verdict on an entry from what differences show, and from the complex step where that is to be trusted."""
        claimed, slope, error = entry.claimed, seen.slope.value, ACCUSED * seen.slope.error
        own = OWN * self.own * max(abs(slope) if np.isfinite(slope) else 0.0, seen.gross) + least
        method = "differences"
        if exact is not None and not seen.sides:
            near = abs(exact - slope) <= error + own if np.isfinite(error) else True
            fits = exact != 0 and abs(exact - claimed) <= OWN * self.own * max(abs(exact), seen.gross)
            if near and (self.analytic or fits):
                slope, error, method = exact, OWN * self.eps * max(abs(exact), seen.gross), "complex step"
                own = OWN * self.own * max(abs(exact), seen.gross)
        entry = entry._replace(found=slope, resolution=error, ulp=float(ulps(claimed, slope)) * coarse(self.own), method=method)
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
        return entry._replace(verdict=WRONG, reason="" if np.isfinite(claimed) else "not a finite number")

    def _at_kink(self, entry, seen):
        low, high = seen.sides
        near = min(max(entry.claimed, low), high)
        entry = entry._replace(slopes=seen.sides, near=seen.near, found=near, resolution=seen.margin, method="differences")
        where = f"{seen.reason} within {seen.near:.1e}" if np.isfinite(high - low) else seen.reason
        if low - seen.margin <= entry.claimed <= high + seen.margin:
            return entry._replace(verdict=NOT_DIFFERENTIABLE, ulp=np.nan, reason=where)
        return entry._replace(verdict=WRONG, ulp=float(ulps(entry.claimed, near)) * coarse(self.own), reason=f"beyond {where}")

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


def coarse(eps):
    """Ulps of float64 per ulp of the coarsest dtype that takes part, inverted."""
    return float(np.finfo(float).eps) / eps


def doubt(entry):
    """How to sort entries: the doubtful ones first."""
    return VERDICTS.index(entry.verdict), -entry.ulp if np.isfinite(entry.ulp) else 0.0
