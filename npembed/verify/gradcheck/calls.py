"""A forward pass and a vjp, called as any caller may: again, with other arguments in between, and with what they return kept."""

import inspect

import numpy as np

ROUNDED = 64.0  # how many roundings of a row's largest entry two calls may differ by: threads add in another order
LARGER = 2.0**20  # by this factor a cotangent is made larger, which costs no digit
DRAWS = 8  # how often noise is looked for at each distance
JUMP = 0.01  # what a few ulps change by more than this share of the largest entry, jumps
COARSE = 1e-4  # half precision, whose numbers end at 65504, is coarser than this
OUTSIDE = (ArithmeticError, ValueError)  # what a function may raise for arguments out of where it is defined


class Refuted(Exception):  # noqa: N818  # it is caught where it is told, and is no error of a caller
    """What is wrong with a gradient as a whole, or with how it is computed."""


class Pair:
    """A forward pass and a vjp at `args`, the floats among which (their places: `where`) have gradients."""

    def __init__(self, function, forward, vjp, args, options):
        self.forward, self.vjp, self.args, self.options = forward, vjp, args, options
        self.where = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind in "fc"]
        self.names = argument_names(forward, args, vjp)
        if not any(args[i].size for i in self.where):
            raise ValueError(f"{function}: args have no entry to check; allowed: an array of floats that is not empty among them")

    def result(self):
        """What the forward pass gives at `args`."""
        return self._call(self.forward, self.args, self.names)

    def gradients(self, g, args=None):
        """What the vjp gives for `g`: the objects themselves, and copies of them as arrays."""
        args = self.args if args is None else args
        found = self._call(self.vjp, (np.copy(g), *args), ("g", *self.names))
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(found) != len(self.where):
            raise Refuted(f"{len(found)} gradients for {len(self.where)} differentiable arguments")
        arrays = [self._array(d, i) for d, i in zip(found, self.where, strict=True)]
        return found, arrays

    def examined(self, out, g):
        """The gradients for `g`, after calls that show whether they depend on `g` and `args` alone, and linearly on `g`.

        Parameters
        ----------
        out : what `result` gave
        g : array like it

        Returns
        -------
        list of arrays

        Raises
        ------
        Refuted
        """
        kept = np.array(out)
        forward, vjp = function_name(self.forward), function_name(self.vjp)
        self._elsewhere(g)
        if not _alike(np.asarray(out), kept):
            raise Refuted(f"a later call of {forward} changes what an earlier one returned: a buffer that is used again")
        if not _alike(np.asarray(self.result()), kept):
            raise Refuted(f"{forward} gives something else when it is called again: a gradient needs one that does not")
        objects, first = self.gradients(g)
        self._elsewhere(g)
        factor = LARGER if max(np.finfo(a.dtype).eps for a in (*first, g)) < COARSE else 16.0
        larger = self.gradients((factor * g).astype(g.dtype))[1]
        later = [self._array(d, i) for d, i in zip(objects, self.where, strict=True)]
        last = self.gradients(g)[1]
        for i, before, d, after, scaled in zip(self.where, first, later, last, larger, strict=True):
            name = f"d{self.names[i]}"
            if not _alike(d, before):
                raise Refuted(
                    f"a later call of {vjp} changes the {name} that an earlier one returned: a buffer that is used again"
                )
            if not _alike(after, before):
                raise Refuted(f"{name} is another when {vjp} is called again: it must depend on g and the arguments alone")
            if not _alike(scaled, before, factor):
                raise Refuted(f"{name} is not linear in g: {factor:g} times the g does not give {factor:g} times the gradient")
        return first

    def wobble(self, g):
        """How far rounding moves each entry of each gradient: second differences of the vjp, in steps that leave nothing else of them.

        Steps are of a few ulps and more, in all arguments and `g` at once, with random signs. What depends smoothly on the arguments
        cancels in a second difference; what each evaluation rounds anew is left. That is how noise is told from a trend. An entry
        that jumps, as at a kink, is not rounded: it gets zero.

        References
        ----------
        More and Wild, Estimating computational noise (SIAM Journal on Scientific Computing 33, 2011).
        """
        rng = np.random.default_rng(0)
        middle = self.gradients(g)[1]
        noise = [np.zeros(d.shape) for d in middle]
        for power in DRAWS * (0.96, 0.85, 0.75):
            signs = [rng.choice((-1.0, 1.0), np.shape(a)) * rng.uniform(0.5, 1.0, np.shape(a)) for a in (g, *self.args)]

            def moved(to, signs=signs, power=power):
                each = [self._moved(a, to * s, power) for a, s in zip((g, *self.args), signs, strict=True)]
                return self.gradients(each[0], tuple(each[1:]))[1]

            try:
                up, down = moved(1), moved(-1)
            except OUTSIDE:
                continue
            for most, u, m, d in zip(noise, up, middle, down, strict=True):
                np.fmax(most, np.abs(u - 2 * m + d), out=most)
        return [np.where(most <= JUMP * np.abs(m).max(initial=0.0), most, 0.0) for most, m in zip(noise, middle, strict=True)]

    @staticmethod
    def _moved(a, signs, power):
        if not (isinstance(a, np.ndarray) and a.dtype.kind in "fc"):
            return a
        return np.asarray(a * (1 + signs * float(np.finfo(a.dtype).eps) ** power)).astype(a.dtype)

    def _elsewhere(self, g):
        """A call of both at other arguments, which must leave no trace."""
        args = tuple(np.asarray(0.9375 * a).astype(a.dtype) if i in self.where else a for i, a in enumerate(self.args))
        try:
            self._call(self.forward, args, self.names)
            self.gradients(3 * g, args)
        except OUTSIDE:
            pass

    def _array(self, d, i):
        x, name = self.args[i], f"d{self.names[i]}"
        d = np.zeros(x.shape, x.dtype) if d is None else np.array(d.to_dense() if hasattr(d, "to_dense") else d)
        if d.shape != x.shape:
            raise Refuted(f"{name} has shape {d.shape}; must be {x.shape}, the shape of {self.names[i]}")
        if d.dtype.kind not in "biufc":
            raise Refuted(f"{name} has dtype {d.dtype}; must be an array of numbers")
        if np.iscomplexobj(d) and not np.iscomplexobj(x):
            raise Refuted(f"{name} has dtype {d.dtype}; must be real, as {self.names[i]} is")
        return d if d.dtype.kind in "fc" else d.astype(float)

    def _call(self, function, args, names):
        kept = _copied((*args, self.options))
        result = function(*args, **self.options)
        for name, now, before in zip((*names, "an option"), (*args, self.options), kept, strict=True):
            if not _same(now, before):
                raise Refuted(f"{function_name(function)} changes {name} in place; must leave it alone")
        return result


