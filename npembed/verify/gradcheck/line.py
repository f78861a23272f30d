"""A function along a line through its arguments: what its differences show of the slope."""

import warnings
from typing import NamedTuple

import numpy as np

from .limits import Limit, limit, steps

ROUNDINGS = 4.0  # how many roundings of each result a difference is allowed at least; more are seen where they happen
VOUCHED = 2  # smaller steps that must vouch for a slope before it may accuse
TINY = 2.0**-100  # the complex step, relative to the size of the argument: nothing is subtracted, so it cannot be too small
VANISHING = 8  # so many of the smallest steps tell whether differences grow without end
GROWTH = 1.5  # by this factor from step to step, if they do
ROUNDED = 16.0  # the least step that tells a jump from a rounding, in units of the argument's last digit
CURVED = 1e-8  # a slope that is not seen to this share of itself may be that of a function whose second derivative jumps
ANY = (-np.inf, np.inf)  # the slopes on the two sides, where these have no limits
KINK = 1e-7  # by how much the slopes on both sides of a kink differ at least, relative to the larger


class Seen(NamedTuple):
    """What differences show: the slope, the two sides of a kink if it is at one, and how large the terms are that the slope sums."""

    slope: Limit
    gross: float  # the slope if no two results cancelled
    size: float  # of the results that depend on the argument
    flat: bool  # whether no result moves in the steps that the slope was seen at, nor in smaller ones
    stair: float  # if so, the quotient at the smallest step that moves any: results may be rounded to steps of that height
    sides: tuple | None  # smallest and largest slope that the one-sided ones allow
    margin: float  # how far these may be off
    near: float  # the kink is within this distance
    step: float  # the step that the slope, or the kink, is best seen at
    bent: np.ndarray | None  # which results have the kink
    bend: float  # by how much the slope behind the kink is larger than the one before it
    reason: str  # why there is no slope, if there is none


