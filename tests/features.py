"""What PyKEEN, torch and npembed can do, feature by feature: claims, and for each a probe that shows it.

As a script it prints the table that stands in the README. `test_features` probes npembed and compares the README's table;
`test_parity_features` probes the peers that are installed.
"""

import contextlib
from typing import NamedTuple

import numpy as np


class Feature(NamedTuple):
    """A feature; what is claimed of PyKEEN's and of torch's layer (None: the question does not arise); and its probes' name."""

    text: str
    pykeen: bool | None
    torch: bool | None
    probe: str


FEATURES = [
    Feature("rows of any shape", True, False, "shapes"),
    Feature("complex rows, with their gradient", True, False, "complex_rows"),
    Feature("float16 rows whose gradients add up: 4096 ones to 4096", False, False, "half_sums"),
    Feature("initializers by name", True, False, "initializers"),
    Feature("the same numbers as torch and PyKEEN from a seed, without them", None, None, "replay"),
    Feature("pretrained rows are copied, not shared", False, False, "copies"),
    Feature("a frozen table stays as it is, whatever is called", False, None, "frozen"),
    Feature("constrainer after each update", True, False, "constrainer"),
    Feature("no row beyond the bound after `clamp_norm`", False, None, "exact_bound"),
    Feature("normalizer in the forward pass", True, False, "normalizer"),
    Feature("a normalized row is the same for any shape of the ids", False, None, "one_vector"),
    Feature("regularizer, in the precision of the table", False, None, "regularizer"),
    Feature("dropout", True, False, "dropout"),
    Feature("dropout on complex rows", False, None, "complex_dropout"),
    Feature("`padding_idx`, `max_norm`, `scale_grad_by_freq`, `sparse`", False, True, "torch_options"),
    Feature("rows end on `max_norm`, not 1e-7 short of it", None, False, "exact_max_norm"),
    Feature("a bad id leaves the table as it was, also with `max_norm`", None, False, "missing_rows"),
    Feature("a bad id is named, with its place", False, False, "named_id"),
    Feature("sums, means and maxima of bags", True, True, "bags"),
    Feature("a bag that is empty", False, True, "empty_bags"),
    Feature("bags end alike in every mode where the last offset is short", None, False, "short_offsets"),
    Feature("rows of a subset go through what its base does to them", False, None, "subset"),
    Feature("`LowRankRepresentation.approximate` approximates", False, None, "low_rank"),
    Feature("gradients with each touched row once", False, False, "row_sparse"),
    Feature("momentum that leaves untouched rows alone, as an option", False, False, "lazy_momentum"),
    Feature("clipping the norm of sparse gradients", None, False, "sparse_clipping"),
    Feature("Monte-Carlo dropout", True, False, "uncertain"),
    Feature("the exact law of a score under dropout", False, False, "law"),
    Feature("the gradient can be called for itself, forward and backward as functions", False, False, "functions"),
    Feature("state interchangeable with PyKEEN's and torch's", True, True, "state"),
]


class NotThereError(Exception):
    """A probe's way to say no."""


def claim(found):
    """Raise unless `found`."""
    if not found:
        raise NotThereError


# ---- npembed