def draw_cotangent(rng, out):
    """A random array like `out`: magnitudes in [.5, 1.5), signs (for complex numbers: quadrants) at random."""

    def draw():
        sign = 2.0 * rng.bernoulli(0.5, out.shape) - 1.0
        return sign * rng.uniform(out.shape, 0.5, 1.5, np.float64)

    return np.asarray(draw() + 1j * draw() if np.iscomplexobj(out) else draw())


def function_name(function):
    """The name of a function, also of one that is bound to options."""
    return getattr(getattr(function, "func", function), "__name__", type(function).__name__)


def argument_names(function, args, vjp):
    """The names of the positional parameters, as far as the signature tells, of the function or else of its vjp (behind g)."""
    names = _positional(function) or _positional(vjp)[1:]
    return names[: len(args)] + [f"argument {i}" for i in range(len(names), len(args))]


def _positional(function):
    """The names of a function's positional parameters; none where it does not tell, as NumPy's own functions do not everywhere."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _alike(found, expected, factor=1.0):
    """Whether `found` is `factor` times what is expected, up to the rounding of each row's largest entry; if scaled, where finite."""
    if found.shape != expected.shape:
        return False
    if factor == 1.0 and np.array_equal(found, expected, equal_nan=True):
        return True
    with np.errstate(all="ignore"):
        both = np.isfinite(found) & np.isfinite(expected)
        size = np.where(both, np.abs(expected), 0.0)
        height = size.max(-1, keepdims=True, initial=0.0) if size.ndim else size
        info = np.finfo(found.dtype if found.dtype.kind in "fc" else float)
        bound = factor * (ROUNDED * float(info.eps) * height + float(info.tiny))
        near = np.abs(found - factor * expected) <= bound
        strange = (found == expected) | (np.isnan(found) & np.isnan(expected)) if factor == 1.0 else True
    return bool(np.where(both, near, strange).all())


def _copied(value):
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return [_copied(v) for v in value]
    return {k: _copied(v) for k, v in value.items()} if isinstance(value, dict) else value


def _same(now, before):
    """Whether a value, or what lies in it, is what it was when it was copied, to the bit."""
    if isinstance(now, np.ndarray):
        return (now.shape, now.dtype) == (before.shape, before.dtype) and now.tobytes() == before.tobytes()
    if isinstance(now, (list, tuple)):
        return len(now) == len(before) and all(map(_same, now, before))
    if isinstance(now, dict):
        return now.keys() == before.keys() and all(_same(now[k], before[k]) for k in before)
    return not isinstance(now, (int, float, complex, str, np.generic)) or repr(now) == repr(before)
