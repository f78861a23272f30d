"""Bags against the torch that is installed: values, both gradients, max_norm, over the whole space of options.

Left out of the draws, each a finding with a case of its own below: scale_grad_by_freq (F16), offsets that end short (F17) or fall (T3),
two axes of which the second is empty (refused by torch).
"""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import TORCH_FLOAT32, TORCH_FLOAT64, TORCH_SHORT

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812

from npembed import EmbeddingBag  # noqa: E402
from npembed.embedding.bags import embedding_bag, embedding_bag_vjp  # noqa: E402
from npembed.embedding.max_norm import renorm_  # noqa: E402

NAN, INF = float("nan"), float("inf")
CLOSE = {np.float32: TORCH_FLOAT32, np.float64: TORCH_FLOAT64}
DTYPES = (np.float32, np.float64)
INTEGERS = (np.int32, np.int64)
MODES = ("sum", "mean", "max")


def tensor(array):
    return None if array is None else torch.from_numpy(np.array(array))


@st.composite
def calls(draw):
    """``dtype, table, ids, offsets, weights, g``, and the options that both have."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype, mode = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(MODES))
    n, width = draw(st.integers(1, 6)), draw(st.sampled_from((1, 2, 7, 8, 16, 33)))
    table = naive.rows(rng, (n, width), dtype)
    if draw(st.booleans()):
        table = np.round(table)  # ties
    options = {"mode": mode, "padding_idx": draw(st.none() | st.integers(-n, n - 1)), "include_last_offset": draw(st.booleans())}
    whole = draw(st.sampled_from(INTEGERS))
    if draw(st.booleans()):
        shape = draw(st.integers(0, 5)), draw(st.integers(1, 20))
        ids, offsets, count = rng.integers(0, n, shape).astype(whole), None, shape[0]
    else:
        ids = rng.integers(0, n, draw(st.integers(0, 40))).astype(whole)
        offsets = np.sort(rng.integers(0, ids.size + 1, draw(st.integers(1, 6)))).astype(whole)
        offsets[0] = 0
        offsets = np.append(offsets, ids.size).astype(whole) if options["include_last_offset"] else offsets
        count = len(offsets) - options["include_last_offset"]
    weights = naive.rows(rng, ids.shape, dtype) if mode == "sum" and draw(st.booleans()) else None
    return dtype, table, ids, offsets, weights, naive.rows(rng, (count, width), dtype), options


@given(call=calls(), sparse=st.booleans())
def test_values_and_gradients(call, sparse):
    dtype, table, ids, offsets, weights, g, options = call
    theirs = tensor(table).requires_grad_()
    w = None if weights is None else tensor(weights).requires_grad_()
    expected = F.embedding_bag(
        tensor(ids), theirs, tensor(offsets), per_sample_weights=w, sparse=sparse and options["mode"] != "max", **options
    )
    found = embedding_bag(table, ids, offsets, weights, **options)
    assert found.dtype == dtype
    if weights is None:
        np.testing.assert_array_equal(found, expected.detach().numpy())  # to the bit: one order of summation
    else:
        np.testing.assert_allclose(found, expected.detach().numpy(), **CLOSE[dtype])  # torch fuses the product with the sum
    expected.backward(tensor(g))
    d = embedding_bag_vjp(g, table, ids, offsets, weights, **options)
    d, dweights = (d, None) if weights is None else d
    np.testing.assert_allclose(d.to_dense(), theirs.grad.to_dense().numpy(), **CLOSE[dtype])
    if weights is not None:
        np.testing.assert_allclose(dweights, w.grad.numpy(), **CLOSE[dtype])


@given(call=calls(), rule=st.sampled_from(((1.0, 2.0), (0.5, 1.0), (2.0, INF), (1.5, 3.0), (0.0, 2.0), (1.2, 1.5))))
def test_max_norm_and_torchs_own_constant(call, rule):
    """Both layers over three calls, so that rows are shortened once and left alone then."""
    dtype, table, ids, offsets, weights, g, options = call
    max_norm, norm_type = rule
    about = {**options, "max_norm": max_norm, "norm_type": norm_type}
    theirs = torch.nn.EmbeddingBag.from_pretrained(tensor(table), freeze=False, **about)
    layer = EmbeddingBag.from_pretrained(table, freeze=False, compat="torch", **about)
    exact = EmbeddingBag.from_pretrained(table, freeze=False, **about)
    for _ in range(3):
        expected = theirs(tensor(ids), tensor(offsets), tensor(weights))
        found = layer(ids, offsets, weights)
        np.testing.assert_allclose(layer.weight, theirs.weight.detach().numpy(), **CLOSE[dtype])
        np.testing.assert_allclose(found, expected.detach().numpy(), **CLOSE[dtype])
        np.testing.assert_allclose(exact(ids, offsets, weights), found, **TORCH_SHORT)
        theirs.zero_grad()
        expected.backward(tensor(g))
        d = layer.backward(g)
        layer.zero_grad(), exact.zero_grad()
        if options["mode"] == "max":
            continue  # two rows that are equal before may differ by an ulp after, on either side
        d = d if weights is None else d[0]
        np.testing.assert_allclose(d.to_dense(), theirs.weight.grad.numpy(), **CLOSE[dtype])


@given(call=calls())
def test_the_right_count_is_that_of_embedding(call):
    """F16 the other way about: torch's own lookup has the right count; pooling it by autograd gives the gradient of a bag."""
    dtype, table, ids, offsets, weights, g, options = call
    options["padding_idx"] = None
    if options["mode"] == "max":
        return
    theirs = tensor(table).requires_grad_()
    rows = F.embedding(tensor(ids).reshape(-1), theirs, scale_grad_by_freq=True)
    rows = rows if weights is None else rows * tensor(weights).reshape(-1, 1)
    places = naive.bag_places(ids, offsets, offsets is not None and options["include_last_offset"])
    for b, bag in enumerate(places):
        if bag:
            out = rows[bag].sum(0) if options["mode"] == "sum" else rows[bag].mean(0)
            out.backward(tensor(g[b]), retain_graph=True)
    d = embedding_bag_vjp(g, table, ids, offsets, weights, scale_grad_by_freq=True, **options)
    d = d if weights is None else d[0]
    np.testing.assert_allclose(d.to_dense(), 0 if theirs.grad is None else theirs.grad.numpy(), **CLOSE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_t5_nan_in_a_maximum(dtype):
    """torch keeps a NaN only in the first place: under ``nan="torch"`` the same, values and gradients, for every draw."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        table = rng.choice([NAN, INF, -INF, 0.0, 1.0, -1.0], (5, 3)).astype(dtype)
        ids, g = rng.integers(0, 5, (2, rng.integers(1, 6))), naive.rows(rng, (2, 3), dtype)
        theirs = tensor(table).requires_grad_()
        expected = F.embedding_bag(tensor(ids), theirs, mode="max")
        np.testing.assert_array_equal(embedding_bag(table, ids, mode="max", nan="torch"), expected.detach().numpy())
        expected.backward(tensor(g))
        d = embedding_bag_vjp(g, table, ids, mode="max", nan="torch")
        np.testing.assert_allclose(d.to_dense(), theirs.grad.numpy(), **CLOSE[dtype])
    table = np.array([[1.0], [NAN]])
    assert F.embedding_bag(torch.tensor([[0, 1]]), tensor(table), mode="max").item() == 1.0
    assert np.isnan(F.embedding_bag(torch.tensor([[1, 0]]), tensor(table), mode="max").item())
    assert np.isnan(embedding_bag(table, [[0, 1], [1, 0]], mode="max")).all()


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, INF])
@pytest.mark.parametrize("dtype", DTYPES)
def test_renorm_as_torch_does(dtype, p):
    rng = np.random.default_rng(1)
    for max_norm in (0.0, 0.5, 2.0, 5.0):
        table, ids = naive.rows(rng, (8, 5), dtype), rng.integers(0, 8, 6)
        theirs = tensor(table)
        torch.embedding_renorm_(theirs, tensor(ids), max_norm, p)
        renorm_(table, ids, max_norm=max_norm, norm_type=p, compat="torch")
        np.testing.assert_allclose(table, theirs.numpy(), **CLOSE[dtype])


@pytest.mark.parametrize("shape", [(10, 3), (1, 1), (5, 17)])
def test_a_table_has_the_bits_of_torchs(shape):
    if not torch.__version__.startswith("2.13.") or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        return  # the stream is that of torch 2.13 on a processor with AVX2
    for seed in (0, 42, -7):
        for padding in (None, 0, -1):
            torch.manual_seed(seed)
            expected = torch.nn.EmbeddingBag(*shape, padding_idx=padding).weight.detach().numpy()
            np.testing.assert_array_equal(EmbeddingBag(*shape, padding_idx=padding, rng=seed).weight, expected)


# Findings: what the installed torch does where npembed does something else


TABLE = np.arange(8.0).reshape(4, 2)


def test_f16_torch_divides_by_the_wrong_count():
    """pytorch#190063: row 2 occurs once, and gets half of its gradient."""
    theirs = tensor(TABLE).requires_grad_()
    F.embedding_bag(torch.tensor([1, 1, 2]), theirs, torch.tensor([0]), mode="sum", scale_grad_by_freq=True).sum().backward()
    assert theirs.grad[:, 0].tolist() == [0.0, 1.0, 0.5, 0.0]
    d = embedding_bag_vjp(np.ones((1, 2)), TABLE, [1, 1, 2], [0], mode="sum", scale_grad_by_freq=True)
    assert d.to_dense()[:, 0].tolist() == [0.0, 1.0, 1.0, 0.0]


def test_f17_what_a_short_last_offset_means_in_torch():
    """pytorch#191965. In float32 the sum leaves the last id out, the mean leaves it out and counts it, the maximum takes it in; in
    float64 all three take it in. Its dense backward reads what is not there, and is not run."""
    said = {"float32": ([2.0, 3.0], [1.0, 1.5], [4.0, 5.0]), "float64": ([6.0, 8.0], [3.0, 4.0], [4.0, 5.0])}
    for dtype, expected in said.items():
        table = TABLE.astype(dtype)
        for mode, row in zip(MODES, expected, strict=True):
            ids, short = torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2])
            assert F.embedding_bag(ids, tensor(table), short, mode=mode, include_last_offset=True)[1].tolist() == row
            out = embedding_bag(table, [0, 1, 2], [0, 1, 2], mode=mode, include_last_offset=True)
            assert out.tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_t3_offsets_that_fall():
    """torch makes something up for a maximum; for a sum it may read other memory, so that it is not asked."""
    fall = torch.tensor([0, 3, 2])
    assert F.embedding_bag(torch.tensor([0, 1, 2]), tensor(TABLE), fall, mode="max").tolist() == [
        [2.0, 3.0],
        [4.0, 5.0],
        [0.0, 0.0],
    ]
    for mode in MODES:
        with pytest.raises(ValueError, match=r"^embedding_bag: offsets\[2\] = 2 follows 3"):
            embedding_bag(TABLE, [0, 1, 2], [0, 3, 2], mode=mode)


