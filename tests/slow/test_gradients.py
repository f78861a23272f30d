"""The loss of a batch and its gradients: LCWA, negatives that do not count, and what regularizers charge for."""

import naive
import numpy as np
import pytest
from recipes import bound, interactions
from tolerances import SAME_SCORE, SUMMED_IN_BLOCKS

import npembed.kge.batch
from npembed.embedding.regularizers import REGULARIZERS
from npembed.kge.batch import PAIRS, lcwa_loss_and_gradients, loss_and_gradients
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.losses import LCWA_LOSSES, LOSSES
from npembed.kge.score import NO_MASKS, score
from npembed.op import Op
from npembed.verify.gradcheck import check_vjp

COLUMNS = ("head", "relation", "tail")
POSITIVES = np.array([[0, 0, 4], [4, 1, 0], [2, 1, 2]])
NEGATIVES = np.array([[[1, 0, 4], [0, 0, 0]], [[4, 1, 3], [2, 1, 0]], [[2, 1, 4], [4, 1, 2]]])
KEEP = np.array([[True, False], [True, True], [False, True]])
GIVEN = {
    "head": np.array([[0, 4], [1, 1], [1, 1]]),
    "relation": np.array([[0, 4], [4, 0], [2, 2]]),
    "tail": np.array([[0, 0], [4, 1], [0, 1]]),
}
LP = REGULARIZERS["lp"]


def lcwa_losses():
    """Every loss of labels, as the function whose derivative its vjp is."""
    return {name: op.bind(detach=False) if name == "nssa" else op for name, op in LCWA_LOSSES.items()}


def losses():
    """Every loss of true and corrupted scores, likewise."""
    return {name: op.bind(detach=False) if name == "nssa" else op for name, op in LOSSES.items()}


def labels_for(rng, target, sizes=(5, 2, 5)):
    """Some true, some false, none of the rows all of one kind."""
    labels = (rng.random((3, sizes[COLUMNS.index(target)])) < 0.4).astype(float)
    labels[:, 0], labels[:, -1] = 1, 0
    return labels


def lcwa(rng, target, loss, interaction, dtype=float, normalizers=(None, None), regularizers=(None, None), dropout=False):
    """`lcwa_loss_and_gradients` as an Op on the two tables; its forward scores one triple after the other."""
    labels, pairs = labels_for(rng, target), GIVEN[target]
    masks = NO_MASKS
    if dropout:
        sizes = {"head": (5, 4), "relation": (2, 4), "tail": (5, 4)}
        masks = tuple(rng.choice([0.0, 2.0, 1.25], sizes[name] if name == target else (3, 1, 4)) for name in COLUMNS)
    settings = {"interaction": interaction, "entity_normalizer": normalizers[0], "relation_normalizer": normalizers[1]}

    def forward(*tables):
        scores = np.zeros(labels.shape)
        for row, column in np.ndindex(labels.shape):
            ids = dict(zip(PAIRS[target], pairs[row], strict=True)) | {target: column}
            mask = [
                m if m is None else m[column][None] if name == target else m[row] for name, m in zip(COLUMNS, masks, strict=True)
            ]
            scores[row, column] = score(*tables, *([ids[name]] for name in COLUMNS), masks=mask, **settings)[0]
        return loss.forward(scores, labels=labels) + charge(tables, [lookups(target, pairs)], normalizers, regularizers)

    def forward_vjp(g, *tables):
        value, *gradients = lcwa_loss_and_gradients(
            *tables, pairs, labels, loss=loss, target=target, masks=masks, regularizers=regularizers, **settings
        )
        np.testing.assert_allclose(value, forward(*tables), rtol=SAME_SCORE)
        return tuple(float(g) * gradient for gradient in gradients)

    return Op(forward, forward_vjp)


def lookups(target, pairs):
    """The ids that a batch of pairs looks up as heads, relations and tails, each candidate once."""
    ids = dict(zip(PAIRS[target], pairs.T, strict=True)) | {target: np.arange({"relation": 2}.get(target, 5))}
    return [ids[name] for name in COLUMNS]


def charge(tables, batches, normalizers, regularizers):
    """What regularizers charge for lookups of (h, r, t), one row after the other."""
    total = 0.0
    for hrt in batches:
        for side, ids in zip((0, 1, 0), hrt, strict=True):
            if regularizers[side] is not None:
                rows = tables[side][ids]
                rows = rows if normalizers[side] is None else normalizers[side].forward(rows)
                total += sum(regularizers[side].forward(row[None]) for row in rows) / len(rows)
    return total