def here():
    """The probes of npembed by name."""
    import npembed
    from npembed import Embedding, EmbeddingBag
    from npembed.embedding.optimizers import OPTIMIZERS, clip_grad_norm
    from npembed.embedding.row_maps import clamp_norm
    from npembed.embedding.rows import RowSparse, gather_vjp
    from npembed.kge.datasets import Nations
    from npembed.kge.models import distmult
    from npembed.kge.uncertainty import predict_hrt_uncertain, score_law
    from npembed.layers.representations import LowRankRepresentation, SubsetRepresentation

    nations = Nations().training
    rows = np.array([[3.0, 4.0], [0.3, 0.4]])
    sparse = RowSparse(np.array([1]), np.ones((1, 2)), 2)

    def shapes():
        claim(Embedding(3, shape=(2, 4))([0, 1]).shape == (2, 2, 4))

    def complex_rows():
        layer = Embedding(3, 2, dtype=complex)
        claim(layer.backward(layer([0]) * 1j).dtype == complex)

    def half_sums():
        layer = Embedding(1, 1, dtype="float16")
        layer([0] * 4096)
        claim(layer.backward(np.ones((4096, 1), np.float16)).values.item() == 4096)

    def initializers():
        columns = Embedding(3, 2, initializer="orthogonal", rng=0)()
        claim(np.allclose(columns.T @ columns, np.eye(2), atol=1e-6))

    def replay():
        claim(abs(Embedding(1, 1, rng=0).weight.item() - 1.5409960746765137) < 1e-9)  # torch.manual_seed(0); torch.randn(1)

    def copies():
        mine = rows.copy()
        Embedding.from_pretrained(mine, trainable=True).weight[...] = 0
        claim(mine.all())

    def frozen():
        layer = Embedding.from_pretrained(rows, constrainer="normalize")
        before = layer.weight.copy()
        layer.post_parameter_update()
        claim((layer.weight == before).all())

    def constrainer():
        layer = Embedding(3, 2, constrainer="normalize", dtype=float)
        layer.weight = np.array([[3.0, 4.0]] * 3)
        layer.post_parameter_update()
        claim(np.allclose(layer.weight, [0.6, 0.8]))

    def exact_bound():
        x = np.random.default_rng(0).normal(size=(1000, 7)).astype(np.float32) * 9
        lengths = np.sqrt((clamp_norm(x, maxnorm=1.0).astype(np.longdouble) ** 2).sum(axis=1))
        claim((lengths <= 1).all())

    def normalizer():
        claim(np.allclose(Embedding(weight=rows, normalizer="normalize")([0]), [0.6, 0.8]))

    def one_vector():
        layer = Embedding(weight=rows, normalizer="normalize")
        claim(np.allclose(layer([[0]])[0], layer([0])))

    def regularizer():
        layer = Embedding(weight=rows, regularizer="lp")
        layer([0, 1])
        claim(layer.pop_regularization_term().dtype == np.float64)

    def dropout():
        claim((Embedding(100, 2, dropout=0.5, initializer="ones")() == 0).any())

    def complex_dropout():
        claim((Embedding(100, 2, dropout=0.5, initializer="ones", dtype=complex)() == 0).any())

    def torch_options():
        Embedding(3, 2, padding_idx=0, max_norm=1.0, scale_grad_by_freq=True)
        claim(Embedding(3, 2, sparse=True).sparse)

    def exact_max_norm():
        claim(abs(np.linalg.norm(Embedding(weight=rows, max_norm=1.0)([0])) - 1) < 1e-15)

    def missing_rows():
        layer = Embedding(weight=rows, max_norm=1.0)
        with contextlib.suppress(IndexError):
            layer([0, 9])
        claim((layer.weight == rows).all())

    def named_id():
        try:
            Embedding(3, 2)([0, 9])
        except IndexError as error:
            claim("indices[1] = 9" in str(error))

    def bags():
        claim(EmbeddingBag.from_pretrained(rows, mode="max")([[0, 1]]).tolist() == [[3.0, 4.0]])

    def empty_bags():
        claim(EmbeddingBag.from_pretrained(rows, mode="sum")([0], offsets=[0, 0]).tolist() == [[0.0, 0.0], [3.0, 4.0]])

    def short_offsets():
        found = {
            mode: EmbeddingBag.from_pretrained(rows, mode=mode, include_last_offset=True)(
                np.array([1, 0]), np.array([0, 1])
            ).tolist()
            for mode in ("sum", "mean", "max")
        }
        claim(all(value == [[0.3, 0.4]] for value in found.values()))

    def subset():
        base = Embedding(weight=rows, normalizer="normalize")
        claim(np.allclose(SubsetRepresentation(1, base=base)([0]), [0.6, 0.8]))

    def low_rank():
        exact = Embedding(weight=np.outer(np.arange(1.0, 6), np.arange(1.0, 5)))
        claim(np.allclose(LowRankRepresentation.approximate(exact, num_bases=1)(), exact()))

    def row_sparse():
        claim(gather_vjp(np.ones((3, 2)), rows, [1, 1, 1]).rows.tolist() == [1])

    def lazy_momentum():
        table, sgd = rows.copy(), OPTIMIZERS["sgd"]
        state = sgd.state(table)
        for gradient in (sparse, RowSparse(np.array([0]), np.ones((1, 2)), 2)):
            before = table.copy()
            sgd.step_(table, gradient, lr=0.1, momentum=0.9, state=state, missing_rows="lazy")
        claim((table[1] == before[1]).all())

    def sparse_clipping():
        claim(abs(clip_grad_norm([sparse], 1.0)[1] - np.sqrt(2)) < 1e-15)

    def uncertain():
        claim(predict_hrt_uncertain(distmult(nations, 4, entity_dropout=0.5), [[0, 1, 0]]).uncertainty.shape == (1, 1))

    def law():
        claim(len(score_law(distmult(nations, 3, entity_dropout=0.5), (0, 1, 0)).values) == 8)

    def functions():
        out, pullback = Embedding(weight=rows).vjp([0])
        claim(pullback(out).rows.tolist() == [0])

    def state():
        layer = Embedding(weight=rows)
        layer.load_state_dict({"weight": rows * 2})
        claim((layer.state_dict()["_embeddings.weight"] == rows * 2).all())
        claim(npembed.load is not None)

    return _named(locals())


