"""The first rows of another representation."""

from ... import check
from ...numerics.random import generator
from .. import Lookup
from .make import make
from .representation import Representation, passed_on, same_shape


@check.public
class SubsetRepresentation(Representation):
    """The first `max_id` rows of a base, such as the one that two models share.

    All that the base does to its rows it does here too: its normalizer, its dropout, and what its regularizer charges. (PyKEEN's
    goes around these, and takes ids that are not in the subset; ``compat="pykeen"`` goes around them, but still checks its ids.)

    Parameters
    ----------
    max_id : int, at most that of the base
    shape : that of the base, or None
    base : representation, name, or None for an `Embedding`
    base_kwargs : dict, options of a base that is not made yet
    compat, rng, options : as in `Representation`

    References
    ----------
    pykeen.nn.representation.SubsetRepresentation (1.11.1).

    Examples
    --------
    >>> from npembed import Embedding
    >>> import numpy as np
    >>> subset = SubsetRepresentation(2, base=Embedding(3, 2, initializer=np.array([[3, 4], [0, 2], [1, 1]], "f4"), normalizer="normalize"))
    >>> subset().tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 1.0]]
    """

    def __init__(self, max_id, shape=None, base=None, base_kwargs=None, *, compat=None, rng=None, **options):
        name, rng, options = type(self).__name__, generator(rng), passed_on(type(self), options)
        max_id = check.integer(name, "max_id", max_id, minimum=0)
        base = make(base, base_kwargs, function=name, argument="base", rng=rng, compat=compat)
        if max_id > base.max_id:
            raise ValueError(f"{name}: max_id = {max_id} is more than the base has; allowed: 0..{base.max_id}")
        super().__init__(max_id, same_shape(name, shape, base.shape), {"base": base}, compat=compat, rng=rng, **options)

    @property
    def base(self):
        """The representation that it shows a part of."""
        return self.children["base"]

    def table_lookup(self, ids) -> Lookup:
        """What the base says of these ids."""
        return self.below(self.base, ids)