def test_t8_torch_writes_before_it_refuses():
    theirs, table = tensor(TABLE), TABLE.copy()
    with pytest.raises((IndexError, RuntimeError)):
        F.embedding_bag(torch.tensor([[3, 9]]), theirs, max_norm=1.0)
    moved = theirs[3].tolist() != TABLE[3].tolist()
    with pytest.raises(IndexError):
        renorm_(table, [3, 9], max_norm=1.0)
    assert table.tolist() == TABLE.tolist()
    assert moved


def test_what_torch_refuses_and_npembed_does_not():
    """Bags of no id each; complex tables; the maximum with a count, or exported sparse: all of them have a plain meaning."""
    with pytest.raises(RuntimeError, match="step must be nonzero"):
        F.embedding_bag(torch.zeros((2, 0), dtype=torch.long), tensor(TABLE))
    assert embedding_bag(TABLE, np.zeros((2, 0), int)).tolist() == [[0.0, 0.0]] * 2
    with pytest.raises(RuntimeError):
        F.embedding_bag(torch.tensor([[0, 1]]), tensor(TABLE + 1j))
    for option in ("sparse", "scale_grad_by_freq"):
        with pytest.raises(ValueError, match="max"):
            F.embedding_bag(torch.tensor([[0, 1]]), tensor(TABLE), mode="max", **{option: True})
        assert EmbeddingBag.from_pretrained(TABLE, mode="max", **{option: True})([[0, 1]]).tolist() == [[2.0, 3.0]]


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_complex_bags_are_those_of_the_parts(mode):
    """torch has no complex bags: their real view, with two numbers for each, says what they are."""
    rng = np.random.default_rng(2)
    table, ids, g = naive.rows(rng, (5, 3), complex), rng.integers(0, 5, (4, 6)), naive.rows(rng, (4, 3), complex)
    theirs = tensor(table.view(float)).requires_grad_()
    expected = F.embedding_bag(tensor(ids), theirs, mode=mode)
    np.testing.assert_array_equal(embedding_bag(table, ids, mode=mode).view(float), expected.detach().numpy())
    expected.backward(tensor(g.view(float)))
    d = embedding_bag_vjp(g, table, ids, mode=mode).to_dense()
    np.testing.assert_allclose(d.view(float), theirs.grad.numpy(), **TORCH_FLOAT64)


@pytest.mark.filterwarnings("ignore")
def test_f9_pykeens_bags_may_not_be_empty():
    representation = pytest.importorskip("pykeen.nn.representation")
    assignment = torch.tensor([[0, 0], [0, 1], [2, 1]])  # (bag, id): bag 1 is empty
    bags = representation.EmbeddingBagRepresentation(assignment=assignment, max_id=3, mode="sum", shape=(2,))
    with pytest.raises(IndexError):
        bags(torch.tensor([1]))
    assert embedding_bag(TABLE, [0, 1, 1], [0, 2, 2], mode="sum")[1].tolist() == [0.0, 0.0]