def _named(found):
    return {name: value for name, value in found.items() if name in {feature.probe for feature in FEATURES}}


# ---- the peers


def pykeen_probes():
    """The probes of PyKEEN's `Embedding` by name."""
    import pykeen.nn.init
    import torch
    from pykeen.nn import Embedding
    from pykeen.nn.representation import EmbeddingBagRepresentation, LowRankRepresentation, SubsetRepresentation
    from pykeen.utils import clamp_norm as pykeen_clamp_norm

    def made(n=3, shape=2, weight=None, **options):
        layer = Embedding(max_id=n, shape=shape, **options)
        layer.reset_parameters()
        if weight is not None:
            layer._embeddings.weight.data = torch.tensor(weight, dtype=torch.float32)
        return layer

    ids, rows = torch.tensor([0, 1]), [[3.0, 4.0], [0.3, 0.4], [1.0, 0.0]]

    def shapes():
        claim(made(shape=(2, 4))(ids).shape == (2, 2, 4))

    def complex_rows():
        layer = made(dtype=torch.complex64)
        layer(ids).abs().sum().backward()
        claim(layer._embeddings.weight.grad is not None)

    def half_sums():
        layer = made(1, 1, dtype=torch.float16)
        layer(torch.zeros(4096, dtype=torch.int64)).sum().backward()
        claim(layer._embeddings.weight.grad.item() == 4096)

    def initializers():
        made(initializer="orthogonal")

    def copies():
        mine = torch.ones(3, 2)
        layer = Embedding.from_pretrained(mine, trainable=True)
        layer.reset_parameters()
        layer._embeddings.weight.data[...] = 0
        claim(mine.all())

    def frozen():
        layer = Embedding.from_pretrained(torch.tensor(rows), constrainer="normalize")
        layer.reset_parameters()
        before = layer._embeddings.weight.data.clone()
        layer.post_parameter_update()
        claim((layer._embeddings.weight.data == before).all())

    def constrainer():
        layer = made(weight=rows, constrainer="normalize")
        layer.post_parameter_update()
        claim(np.allclose(layer._embeddings.weight.data.numpy()[0], [0.6, 0.8]))

    def exact_bound():
        torch.manual_seed(0)
        x = pykeen_clamp_norm(torch.randn(1000, 7) * 9, maxnorm=1.0, p=2, dim=-1)
        claim((x.double().norm(dim=-1) <= 1).all())

    def normalizer():
        claim(np.allclose(made(weight=rows, normalizer="normalize")(ids).detach().numpy()[0], [0.6, 0.8]))

    def one_vector():
        layer = made(weight=rows, normalizer="normalize")
        claim(np.allclose(layer(ids[:, None])[0, 0].detach().numpy(), layer(ids)[0].detach().numpy()))

    def regularizer():
        layer = made(regularizer="lp", dtype=torch.float64)
        layer(ids)
        claim(layer.regularizer.pop_regularization_term().dtype == torch.float64)

    def dropout():
        claim((made(100, dropout=0.5, initializer="ones")(None) == 0).any())

    def complex_dropout():
        claim((made(100, dropout=0.5, dtype=torch.complex64)(None) == 0).any())

    def torch_options():
        made(padding_idx=0)

    def named_id():
        _names_id(lambda: made()(torch.tensor([0, 9])))

    def bags():
        claim(EmbeddingBagRepresentation(torch.tensor([[0, 0], [0, 1], [1, 0]]), shape=2)(torch.arange(2)).shape == (2, 2))

    def empty_bags():
        layer = EmbeddingBagRepresentation(torch.tensor([[0, 0], [0, 1], [2, 0]]), shape=2)
        claim(not layer(torch.arange(3))[1].any())

    def subset():
        found = SubsetRepresentation(max_id=1, base=made(weight=rows, normalizer="normalize"))(torch.tensor([0]))
        claim(np.allclose(found.detach().numpy(), [0.6, 0.8]))

    def low_rank():
        exact = made(5, 4)
        exact._embeddings.weight.data = torch.outer(torch.arange(1.0, 6), torch.arange(1.0, 5))
        claim(np.allclose(LowRankRepresentation.approximate(exact, num_bases=1)(None).detach(), exact(None).detach(), atol=1e-4))

    def row_sparse():
        layer = made()
        layer(torch.tensor([1, 1])).sum().backward()
        claim(layer._embeddings.weight.grad.is_sparse)

    def lazy_momentum():
        layer = made()
        _at_rest(layer, layer._embeddings.weight)

    def uncertain():
        import pykeen.models.uncertainty

        claim(callable(pykeen.models.uncertainty.predict_hrt_uncertain))

    def law():
        import pykeen.models.uncertainty

        claim(any("law" in name or "distribution" in name for name in dir(pykeen.models.uncertainty)))

    def functions():
        claim(any(name.endswith(("_vjp", "_backward")) for name in dir(pykeen.nn.init)) or hasattr(made(), "vjp"))

    def state():
        made().load_state_dict(made().state_dict())

    return _named(locals())


