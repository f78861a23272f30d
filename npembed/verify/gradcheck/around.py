"""The function of all arguments together: how they move at once, and what slopes there are at points nearby."""

from itertools import combinations

import numpy as np

PLACES = 48  # how many points nearby are looked at
ROOM = 2.0**20  # a point nearby is that much nearer than the step a slope was seen at
LEAST = 2.0**-36  # but not nearer than this, relative to the arguments
BESIDE = 8  # and that much farther off than a kink
FARTHER = 8  # a second look is that much farther off
ALIKE = 3  # slopes of a kink are about as far apart at both distances
FINE = 16  # the steps of differences there, as a share of the distance
APART = 0.01  # slopes nearby that differ by less than this share of themselves are one slope that changes
PAIRS = 28  # at most so many pairs of entries of a group are moved together: all of up to eight
MIXES = 4  # random directions in a group


class Around:
    """`forward` as a function of one vector `x`, that of all entries of the arguments at the places `where`, in order.

    Where functions are not smooth, a gradient is one of Clarke's: its component along a direction lies between the smallest and the
    largest slope that there is, along that direction, at points as near as one likes. For max and min that is what the one-sided
    slopes say; for a median of equals, say, each of those is zero, and only the points nearby tell.

    References
    ----------
    Clarke, Optimization and Nonsmooth Analysis (Wiley, 1983), section 2.1.
    """

    def __init__(self, forward, args, where, g):
        self.whole, self.args, self.where, self.g = forward, args, where, g
        self.starts = np.cumsum([0, *(args[i].size for i in where)])
        self.x = self.flat([args[i] for i in where])
        self.sides = np.zeros_like(self.x)  # where the slope is larger, before or behind, of entries known to be at a kink

    def flat(self, arrays):
        """One array for each argument as one vector."""
        return np.concatenate([a.ravel() for a in arrays])

    def forward(self, x):
        """The results for a vector of all entries."""
        args = list(self.args)
        for i, start in zip(self.where, self.starts, strict=False):
            a = self.args[i]
            part = x[start : start + a.size].reshape(a.shape)
            args[i] = np.array(part if np.iscomplexobj(a) else part.real, a.dtype)
        return self.whole(*args)

    def direction(self, n, v):
        """A direction of the `n`-th argument (an array like it, or position and unit) as one of all."""
        found = np.zeros(self.x.shape, self.x.dtype)
        if isinstance(v, tuple):
            found[self.starts[n] + v[0]] = v[1]
        else:
            found[self.starts[n] : self.starts[n + 1]] = v.ravel()
        return found

    def slopes(self, v, seen):
        """The smallest and largest slope along `v` at `x` and points nearby; those at `x` alone where the points show no kink.

        Slopes that differ because they change on the way do so less, the nearer the points are; for rounding, the more.
        """
        here = seen.sides or (seen.slope.value, seen.slope.value)
        size = np.abs(np.where(v != 0, self.x, 0)).max() / np.abs(v).max() or 1.0
        reach = max(seen.step / ROOM, BESIDE * seen.near, LEAST * size)
        near, far = self._at(v, reach), self._at(v, FARTHER * reach)
        apart = sorted((near[1] - near[0], far[1] - far[0]))
        kink = apart[1] < ALIKE * apart[0] and apart[0] > APART * max(map(abs, far))
        return (min(here[0], far[0]), max(here[1], far[1])) if kink else here

    def _at(self, v, reach):
        """The smallest and largest slope along `v` at points at that distance."""
        away = reach * np.abs(v).max() + 0 * np.abs(self.x)
        away = np.where(self.x != 0, np.minimum(away, np.abs(self.x) / ROOM), away)
        h, found = reach / FINE, []
        for way in self._ways(v):
            place = self.x + away * way
            try:
                up, down = (np.asarray(self.forward(place + t * v)) for t in (h, -h))
            except (ArithmeticError, ValueError):
                continue
            found.append(float((np.conj(self.g) * (up - down)).real.sum()) / (2 * h))
        found = [slope for slope in found if np.isfinite(slope)] or [0.0]
        return min(found), max(found)

    def _ways(self, v):
        """Where to look around `x`: at random; where the first of equals is the largest, or the last; and where every entry that is
        known to be at a kink has its larger slope, or its smaller.
        """
        rng = np.random.default_rng(0)
        for _ in range(PLACES):
            yield rng.choice((-1.0, 1.0), v.shape) * rng.uniform(0.5, 1.0, v.shape)
        ramp = np.linspace(0.5, 1.0, v.size)
        yield from (ramp, -ramp)
        up = np.sign(self.sides.real) * np.sign(v.real) + 1j * np.sign(self.sides.imag) * np.sign(v.imag)
        for side in (up, -up) if self.sides.any() else ():
            yield (side if np.iscomplexobj(v) else side.real) * rng.uniform(0.5, 1.0, v.shape)

    def directions(self, kinked, rng):
        """Directions through entries at a kink, those together that share one: all of a group, pairs, and some at random.

        Each is scaled by its kink, so that a sum in which several meet stays where it is if they move against each other.

        Parameters
        ----------
        kinked : list of (position in `x`, unit, size, what was seen)
        """
        for group in _groups(kinked):
            bends = [seen.sides[1] - seen.sides[0] for *_, seen in group]
            speeds = [float(f"{min(bends) / bend:.9e}") for bend in bends]
            sizes = sorted({min(size for _, _, size, _ in group), max(size for _, _, size, _ in group)})
            n = len(group)
            pairs = list(combinations(range(n), 2))
            if len(pairs) > PAIRS:
                others = [pairs[j] for j in rng.choice(len(pairs), PAIRS, replace=False)]
                pairs = [*zip(range(n - 1), range(1, n), strict=True), *others]
            ways = [np.ones(n)]
            for i, j in pairs:
                ways += [np.eye(n)[i] + np.eye(n)[j], np.eye(n)[i] - np.eye(n)[j]]
            ways += [rng.uniform(-1, 1, n) for _ in range(MIXES)]
            for way in ways:
                v = np.zeros(self.x.shape, self.x.dtype)
                for (k, unit, *_), speed, part in zip(group, speeds, way, strict=True):
                    v[k] += speed * part * unit
                yield v, sizes


def _groups(kinked):
    """Entries at a kink of the same results, directly or by others between them; those that are alone are left out."""
    groups: list = []
    for one in sorted(kinked, key=lambda entry: entry[0]):
        bent = one[3].bent
        met = [group for group in groups if (group[1] & bent).any()]
        groups = [group for group in groups if not any(group is m for m in met)]
        joined = [one] if not met else [*(entry for group in met for entry in group[0]), one]
        groups.append((joined, np.logical_or.reduce([bent, *(group[1] for group in met)])))
    return [group for group, _ in groups if len(group) > 1]