class Line:
    """``F(t) = Re sum conj(g) f(x + t v)`` as the terms of that sum, each rounded as `forward` rounds it.

    `forward` takes the changed argument; `v` is an array like `x`, or the position and direction (1 or 1j) of a single entry. Of a
    single entry, the digits of `x` tell how far it is moved; of many, `slack` is what their rounding may do to F.
    """

    def __init__(self, forward, x, g, v, sizes, eps, slack=0.0):
        self.forward, self.x, self.g, self.v, self.sizes, self.eps, self.slack = forward, x, g, v, sizes, eps, slack
        self.there = np.asarray(forward(x.copy()))
        self.broken = ~np.isfinite(self.there)
        self.middle = np.where(self.broken, 0, self.there)
        self.least = float(np.finfo(self.middle.dtype).smallest_subnormal) if self.middle.dtype.kind in "fc" else 0.0
        self.heaviness = np.abs(g)

    def at(self, t):
        """The results at `t`, and the `t` that the argument's digits allow."""
        moved = self.x.copy()
        if isinstance(self.v, tuple):
            k, unit = self.v
            moved.flat[k] += t * unit
            t = ((moved.flat[k] - self.x.flat[k]) / unit).real
        else:
            moved += (t * self.v).astype(moved.dtype)
            shares = ((moved - self.x)[self.v != 0] / (t * self.v[self.v != 0])).real
            t = t if ((shares > 0.5) & (shares < 2)).all() else 0.0
        try:
            out = np.asarray(self.forward(moved))
        except (ArithmeticError, ValueError):  # outside of where it is defined
            return np.full(self.middle.shape, np.nan), float(t)
        if self.broken.any():  # what is not finite, and stays so whatever the argument, does not depend on it
            same = (out == self.there) | (np.isnan(out) & np.isnan(self.there))
            out = np.where(self.broken, np.where(same, 0, np.nan), out)
        return out, float(t)

    def look(self, deep=False, shift=1.0):
        """Difference in ever smaller steps.

        Returns
        -------
        Seen
        """
        rows, broken = [], [0, 0]
        depends = self._depends() if deep else np.zeros(self.middle.shape, bool)
        lost = bool((depends & self.broken).any())
        for h in [] if lost else steps(self.sizes, deep, shift):
            (up, a), (down, b) = self.at(h), self.at(-h)
            if not (0.5 * h < a < 2 * h and 0.5 * h < -b < 2 * h):
                continue  # the argument has too few digits for that step
            fine = [bool(np.isfinite(side).all()) for side in (up, down)]
            if not all(fine):
                broken = [n + (not ok) for n, ok in zip(broken, fine, strict=True)]
                continue
            depends = depends | (up != self.middle) | (down != self.middle)
            rows.append(
                (
                    h,
                    self._terms(up - down) / (a - b),
                    self._terms(up - self.middle) / a,
                    self._terms(self.middle - down) / -b,
                    up,
                    down,
                )
            )
        if len(rows) < 3:
            edge = not lost and broken[0] != broken[1] and min(broken) == 0
            reason = "the forward pass is finite on one side only" if edge else "the forward pass is not finite around it"
            nothing = Limit(np.nan, np.inf, 0.0)
            return Seen(nothing, 0.0, np.inf, False, 0.0, ANY if edge else None, 0.0, 0.0, 0.0, None, 0.0, reason)
        return self._seen(rows, depends, VOUCHED if deep else 0)

    def _seen(self, rows, depends, vouched):
        h = [row[0] for row in rows]
        sizes = [float((self.heaviness * np.maximum(np.abs(row[4]), np.abs(row[5])))[depends].sum()) for row in rows]
        floor = self.least * float(self.heaviness[depends].sum())
        inside = [(ROUNDINGS * self.eps * size + floor) / step for size, step in zip(sizes, h, strict=True)]
        rounding = [noise + self.slack / step for noise, step in zip(inside, h, strict=True)]
        central = [float(row[1].sum()) for row in rows]
        bends = [float((row[2] - row[3]).sum()) for row in rows]
        slope = limit(h, central, rounding, 2, vouched)
        if not slope.error <= CURVED * abs(slope.value):
            slope = min(slope, _joined(rows, h, rounding, vouched), key=lambda found: found.error)
        bend = limit(h, bends, [2 * r for r in rounding], 1, vouched)
        at = next((j for j, step in enumerate(h) if step == slope.step), -1)
        gross = float(np.abs(rows[at][1]).sum())
        moving = [j for j, row in enumerate(rows) if row[1].any()]
        flat = len(rows) - 1 not in moving and (at < 0 or not any(j >= at for j in moving))
        stair = central[moving[-1]] if flat and moving else 0.0
        sides, margin, near, step, bent, reason = None, 0.0, 0.0, slope.step, None, ""
        if abs(bend.value) > max(3 * bend.error, KINK * gross):
            clear = [j for j in range(len(h)) if abs(bends[j] - bend.value) + rounding[j] < 0.1 * abs(bend.value)]
            at = clear[-1] if clear else h.index(bend.step)
            low, high = (np.sum(pick(rows[at][2], rows[at][3])) for pick in (np.minimum, np.maximum))
            margin = 1e-4 * max(abs(low), abs(high)) + abs(bends[at] - bend.value)
            sides, near, step, reason = (float(low), float(high)), float(h[at]), bend.step, "a kink"
            bent = np.abs(rows[at][2] - rows[at][3]) > 0.1 * abs(bend.value) / max(1, self.middle.size)
        elif vouched and any(self._grows(h, q, inside) for q in (central, bends)):
            sides, near, reason = ANY, float(h[-1]), "no finite slope: a jump or a vertical tangent"
        elif vouched and self._rough(h, central, bends, inside):
            slope, reason = slope._replace(error=np.inf), "the forward pass changes as much from digit to digit of the argument"
        return Seen(slope, gross, sizes[at], flat, stair, sides, float(margin), near, step, bent, bend.value, reason)

    def _grows(self, h, quotients, rounding):
        """Whether quotients grow, step by step, as far as one can see, and not for the roundings inside the forward pass.

        Roundings differ between points that are close to each other; a jump or a vertical tangent looks the same from all of them.
        """
        width = ROUNDED * self.eps * (abs(self.x.flat[self.v[0]]) if isinstance(self.v, tuple) else 1.0)
        kept = [j for j, step in enumerate(h) if step >= width][-VANISHING:]
        last, noise = np.abs([quotients[j] for j in kept]), np.array([rounding[j] for j in kept])
        if len(kept) < VANISHING or not ((last[1:] > GROWTH * last[:-1]).all() and (last > 100 * noise).all()):
            return False
        step = h[kept[-1]]
        for side in (step, -step):
            near = [float(self._terms(self.at(side * (1 + k / 16))[0] - self.middle).sum()) for k in range(9)]
            if not max(near) - min(near) <= 0.25 * last[-1] * step:
                return False
        return True

    def _rough(self, h, central, bends, rounding):
        """Whether the smallest steps change the results about as much as the largest, so that no step is small enough."""
        changes = np.maximum(np.abs(central), np.abs(bends)) * h
        noise = np.array(rounding) * h
        return bool((changes[-3:] > np.maximum(0.01 * changes.max(), 100 * noise[-3:])).any())

    def _depends(self):
        """Which results another value of the argument changes, be it ever so far off.

        A result that does not move may be independent of the argument, or too large to show that it moves. So the argument is
        moved by as much as the largest result, too.
        """
        with np.errstate(all="ignore"):
            largest = np.abs(self.middle).max(initial=0.0, where=np.isfinite(self.middle))
            far = 2 * max(float(largest), *self.sizes)
            found = np.zeros(self.middle.shape, bool)
            here = [] if isinstance(self.v, np.ndarray) else [-(self.x.flat[self.v[0]] / self.v[1]).real]
            for t in (far, -far, 1.0, -1.0, *self.sizes, *here):  # one: where all is tiny, results underflow
                found |= self.at(t)[0] != self.middle
        return found

    def _terms(self, change):
        """The terms of ``Re sum conj(g) change``."""
        return (np.conj(self.g) * change).real

    def complex_step(self):
        """The slope as ``Im F(x + i t v) / t``, right to the last digits if `forward` is analytic; None where that cannot be had.

        References
        ----------
        Squire and Trapp, Using complex variables to estimate derivatives of real functions (SIAM Review 40, 1998).
        """
        if np.iscomplexobj(self.x) or np.iscomplexobj(self.middle) or not isinstance(self.v, tuple):
            return None
        step = TINY * min(self.sizes)
        moved = self.x.astype(np.result_type(self.x.dtype, np.complex64))
        moved.flat[self.v[0]] += 1j * step
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                out = np.asarray(self.forward(moved))
        except Exception:  # whatever code for real numbers does when it meets a complex one: then it is not to be had
            return None
        if not np.iscomplexobj(out) or out.shape != self.middle.shape or moved.flat[self.v[0]].imag == 0:
            return None
        with np.errstate(all="ignore"):
            found = float((self.g * (out.imag / moved.flat[self.v[0]].imag)).sum())
        return found if np.isfinite(found) else None


def _joined(rows, h, rounding, vouched):
    """The slope as the limits of the one-sided ones, which goes on where only the second derivative jumps."""
    up, down = (limit(h, [float(row[i].sum()) for row in rows], [2 * r for r in rounding], 1, vouched) for i in (2, 3))
    error = (up.error + down.error + abs(up.value - down.value)) / 2
    return Limit((up.value + down.value) / 2, error, max(up.step, down.step))
