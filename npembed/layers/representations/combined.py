"""Several representations of the same things, put together."""

import numpy as np

from ... import check
from ...numerics.random import generator
from ...op import Op, resolve
from .. import Lookup, Passes
from .make import make
from .mixing import COMBINATIONS
from .representation import Representation, passed_on, same_dtype, same_max_id, same_shape


@check.public
class CombinedRepresentation(Representation):
    """What several bases say of an id, put side by side, added, or multiplied.

    All that the bases do to their rows they do here too. (PyKEEN's goes around the normalizers, regularizers and dropouts of the
    bases, and ``compat="pykeen"`` as well.)

    Parameters
    ----------
    max_id : int, or None for that of the bases, which is to be one
    shape : what comes of the combination, or None
    base : sequence of representations and names, or None for `Embedding`s, one for each of `base_kwargs`
    base_kwargs : sequence of dict (or None), options of the bases that are not made yet; a dict for all of them
    combination : name, Op or pair of callables; default ``"concat"``
        See `npembed.layers.representations.COMBINATIONS`.
    combination_kwargs : dict, options of it
        ``dim`` counts the axes of a table ``(N, *shape)``.
    compat, rng, options : as in `Representation`

    References
    ----------
    pykeen.nn.representation.CombinedRepresentation (1.11.1).

    Examples
    --------
    >>> from npembed import Embedding
    >>> names, pictures = Embedding(10, 3), Embedding.from_pretrained(np.ones((10, 2), "f4"))
    >>> CombinedRepresentation(base=[names, pictures])([4, 7]).shape
    (2, 5)
    """

    def __init__(
        self, max_id=None, shape=None, base=None, base_kwargs=None, combination=None, combination_kwargs=None, *, compat=None, rng=None,
        **options,
    ):  # fmt: skip
        name, rng, options = type(self).__name__, generator(rng), passed_on(type(self), options)
        about = {"function": name, "argument": "base", "rng": rng, "compat": compat}
        bases = [make(choice, kwargs, max_id=max_id, **about) for choice, kwargs in _pairs(name, base, base_kwargs)]
        for i, other in enumerate(bases):
            if other.max_id != bases[0].max_id:
                raise ValueError(
                    f"{name}: base[{i}] has {other.max_id} rows; allowed: {bases[0].max_id}, as base[0] has (a subset has fewer)"
                )
        max_id = same_max_id(name, max_id, bases[0].max_id, "base")
        children = {f"base.{i}": base for i, base in enumerate(bases)}
        same_dtype(name, children)
        self.combination = _chosen(name, combination, combination_kwargs, [base.shape for base in bases])
        found = self.combination.forward(*(np.ones((1, *base.shape), base.dtype) for base in bases))  # bases that do not fit
        if np.ndim(found) == 0 or len(found) != 1:
            made = "None" if found is None else np.shape(found)
            raise ValueError(f"{name}: combination makes {made} of one row; allowed: one row of each base, into one")
        super().__init__(max_id, same_shape(name, shape, found.shape[1:]), children, compat=compat, rng=rng, **options)
        self.choices["combination"] = (combination, combination_kwargs)

    def _unique_unless_told(self):
        return all(base.unique for base in self.base) if self.compat else super()._unique_unless_told()

    @property
    def base(self):
        """The representations that are put together."""
        return tuple(self.children.values())

    def table_lookup(self, ids) -> Lookup:
        """Put together what the bases say of these ids."""
        looked = [self.below(base, ids) for base in self.base]
        rows = [one.output for one in looked]

        def pull(grad_output=None, grad_term=0.0):
            drows = [None] * len(rows) if grad_output is None else self.combination.vjp(grad_output, *rows)
            return [pair for one, d in zip(looked, drows, strict=True) for pair in one.pull(d, grad_term)]

        def penalty():
            return sum((one.penalty() for one in looked[1:]), start=looked[0].penalty())

        return Lookup(self.combination.forward(*rows), penalty, pull)


def _pairs(function, base, base_kwargs):
    """A base and its options, for each of the bases."""
    given = {"base": base, "base_kwargs": base_kwargs}
    sizes = {name: len(value) for name, value in given.items() if isinstance(value, (list, tuple))}
    if not sizes or 0 in sizes.values() or len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} has {n}" for name, n in sizes.items()) or "neither base nor base_kwargs is a list"
        raise ValueError(f"{function}: {found}; allowed: a list of bases, or of the options of each, or two of one length")
    n = next(iter(sizes.values()))
    bases = base if "base" in sizes else [base] * n
    if isinstance(base, Passes):
        raise ValueError(f"{function}: base is a single representation; allowed: a list of them")
    return list(zip(bases, base_kwargs if "base_kwargs" in sizes else [base_kwargs] * n, strict=True))


def _chosen(function, choice, options, shapes):
    """The combination as an Op of rows, with axes that count from the last."""
    options = check.keywords(function, "combination_kwargs", options)
    choice = "concat" if choice is None else choice
    if isinstance(choice, str):
        op = COMBINATIONS[resolve(COMBINATIONS, choice, function=function, argument="combination")]
        check.options(function, "combination_kwargs", options, op.forward)
        if "dim" in options:
            ndim = 1 + len(shapes[0])
            (axis,) = check.axes(function, "combination_kwargs['dim']", options["dim"], ndim)
            if axis == 0:
                found = f"combination_kwargs['dim'] = {options['dim']} is the axis of the ids"
                raise ValueError(f"{function}: {found}; allowed: an axis of the row")
            options["dim"] = axis - ndim
        elif op is COMBINATIONS["concat"] and not all(shapes):
            raise ValueError(f"{function}: rows of shape () have no axis to be put side by side along; allowed: one axis or more")
    elif isinstance(choice, tuple) and len(choice) == 2 and all(map(callable, choice)):
        op = Op(*choice)
    else:
        found = type(choice).__name__
        raise TypeError(f"{function}: combination is a {found}; allowed: a name, or a pair (function, vjp)")
    return op.bind(**options)
