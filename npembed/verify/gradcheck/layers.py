"""Check what a layer pulls back, and tell what is wrong from what is intentionally not the gradient."""

import copy
from typing import NamedTuple

import numpy as np

from ... import check
from ...numerics.random import generator
from .calls import Pair, Refuted, draw_cotangent
from .differences import GradientError, check_vjp


class LayerReport(NamedTuple):
    """What `check_layer` found: as `Report`, and which options make the layer's gradient another one, on purpose."""

    checked: int
    kinks: int
    worst: float
    intentional: tuple


class _Pair(NamedTuple):
    forward: object
    vjp: object


@check.public
def check_layer(layer, indices, *, rng=0, kinks="raise", entries=None):
    """Check the gradient of a layer's table against differences of its forward pass, dropout left out.

    torch's ``padding_idx``, ``scale_grad_by_freq`` and ``max_norm`` make what a layer pulls back something else than the gradient of what
    it looks up, on purpose. Where they are in force, the gradient of the same layer without them is checked, and then that the
    layer's own is what they make of it: nothing for the padding, the others divided by how often they were looked up.

    Parameters
    ----------
    layer : Embedding of float64 or complex128; it is left as it is
    indices : integers of any shape
    rng, kinks, entries
        As in `check_vjp`.

    Returns
    -------
    LayerReport

    Raises
    ------
    GradientError
        For a gradient that is neither.

    Examples
    --------
    >>> from npembed import Embedding
    >>> check_layer(Embedding(3, 2, dtype="float64", padding_idx=0, rng=0), [0, 2]).intentional
    ('padding_idx',)
    """
    plain = copy.deepcopy(layer).eval()
    plain.rows(np.unique(indices))  # as the lookup would leave the table, if max_norm shortens rows
    plain.padding_idx, plain.max_norm, plain.scale_grad_by_freq = None, None, False

    def forward(weight):
        return _with(plain, weight).forward(indices)

    def vjp(g, weight):
        return _with(plain, weight).vjp(indices)[1](g)

    vjp.__name__ = f"{type(layer).__name__}.backward"
    report = check_vjp(_Pair(forward, vjp), plain.weight.copy(), rng=rng, kinks=kinks, entries=entries)
    own = copy.deepcopy(layer).eval()

    def forward_of_its_own(weight, indices):
        own.restore(weight)
        return own.forward(indices)

    def vjp_of_its_own(g, weight, indices):
        own.restore(weight)
        return own.vjp(indices)[1](g)

    vjp_of_its_own.__name__, forward_of_its_own.__name__ = vjp.__name__, f"{type(layer).__name__}.forward"
    pair = Pair("check_layer", forward_of_its_own, vjp_of_its_own, (plain.weight.copy(), np.array(indices)), {})
    try:
        out = pair.result()
        g = draw_cotangent(generator(rng), out)
        (found,) = pair.examined(out, g)
    except Refuted as refuted:
        raise GradientError(f"{vjp.__name__}: {refuted}") from None
    expected = vjp(g, plain.weight).to_dense()
    if layer.scale_grad_by_freq:
        counts = np.bincount(np.ravel(indices), minlength=layer.max_id)
        expected /= np.maximum(counts, 1).reshape(-1, *[1] * len(layer.shape))
    if layer.padding_idx is not None:
        expected[layer.padding_idx] = 0
    bound = 1e-12 * np.abs(expected).max(initial=1.0)
    wrong = np.argwhere(~(np.abs(found - expected) <= bound))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        said = ", ".join(layer.not_the_gradient)
        raise GradientError(
            f"{vjp.__name__}: dweight{list(place)} = {found[place]:.9g}, but {said} would make it {expected[place]:.9g}"
        )
    return LayerReport(report.checked, report.kinks, report.worst, layer.not_the_gradient)


def _with(layer, weight):
    """A copy of the layer with that table."""
    layer = copy.deepcopy(layer)
    layer.restore(weight)
    return layer
