"""PyKEEN: the embedding layer and what is made of it."""

import functools

import numpy as np

from .... import layers as layer
from ....embedding.bags import embedding_bag
from ....layers import representations
from ..finding import Finding, Raises

_found = functools.partial(Finding, "pykeen", ("1.11.1", "1.11.1"))


def _rows(rows, **options):
    return layer.Embedding(weight=np.array(rows, np.float32), **options)


def normalized_by_shape():
    """a normalized row depends on the shape of the ids: in two dimensions each number becomes one"""
    import torch
    from pykeen.nn import Embedding

    embedding = Embedding(max_id=1, shape=2, normalizer="normalize")
    embedding._embeddings.weight.data = torch.tensor([[3.0, 4.0]])
    return embedding(torch.tensor([[0]])).tolist()


def softmax_by_shape():
    """a softmax over a row depends on the shape of the ids: in two dimensions each number becomes one"""
    import torch
    from pykeen.nn import Embedding

    embedding = Embedding(max_id=1, shape=2, normalizer="softmax")
    embedding._embeddings.weight.data = torch.tensor([[3.0, 3.0]])
    return embedding(torch.tensor([[0]])).tolist()


def torchs_options():
    """the layer that is said to have torch's interface has none of its options"""
    import torch
    from pykeen.nn import Embedding

    return list(Embedding(max_id=3, shape=2, padding_idx=0)(torch.tensor([1])).shape)


def not_initialized():
    """a layer is filled as its initializer says only once reset_parameters is called"""
    from pykeen.nn import Embedding

    return bool((Embedding(max_id=2, shape=2, initializer="zeros")(None) == 0).all())


def aliased():
    """training a pretrained layer overwrites the array that it was made from"""
    import torch
    from pykeen.nn import Embedding

    mine = torch.ones(1, 2)
    embedding = Embedding.from_pretrained(mine, trainable=True)
    embedding.reset_parameters()
    embedding(None).sum().backward()
    torch.optim.SGD(embedding.parameters(), lr=1.0).step()
    return mine.tolist()


def _aliased():
    mine = np.ones((1, 2), np.float32)
    embedding = layer.Embedding.from_pretrained(mine, trainable=True)
    embedding.weight -= 1
    return mine.tolist()


def complex_pretrained():
    """complex pretrained rows are refused"""
    import torch
    from pykeen.nn import Embedding

    embedding = Embedding.from_pretrained(torch.tensor([[1 + 2j]]), dtype=torch.complex64)
    embedding.reset_parameters()
    return torch.view_as_real(embedding(None)).tolist()


def imaginary_part():
    """complex pretrained rows lose their imaginary part if no dtype is given"""
    import torch
    from pykeen.nn import Embedding

    embedding = Embedding.from_pretrained(torch.tensor([[1 + 2j]]))
    embedding.reset_parameters()
    return embedding(None).is_complex()


def _complex_pretrained():
    return layer.Embedding.from_pretrained(np.array([[1 + 2j]], np.complex64))()


def frozen_is_changed():
    """a frozen table is changed by its constrainer"""
    import torch
    from pykeen.nn import Embedding

    embedding = Embedding(max_id=1, shape=2, constrainer="normalize", trainable=False)
    embedding._embeddings.weight.data = torch.tensor([[3.0, 4.0]])
    embedding.post_parameter_update()
    return embedding(None).tolist()


def _frozen():
    embedding = layer.Embedding(1, 2, constrainer="normalize")
    embedding.weight = np.array([[3.0, 4.0]], np.float32)
    embedding.trainable = False
    embedding.post_parameter_update()
    return embedding.weight.tolist()


def options_not_shown():
    """the text of a layer shows none of its options"""
    from pykeen.nn import Embedding

    return "constrainer" in repr(Embedding(max_id=3, shape=2, constrainer="normalize"))


def complex_dropout():
    """dropout is refused for complex rows"""
    import torch
    from pykeen.nn import Embedding

    return list(Embedding(max_id=1, shape=2, dtype=torch.complex64, dropout=0.5)(None).shape)


def low_rank():
    """a low-rank approximation has a row for each base, not for each entity"""
    import torch
    from pykeen.nn import Embedding
    from pykeen.nn.representation import LowRankRepresentation

    embedding = Embedding(max_id=10, shape=4)
    embedding._embeddings.weight.data = torch.arange(40.0).reshape(10, 4)
    return list(LowRankRepresentation.approximate(embedding, num_bases=3)(None).shape)


def empty_bag():
    """an empty bag is refused"""
    import torch
    from pykeen.nn.representation import EmbeddingBagRepresentation

    bags = EmbeddingBagRepresentation(torch.tensor([[0, 0], [2, 0]]), shape=2, max_id=3, mode="sum")
    return bags(torch.tensor([1])).tolist()