def torch_probes():
    """The probes of ``torch.nn.Embedding`` and ``EmbeddingBag`` by name."""
    import torch

    ids, rows = torch.tensor([0, 1]), torch.tensor([[3.0, 4.0], [0.3, 0.4]])

    def shapes():
        claim(torch.nn.Embedding(3, (2, 4))(ids).shape == (2, 2, 4))

    def complex_rows():
        layer = torch.nn.Embedding(3, 2, dtype=torch.complex64)
        layer(ids).abs().sum().backward()

    def half_sums():
        layer = torch.nn.Embedding(1, 1, dtype=torch.float16)
        layer(torch.zeros(4096, dtype=torch.int64)).sum().backward()
        claim(layer.weight.grad.item() == 4096)

    def initializers():
        torch.nn.Embedding(3, 2, initializer="orthogonal")

    def copies():
        mine = rows.clone()
        torch.nn.Embedding.from_pretrained(mine, freeze=False).weight.data[...] = 0
        claim(mine.all())

    def constrainer():
        torch.nn.Embedding(3, 2, constrainer="normalize")

    def normalizer():
        torch.nn.Embedding(3, 2, normalizer="normalize")

    def dropout():
        torch.nn.Embedding(3, 2, dropout=0.5)

    def torch_options():
        torch.nn.Embedding(3, 2, padding_idx=0, max_norm=1.0, scale_grad_by_freq=True)

    def exact_max_norm():
        layer = torch.nn.Embedding.from_pretrained(rows.double(), max_norm=1.0)
        claim(abs(layer(ids)[0].norm() - 1) < 1e-15)

    def missing_rows():
        layer = torch.nn.Embedding.from_pretrained(rows.clone(), max_norm=1.0)
        with contextlib.suppress(IndexError):
            layer(torch.tensor([0, 9]))
        claim((layer.weight == rows).all())

    def named_id():
        _names_id(lambda: torch.nn.Embedding(3, 2)(torch.tensor([0, 9])))

    def bags():
        claim(torch.nn.EmbeddingBag.from_pretrained(rows, mode="max")(torch.tensor([[0, 1]])).tolist() == [[3.0, 4.0]])

    def empty_bags():
        claim(not torch.nn.EmbeddingBag.from_pretrained(rows, mode="sum")(ids[:1], torch.tensor([0, 0]))[0].any())

    def short_offsets():
        for mode in ("sum", "mean", "max"):
            layer = torch.nn.EmbeddingBag.from_pretrained(rows, mode=mode, include_last_offset=True)
            claim(np.allclose(layer(torch.tensor([1, 0]), torch.tensor([0, 1])).numpy(), [[0.3, 0.4]]))

    def row_sparse():
        layer = torch.nn.Embedding(3, 2, sparse=True)
        layer(torch.tensor([1, 1, 0])).sum().backward()
        claim(layer.weight.grad._indices().shape[1] == 2)

    def lazy_momentum():
        layer = torch.nn.Embedding(3, 2, sparse=True)
        _at_rest(layer, layer.weight)

    def sparse_clipping():
        layer = torch.nn.Embedding(3, 2, sparse=True)
        layer(torch.tensor([1, 1, 0])).sum().backward()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)

    def uncertain():
        claim(hasattr(torch.nn.Embedding(3, 2), "predict_uncertain"))

    law = uncertain

    def functions():
        claim(hasattr(torch.nn.Embedding(3, 2), "vjp"))

    def state():
        torch.nn.Embedding(3, 2).load_state_dict(torch.nn.Embedding(3, 2).state_dict())

    return _named(locals())


def _names_id(call):
    """Whether the error for a bad id says which."""
    try:
        call()
    except IndexError as error:
        claim("9" in str(error))


def _at_rest(layer, weight):
    """Whether momentum leaves a row alone that the second step does not touch."""
    import torch

    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    for row in (1, 0):
        before = weight.detach().clone()
        optimizer.zero_grad()
        layer(torch.tensor([row, row])).sum().backward()
        optimizer.step()
    claim((weight[1] == before[1]).all())


NO = (NotThereError, TypeError, NotImplementedError, RuntimeError, IndexError, ValueError)
"""What says no: the probe itself, an option or an operation that is not there, an id that is not found."""


def outcome(probe):
    """Whether a probe finds its feature."""
    try:
        probe()
    except NO:
        return False
    return True


# ---- the table

WORDS = {True: "yes", False: "no", None: ""}


def table():
    """The table in the README's words, in Markdown."""
    lines = ["| | PyKEEN 1.11.1 | torch 2.13 | npembed |", "| --- | --- | --- | --- |"]
    return "\n".join(lines + [f"| {f.text} | {WORDS[f.pykeen]} | {WORDS[f.torch]} | yes |" for f in FEATURES]) + "\n"


if __name__ == "__main__":
    print(table(), end="")