# ---- LCWA


def test_lcwa_by_hand():
    """Three entities on a line, one question: a loss and gradients that one can add up."""
    entities, relations = np.array([[0.0], [1.0], [3.0]]), np.array([[2.0]])
    # scores of the tails: -|0+2-0| = -2, -|0+2-1| = -1 (true), -|0+2-3| = -1; with margin 1.5 the gaps are 0.5 and 1.5
    loss, dentities, drelations = lcwa_loss_and_gradients(
        entities, relations, [[0, 0]], np.array([[0, 1, 0]]), interaction=INTERACTIONS["transe"],
        loss=LCWA_LOSSES["margin_ranking"].bind(margin=1.5),
    )  # fmt: skip
    assert loss == 1.0
    # each false score is pushed by 1/2, the true one pulled by 1; a tail moves its score by the sign of h + r - t, the head by minus it
    assert dentities.to_dense().tolist() == [[0.5 + 1.0], [-1.0], [-0.5]]
    assert drelations.to_dense().tolist() == [[1.0]]


@pytest.mark.parametrize("target", PAIRS)
@pytest.mark.parametrize("loss", LCWA_LOSSES)
def test_gradient_of_lcwa(target, loss):
    """Every loss for every target, every interaction for every target, shared out; with normalizers, dropout and regularizers."""
    checked, turn = 0, list(LCWA_LOSSES).index(loss)
    for i, (interaction, options, dtype) in enumerate(interactions()):
        if i % len(LCWA_LOSSES) != turn:
            continue
        normalizers = [None, *dict(bound(dtype)).values()]
        rng = np.random.default_rng(i)
        op = lcwa(
            rng, target, lcwa_losses()[loss], INTERACTIONS[interaction].bind(**options), dtype,
            normalizers=(normalizers[i % len(normalizers)], normalizers[(i + 3) % len(normalizers)]),
            regularizers=(LP.bind(weight=0.3), LP.bind(weight=0.2, p=3)) if i % 3 == 1 else (None, None), dropout=i % 2 == 1,
        )  # fmt: skip
        report = check_vjp(op, naive.rows(rng, (5, 4), dtype), naive.rows(rng, (2, 4), dtype), rng=i, entries=3)
        assert report.kinks == 0
        checked += report.checked
    assert checked >= 12


@pytest.mark.parametrize("target", PAIRS)
def test_gradient_of_lcwa_entry_by_entry(target):
    """The same for all entries, once, with everything switched on."""
    assert check_lcwa(target) == 28


def check_lcwa(target, entries=None):
    """Check DistMult with normalizers, dropout and regularizers; how many entries of gradients that were."""
    rng = np.random.default_rng(8)
    normalizers = dict(bound(float))
    op = lcwa(
        rng, target, LCWA_LOSSES["softplus"], INTERACTIONS["distmult"], dropout=True,
        normalizers=(normalizers["normalize"], normalizers["softmax"]), regularizers=(LP.bind(weight=0.3), LP.bind(weight=0.2)),
    )  # fmt: skip
    return check_vjp(op, naive.rows(rng, (5, 4)), naive.rows(rng, (2, 4)), entries=entries).checked