def subset():
    """a subset of a layer leaves out its normalizer"""
    import torch
    from pykeen.nn import Embedding
    from pykeen.nn.representation import SubsetRepresentation

    embedding = Embedding(max_id=2, shape=2, normalizer="normalize")
    embedding._embeddings.weight.data = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    return SubsetRepresentation(max_id=1, base=embedding)(torch.tensor([0])).tolist()


def _subset(i):
    base = layer.Embedding(weight=np.array([[3.0, 4.0], [1.0, 0.0]]), normalizer="normalize")
    return representations.SubsetRepresentation(1, base=base)([i]).tolist()


def outside_the_subset():
    """a subset of a layer gives rows that are not in it"""
    import torch
    from pykeen.nn import Embedding
    from pykeen.nn.representation import SubsetRepresentation

    embedding = Embedding(max_id=2, shape=2)
    embedding._embeddings.weight.data = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    return SubsetRepresentation(max_id=1, base=embedding)(torch.tensor([1])).tolist()


LAYERS = (
    _found("P1", low_rank, [3, 4], [10, 4],
           "The approximation stands in the place of the base, which has ten rows.", "pykeen#1509 (brought it)",
           lambda: list(representations.LowRankRepresentation.approximate(layer.Embedding(10, 4), num_bases=3)().shape)),
    _found("P2", normalized_by_shape, [[[1.0, 1.0]]], [[[0.6, 0.8]]],
           "Row 0 is (3, 4), of norm 5, however its id is asked for. PyKEEN normalizes along axis 1, which is not the row's here.",
           ours=lambda: _rows([[3.0, 4.0]], normalizer="normalize")([[0]]).tolist(), rtol=1e-6),
    _found("P2b", softmax_by_shape, [[[1.0, 1.0]]], [[[0.5, 0.5]]],
           "The softmax of two equal numbers is a half each; its numbers add up to one.",
           ours=lambda: _rows([[3.0, 3.0]], normalizer="softmax")([[0]]).tolist(), rtol=1e-6),
    _found("P3", empty_bag, Raises(("IndexError",)), [[0.0, 0.0]], "The sum over nothing is zero.",
           ours=lambda: embedding_bag(np.ones((1, 2)), [0, 0], [0, 1, 1], mode="sum")[1:2].tolist()),
    _found("P15", aliased, [[0.0, 0.0]], [[1.0, 1.0]], "The array is the caller's, who has not asked for it to be trained.", ours=_aliased),
    _found("P16", subset, [[3.0, 4.0]], [[0.6, 0.8]], "Row 0 of the layer is (3, 4) / 5 by its normalizer, also as row 0 of a subset.",
           ours=lambda: _subset(0), rtol=1e-6),
    _found("P16b", outside_the_subset, [[1.0, 0.0]], Raises(("ValueError", "IndexError")), "The subset has one row, so that 1 is no id.",
           ours=lambda: _subset(1)),
    _found("P17", complex_dropout, Raises(("NotImplementedError",)), [1, 2], "A number is dropped or scaled, complex or not.",
           ours=lambda: list(layer.Embedding(1, 2, dtype=np.complex64, dropout=0.5, rng=0)().shape)),
    _found("P25", torchs_options, Raises(("TypeError",)), [1, 2], "torch's layer has padding_idx, and looks up one row of two numbers.",
           ours=lambda: list(layer.Embedding(3, 2, padding_idx=0)([1]).shape)),
    _found("P26", not_initialized, False, True, "The initializer asked for is zeros. Until a reset there are normal numbers.", "pykeen#640",
           lambda: bool((layer.Embedding(2, 2, initializer="zeros")() == 0).all())),
    _found("P27", complex_pretrained, Raises(("ValueError",)), [[[1.0, 2.0]]], "The row given is 1 + 2i.", "pykeen#1361",
           lambda: _complex_pretrained().view(np.float32)[None].tolist()),
    _found("P27b", imaginary_part, False, True, "The row given is 1 + 2i.", "pykeen#1361",
           lambda: bool(np.iscomplexobj(_complex_pretrained()))),
    _found("P28", frozen_is_changed, [[0.6, 0.8]], [[3.0, 4.0]], "A frozen table stays as it was given.", "pykeen#640", _frozen, 1e-6),
    _found("P31", options_not_shown, False, True, "PyKEEN has a method that adds the options to the text; it is shadowed by torch's.",
           ours=lambda: "constrainer" in repr(layer.Embedding(3, 2, constrainer="normalize"))),
)  # fmt: skip
