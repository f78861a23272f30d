"""Answers by label: against the score of every single triple, with what is known marked, and the model left as it was."""

import sys

import numpy as np
import pytest

from npembed.check import UnknownNameError
from npembed.embedding.row_maps import normalize
from npembed.kge.datasets import Nations, TriplesFactory
from npembed.kge.models import MODELS, ERModel, Prediction, Predictions, transe

NATIONS = Nations()
PARTS = ("training", "validation", "testing")
COLUMNS = ("head", "relation", "tail")


def nations(name="transe", **options):
    model = MODELS[name](NATIONS.training, embedding_dim=4, random_seed=5, **options)
    model.known_triples = {part: getattr(NATIONS, part).mapped_triples for part in PARTS}
    return model


def label(column, i):
    return (NATIONS.training.relation_labels if column == "relation" else NATIONS.training.entity_labels)[i]


def by_hand(model, target, **ids):
    """Every candidate by a triple of its own, sorted by plain Python."""
    known = {}
    for part in reversed(PARTS):
        known |= {tuple(triple): part for triple in getattr(NATIONS, part).mapped_triples.tolist()}
    answers = []
    for i in range(55 if target == "relation" else 14):
        triple = tuple({**ids, target: i}[column] for column in COLUMNS)
        (score,) = model.score_hrt([triple])[:, 0].tolist()
        answers.append((label(target, i), i, score, known.get(triple, "")))
    return sorted(answers, key=lambda answer: (-answer[2], answer[1]))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("target", COLUMNS)
def test_predictions_are_every_triple_scored_by_itself(name, target):
    options = {"entity_dtype": "float64", "relation_dtype": "float64"} if name in ("transe", "distmult") else {}
    model, rng = nations(name, **options), np.random.default_rng(0)
    marks = set()
    for part in PARTS:
        triple = rng.choice(getattr(NATIONS, part).mapped_triples)
        ids = {column: int(i) for column, i in zip(COLUMNS, triple, strict=True) if column != target}
        expected = by_hand(model, target, **ids)
        predict = getattr(model, f"predict_{target}s")
        found = predict(**ids, k=None)
        assert [answer[:2] + answer[3:] for answer in found] == [answer[:2] + answer[3:] for answer in expected]
        np.testing.assert_allclose([answer.score for answer in found], [answer[2] for answer in expected], rtol=1e-6)
        assert found.target == target
        assert found.given == {column: label(column, i) for column, i in ids.items()}
        assert list(predict(**found.given, k=None)) == list(found)
        assert list(predict(**ids)) == list(found)[:10]
        assert list(predict(**ids, k=3)) == list(found)[:3]
        assert list(predict(**ids, k=1000)) == list(found)
        new = [answer for answer in found if not answer.known]
        assert list(predict(**ids, k=None, drop_known=True)) == new
        assert list(predict(**ids, k=2, drop_known=True)) == new[:2]
        marks |= {answer.known for answer in found}
    assert marks == {"", *PARTS}


def test_the_order_of_the_arguments():
    model = nations()
    assert model.predict_tails("brazil", "embassy").given == {"head": "brazil", "relation": "embassy"}
    assert model.predict_heads("embassy", "brazil").given == {"relation": "embassy", "tail": "brazil"}
    assert model.predict_relations("brazil", "usa").given == {"head": "brazil", "tail": "usa"}


def test_equal_scores_come_by_id():
    model = nations(entity_initializer="ones", relation_initializer="ones", entity_constrainer=None)
    assert [answer.id for answer in model.predict_tails(3, 4, k=None)] == list(range(14))
    assert [answer.id for answer in model.predict_relations(3, 4, k=None)] == list(range(55))
    assert len({answer.score for answer in model.predict_heads(3, 4, k=None)}) == 1


def test_a_triple_that_two_parts_hold_is_of_the_first():
    model, triples = nations(), np.array([[0, 0, 1]])
    model.known_triples = {"training": triples[:0], "validation": triples, "testing": np.array([[0, 0, 1], [0, 0, 2]])}
    found = {answer.id: answer.known for answer in model.predict_tails(0, 0, k=None)}
    assert found == {**dict.fromkeys(range(14), ""), 1: "validation", 2: "testing"}
    assert {a.id for a in model.predict_tails(0, 0, k=None, drop_known=True)} == set(range(14)) - {1, 2}