@pytest.mark.parametrize("target", PAIRS)
@pytest.mark.parametrize("block", [1, 13, 24, 40])
def test_blocks_change_roundings_and_no_more(monkeypatch, target, block):
    """The scores and the loss keep their bits, and so do the gradients of the candidates' rows, each of which is in one block; a row
    that the pairs look up gets its sum over candidates in another order."""
    for interaction, dtype in (("transe", float), ("distmult", np.float32), ("complex", np.complex64), ("rotate", complex)):
        rng = np.random.default_rng(4)
        tables = naive.rows(rng, (5, 4), dtype), naive.rows(rng, (2, 4), dtype)
        sizes = {"head": (5, 4), "relation": (2, 4), "tail": (5, 4)}
        masks = tuple(
            rng.choice([0.0, 2.0, 1.25], sizes[name] if name == target else (3, 1, 4)).astype(tables[0].real.dtype)
            for name in COLUMNS
        )
        regularizers = LP.bind(weight=0.3), LP.bind(weight=0.2)
        about = {
            "loss": LCWA_LOSSES["softplus"],
            "interaction": INTERACTIONS[interaction],
            "masks": masks,
            "regularizers": regularizers,
        }
        batch = *tables, GIVEN[target], labels_for(rng, target)
        whole = lcwa_loss_and_gradients(*batch, target=target, **about)
        seen = []
        counting = Op(lambda *hrt, f=about["interaction"], seen=seen: seen.append(1) or f.forward(*hrt), about["interaction"].vjp)
        with monkeypatch.context() as patched:
            patched.setattr(npembed.kge.batch, "BLOCK", block)
            loss, *gradients = lcwa_loss_and_gradients(*batch, target=target, **{**about, "interaction": counting})
        size = max(1, block // 12)
        assert len(seen) == -(-len(batch[3][0]) // size)
        assert naive.same_bits(np.asarray(loss), np.asarray(whole[0]))
        for side, (gradient, expected) in enumerate(zip(gradients, whole[1:], strict=True)):
            a, b = gradient.to_dense(), expected.to_dense()
            np.testing.assert_allclose(a, b, rtol=0, atol=SUMMED_IN_BLOCKS * np.finfo(a.real.dtype).eps * np.abs(b).max())
            kept = {"relation": (1, [0, 1]), "head": (0, [0, 2, 3]), "tail": (0, [1, 2, 3])}[
                target
            ]  # in no pair as the same kind
            if side == kept[0]:
                assert naive.same_bits(a[kept[1]], b[kept[1]])


# ---- sLCWA: negatives that do not count


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_with_negatives_left_out(loss):
    """As a function of both tables, with dropout and regularizers; the forward scores and charges one triple after the other."""
    rng = np.random.default_rng(12)
    masks = tuple(tuple(rng.choice([0.0, 2.0], (n, 4)) for _ in range(3)) for n in (3, int(KEEP.sum())))
    regularizers = LP.bind(weight=0.3), LP.bind(weight=0.2)
    op = losses()[loss]
    for interaction, dtype in (("transe", float), ("distmult", float)):
        about = {"interaction": INTERACTIONS[interaction], "entity_normalizer": dict(bound(dtype))["normalize"]}

        def forward(*tables, about=about):
            true, false = np.zeros((3, 1)), np.zeros((3, 2))
            for i, (h, r, t) in enumerate(POSITIVES):
                true[i] = score(*tables, [h], [r], [t], masks=[m[i : i + 1] for m in masks[0]], **about)
            for j, place in enumerate(zip(*np.nonzero(KEEP), strict=True)):
                h, r, t = NEGATIVES[place]
                false[place] = score(*tables, [h], [r], [t], masks=[m[j : j + 1] for m in masks[1]], **about)[0]
            charged = charge(tables, [POSITIVES.T, NEGATIVES[KEEP].T], (about["entity_normalizer"], None), regularizers)
            return op.forward(true, false, mask=KEEP) + charged

        def forward_vjp(g, *tables, about=about, forward=forward):
            value, *gradients = loss_and_gradients(
                *tables, POSITIVES, NEGATIVES, loss=op, keep=KEEP, masks=masks, regularizers=regularizers, **about
            )
            np.testing.assert_allclose(value, forward(*tables), rtol=SAME_SCORE)
            return tuple(float(g) * gradient for gradient in gradients)

        report = check_vjp(Op(forward, forward_vjp), naive.rows(rng, (5, 4), dtype), naive.rows(rng, (2, 4), dtype))
        assert (report.checked, report.kinks) == (28, 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_negative_that_does_not_count_is_not_looked_up(loss):
    """Entity 1 stands in one that is left out alone: NaN there is not seen, and its row has no gradient."""
    rng = np.random.default_rng(2)
    entities, relations = naive.rows(rng, (5, 3)), naive.rows(rng, (2, 3))
    entities[1] = np.nan
    keep = ~(NEGATIVES[:, :, 0] == 1)
    assert keep.sum() == 5
    value, dentities, drelations = loss_and_gradients(
        entities, relations, POSITIVES, NEGATIVES, keep=keep, loss=LOSSES[loss], interaction=INTERACTIONS["distmult"],
        regularizers=(LP, LP),
    )  # fmt: skip
    assert np.isfinite(value)
    assert dentities.rows.tolist() == [0, 2, 3, 4]
    assert np.isfinite(dentities.values).all()
    assert np.isfinite(drelations.values).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_all_count_and_none_counts(loss):
    """With all kept the bits are those without `keep`; with none, corrupted triples ask nothing."""
    rng = np.random.default_rng(3)
    tables = naive.rows(rng, (5, 3)), naive.rows(rng, (2, 3))
    about = {"loss": LOSSES[loss], "interaction": INTERACTIONS["distmult"]}
    for a, b in zip(
        loss_and_gradients(*tables, POSITIVES, NEGATIVES, keep=np.ones((3, 2), bool), **about),
        loss_and_gradients(*tables, POSITIVES, NEGATIVES, **about),
        strict=True,
    ):
        a, b = (np.asarray(x.to_dense() if hasattr(x, "to_dense") else x) for x in (a, b))
        assert naive.same_bits(a, b)
    value, dentities, _ = loss_and_gradients(*tables, POSITIVES, NEGATIVES, keep=np.zeros((3, 2), bool), **about)
    assert np.isfinite(value)
    assert set(dentities.rows) <= {0, 2, 4}  # those of the true triples
    if loss == "margin_ranking":
        assert value == 0
        assert not dentities.values.any()


def test_each_lookup_is_charged_for():
    """Entities four times a batch (heads and tails, true and corrupted), relations twice; each a mean over positions."""
    entities, relations = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]]), np.array([[3.0], [5.0]])
    zero = Op(lambda *s, mask=None: 0.0, lambda g, *s, mask=None: tuple(np.zeros_like(x) for x in s))
    about = {"loss": zero, "interaction": INTERACTIONS["distmult"], "regularizers": (LP, LP.bind(weight=10.0))}
    value, dentities, drelations = loss_and_gradients(entities, relations, POSITIVES, NEGATIVES, **about)
    heads, tails = (1 + 16 + 4) / 3 + (2 + 1 + 16 + 4 + 4 + 16) / 6, (16 + 1 + 4) / 3 + (16 + 1 + 8 + 1 + 16 + 4) / 6
    np.testing.assert_allclose(value, heads + tails + 10 * ((3 + 5 + 5) / 3 + (3 + 3 + 4 * 5) / 6), rtol=SAME_SCORE)
    shares = np.zeros(5)
    for ids in (POSITIVES[:, 0], POSITIVES[:, 2], NEGATIVES[..., 0].ravel(), NEGATIVES[..., 2].ravel()):
        np.add.at(shares, ids, 1 / len(ids))
    np.testing.assert_allclose(dentities.to_dense()[:, 0], shares, rtol=SAME_SCORE)
    np.testing.assert_allclose(drelations.to_dense()[:, 0], [10 * (1 / 3 + 2 / 6), 10 * (2 / 3 + 4 / 6)], rtol=SAME_SCORE)
    value, dentities, drelations = lcwa_loss_and_gradients(
        entities,
        relations,
        [[0, 1], [2, 1]],
        np.ones((2, 5)),
        **{**about, "loss": Op(lambda s, labels: 0.0, lambda g, s, labels: 0 * s)},
    )
    np.testing.assert_allclose(
        value, (1 + 4) / 2 + 31 / 5 + 10 * 5, rtol=SAME_SCORE
    )  # candidates are looked up once for all pairs
    np.testing.assert_allclose(dentities.to_dense()[:, 0], [0.5 + 0.2, 0.2, 0.5 + 0.2, 0.2, 0.2], rtol=SAME_SCORE)
    assert drelations.rows.tolist() == [1]
    np.testing.assert_allclose(drelations.values, [[10.0]], rtol=SAME_SCORE)


@pytest.mark.parametrize("side", [0, 1])
def test_one_side_alone_may_be_charged_for(side):
    """With one regularizer the value is what the other's is not: together they are both."""
    tables = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]]), np.array([[3.0], [5.0]])
    zero = Op(lambda *s, mask=None: 0.0, lambda g, *s, mask=None: tuple(np.zeros_like(x) for x in s))
    both = LP, LP.bind(weight=10.0)
    alone = tuple(op if i == side else None for i, op in enumerate(both))
    about = {"loss": zero, "interaction": INTERACTIONS["distmult"]}
    value, *found = loss_and_gradients(*tables, POSITIVES, NEGATIVES, **about, regularizers=alone)
    _, *expected = loss_and_gradients(*tables, POSITIVES, NEGATIVES, **about, regularizers=both)
    entities, relations = (
        charge(tables, [POSITIVES.T, NEGATIVES.reshape(-1, 3).T], (None, None), (LP, None)),
        10 * (13 / 3 + 26 / 6),
    )
    np.testing.assert_allclose(value, (entities, relations)[side], rtol=SAME_SCORE)
    assert not found[1 - side].values.any()
    assert naive.same_bits(found[side].to_dense(), expected[side].to_dense())