def test_a_model_alone_knows_its_training_triples():
    model = transe(NATIONS.training, embedding_dim=4)
    assert {a.known for a in model.predict_tails("usa", "embassy", k=None)} == {"", "training"}


def test_a_model_without_labels_answers_in_ids():
    class Counts:
        num_entities, num_relations = 3, 2

    rows = {f"{side}_representations_kwargs": {"embedding_dim": 2} for side in ("entity", "relation")}
    model = ERModel(triples_factory=Counts(), interaction="transe", random_seed=0, **rows)
    found = model.predict_tails(0, 1)
    assert sorted(answer.label for answer in found) == ["0", "1", "2"]
    assert {answer.known for answer in found} == {""}
    assert found.given == {"head": "0", "relation": "1"}
    with pytest.raises(
        TypeError, match="predict_tails: head = 'ann' is a label, and the model's triples have none; allowed: an id"
    ):
        model.predict_tails("ann", 1)


def test_infinite_scores_have_a_place_and_nan_has_none():
    model = nations(entity_constrainer=None)
    model.layers[0].weight[3] = np.inf
    found = model.predict_tails(0, 0, k=None)
    assert found[-1].id == 3
    assert found[-1].score == -np.inf
    model.layers[0].weight[[5, 6]] = np.nan
    with pytest.raises(FloatingPointError, match="predict_tails: 2 of 14 scores are NaN; allowed: numbers and infinities"):
        model.predict_tails(0, 0)
    with pytest.raises(FloatingPointError, match="predict_relations: 55 of 55 scores are NaN; allowed"):
        model.predict_relations(5, 0, k=1)


# Vectors


@pytest.mark.parametrize("name", MODELS)
def test_vectors_are_rows(name):
    model = nations(name)
    for kind, layer, vectors, vector in (
        ("entity", model.layers[0], model.entity_vectors(), model.entity_vector),
        ("relation", model.layers[1], model.relation_vectors(), model.relation_vector),
    ):
        np.testing.assert_array_equal(vectors, layer.weight)
        assert vectors.dtype == layer.dtype
        for i, said in enumerate(getattr(NATIONS.training, f"{kind}_labels")):
            np.testing.assert_array_equal(vector(said), layer.weight[i])
            np.testing.assert_array_equal(vector(i), layer.weight[i])
        before = layer.weight.copy()
        vectors[...] = 9
        vector(0)[...] = 9
        np.testing.assert_array_equal(layer.weight, before)


def test_vectors_are_normalized_and_nothing_is_dropped():
    model = nations(entity_constrainer=None, entity_normalizer="normalize", entity_dropout=0.9)
    model.train()
    expected = normalize(model.layers[0].weight)
    drawn = repr(model.rng)
    np.testing.assert_array_equal(model.entity_vectors(), expected)
    np.testing.assert_array_equal(model.entity_vector("usa"), expected[NATIONS.training.entity_to_id["usa"]])
    assert (model.layers[0].weight != expected).any()
    assert repr(model.rng) == drawn


@pytest.mark.parametrize("modes", [(True, True), (False, True), (False, False)])
def test_predictions_drop_nothing_and_leave_the_mode_as_it_was(modes):
    model = nations("distmult", entity_dropout=0.5, relation_dropout=0.5)
    expected = list(model.eval().predict_tails("brazil", "embassy"))
    for layer, mode in zip(model.layers, modes, strict=True):
        layer.train(mode)
    drawn = repr(model.rng)
    assert list(model.predict_tails("brazil", "embassy")) == expected
    assert tuple(layer.training for layer in model.layers) == modes
    assert repr(model.rng) == drawn
    model.layers[0].weight[...] = np.nan
    with pytest.raises(FloatingPointError):
        model.predict_tails("brazil", "embassy")
    assert tuple(layer.training for layer in model.layers) == modes


# Shown


def test_a_frame(monkeypatch):
    pandas = pytest.importorskip("pandas")
    found = nations().predict_relations("brazil", "usa", k=3)
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["relation", "relation_id", "score", "known"]
    assert [tuple(row) for row in frame.itertuples(index=False)] == [tuple(answer) for answer in found]
    assert frame["score"].dtype == np.float64
    assert frame["relation_id"].dtype == np.int64
    none = Predictions("tail", {"head": "a", "relation": "b"}, []).to_frame()
    assert list(none.columns) == ["tail", "tail_id", "score", "known"]
    assert len(none) == 0


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = nations().predict_tails("brazil", "embassy", k=2)
    with pytest.raises(ModuleNotFoundError) as caught:
        found.to_frame()
    assert str(caught.value) == "Predictions.to_frame: pandas is missing; allowed: with pandas installed (pip install pandas)"


def test_printed():
    answers = [
        Prediction("bob", 1, 12.5, "training"),
        Prediction("caroline", 2, -0.25, ""),
        Prediction("dan", 0, -np.inf, "testing"),
    ]
    told = Predictions("head", {"relation": "knows", "tail": "ann"}, answers)
    assert str(told).splitlines() == [
        "?  knows  ann",
        "  bob       12.5000  training",
        "  caroline  -0.2500",
        "  dan          -inf  testing",
    ]
    assert repr(told) == "Predictions('head', {'relation': 'knows', 'tail': 'ann'}, 3 answers)"
    assert len(told) == 3
    assert told[1].label == "caroline"
    assert str(Predictions("tail", {"head": "a", "relation": "b"}, [])) == "a  b  ?"


# Bad input

MODEL = nations()
BAD = [
    (lambda: MODEL.predict_tails("brasil", "embassy"), UnknownNameError, r"predict_tails: head = 'brasil' is .* 'brazil'\?\); known are "),
    (lambda: MODEL.predict_heads("embasy", "brazil"), UnknownNameError, r"predict_heads: relation = 'embasy' is .*'embassy'"),
    (lambda: MODEL.predict_relations("brazil", "US"), UnknownNameError, "predict_relations: tail = 'US' is unknown.*; known are "),
    (lambda: MODEL.entity_vector("embassy"), UnknownNameError, "entity_vector: entity = 'embassy' is unknown.*; known are "),
    (lambda: MODEL.relation_vector("brazil"), UnknownNameError, "relation_vector: relation = 'brazil' is unknown.*; known are "),
    (lambda: MODEL.entity_vector(14), ValueError, "entity_vector: entity = 14 is out of range; allowed: a whole number >= 0 and <= 13"),
    (lambda: MODEL.relation_vector(-1), ValueError, "relation_vector: relation = -1 is out of range; allowed: "),
    (lambda: MODEL.predict_tails(0.0, 1), TypeError, "predict_tails: head = 0.0 is of type float; allowed: a whole number"),
    (lambda: MODEL.predict_tails(True, 1), TypeError, "predict_tails: head = True is of type bool; allowed: a whole number"),
    (lambda: MODEL.predict_tails(None, 1), TypeError, "predict_tails: head = None is of type NoneType; allowed: a whole number"),
    (lambda: MODEL.predict_tails(0, 55), ValueError, "predict_tails: relation = 55 is out of range; allowed: .* <= 54"),
    (lambda: MODEL.predict_tails(0, 1, k=0), ValueError, "predict_tails: k = 0 is out of range; allowed: a whole number >= 1"),
    (lambda: MODEL.predict_tails(0, 1, k=2.5), TypeError, "predict_tails: k = 2.5 is of type float; allowed: "),
    (lambda: MODEL.predict_tails(0, 1, drop_known="yes"), ValueError, "predict_tails: drop_known = 'yes' is not a choice; allowed: "),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "said"), BAD, ids=[case[2][:45] for case in BAD])
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_number_as_a_label_is_a_label():
    numbers = TriplesFactory.from_labeled_triples([("10", "r", "7"), ("7", "r", "9")])
    model = transe(numbers, embedding_dim=2, random_seed=0)
    assert numbers.entity_to_id == {"10": 0, "7": 1, "9": 2}
    np.testing.assert_array_equal(model.entity_vector("9"), model.entity_vector(2))
    assert model.predict_tails("9", "r").given == {"head": "9", "relation": "r"}
    assert model.predict_tails(np.int64(1), np.uint8(0)).given == {"head": "7", "relation": "r"}
