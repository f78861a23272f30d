"""Models by name, with the defaults of PyKEEN 1.11.1.

Each is an `ERModel`; whatever is not said in the call is as in PyKEEN's class of the same name. Options of the layers are given with
``entity_`` or ``relation_`` before them: ``entity_constrainer=None``, ``relation_dropout=0.1``.
"""

import inspect

from ... import check
from ...layers import Embedding
from ...op import normalize_name
from .er_model import ERModel

_OWN = ("interaction_kwargs", "loss", "loss_kwargs", "random_seed")


@check.public
def transe(triples_factory, embedding_dim=50, *, p=1, compat=None, **options):
    """TransE: a relation is a translation, ``f(h, r, t) = -|h + r - t|_p``; entities are kept on the unit sphere.

    Rows are drawn by "xavier_uniform" (entities) and "xavier_uniform_norm" (relations); the entity constrainer is "normalize"; the
    loss is margin ranking.

    Parameters
    ----------
    triples_factory : TriplesFactory
    embedding_dim : int
    p : float in [1, inf], the order of the norm (PyKEEN's ``scoring_fct_norm``)
    compat : None or "pykeen", for both layers
    options : ``entity_*`` and ``relation_*``, options of `Embedding`; ``interaction_kwargs``, ``loss``, ``loss_kwargs``, ``random_seed``

    Returns
    -------
    ERModel

    References
    ----------
    Bordes et al., Translating embeddings for modeling multi-relational data (NIPS 2013). pykeen.models.TransE (1.11.1).

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> model = transe(Nations().training, embedding_dim=8, random_seed=0)
    >>> model.layers[0]
    Embedding(max_id=14, shape=(8,), dtype=float32, initializer=xavier_uniform, constrainer=normalize)
    """
    entity = {"initializer": "xavier_uniform", "constrainer": "normalize"}
    relation = {"initializer": "xavier_uniform_norm"}
    return _make("transe", triples_factory, embedding_dim, entity, relation, options, compat, interaction_kwargs={"p": p})


@check.public
def distmult(triples_factory, embedding_dim=50, *, compat=None, **options):
    """DistMult: ``f(h, r, t) = sum_i h_i r_i t_i``; entities on the unit sphere, long relations charged for.

    Rows are drawn by "xavier_uniform" (entities) and "xavier_normal_norm" (relations); the entity constrainer is "normalize", the
    relation regularizer "lp" with weight 0.1, divided by PyKEEN's expected norm; the loss is margin ranking.

    Parameters
    ----------
    triples_factory, embedding_dim, compat, options
        As in `transe`.

    Returns
    -------
    ERModel

    References
    ----------
    Yang et al., Embedding entities and relations for learning and inference in knowledge bases (ICLR 2015). pykeen.models.DistMult.

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> distmult(Nations().training, embedding_dim=8, relation_regularizer=None).num_relations
    55
    """
    entity = {"initializer": "xavier_uniform", "constrainer": "normalize"}
    relation = {"initializer": "xavier_normal_norm", "regularizer": "lp", "regularizer_kwargs": _lp(0.1)}
    return _make("distmult", triples_factory, embedding_dim, entity, relation, options, compat)


@check.public
def complex_bilinear(triples_factory, embedding_dim=200, *, compat=None, **options):
    """ComplEx: ``f(h, r, t) = Re sum_i h_i r_i conj(t_i)``, complex rows.

    All rows are drawn by "normal", and charged for by "lp" with weight 0.01, divided by PyKEEN's expected norm; the loss is softplus.

    Parameters
    ----------
    triples_factory, embedding_dim, compat, options
        As in `transe`; `embedding_dim` counts complex numbers.

    Returns
    -------
    ERModel

    References
    ----------
    Trouillon et al., Complex embeddings for simple link prediction (ICML 2016). pykeen.models.ComplEx.

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> complex_bilinear(Nations().training, embedding_dim=8, random_seed=0).layers[1].dtype
    dtype('complex64')
    """
    rows = {"initializer": "normal", "dtype": "complex64", "regularizer": "lp", "regularizer_kwargs": _lp(0.01)}
    return _make("complex", triples_factory, embedding_dim, rows, rows, options, compat, loss="softplus")


@check.public
def rotate(triples_factory, embedding_dim=200, *, compat=None, **options):
    """RotatE: a relation turns each entry by an angle, ``f(h, r, t) = -|h o r - t|``, complex rows.

    Entities are drawn by "xavier_uniform", relations by "init_phases"; the relation constrainer is "complex_normalize", which keeps
    them on the unit circle; the loss is margin ranking. There it does not matter whether the head is turned or the tail turned back,
    and as in PyKEEN the cheaper one is done. Without that constrainer (or a normalizer like it) it would matter, and then the head
    is turned, unless ``compat="pykeen"``.

    Parameters
    ----------
    triples_factory, embedding_dim, compat, options
        As in `transe`; `embedding_dim` counts complex numbers.

    Returns
    -------
    ERModel

    References
    ----------
    Sun et al., RotatE: knowledge graph embedding by relational rotation in complex space (ICLR 2019). pykeen.models.RotatE.

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> import numpy as np
    >>> bool((abs(abs(rotate(Nations().training, embedding_dim=8, random_seed=0).layers[1].weight) - 1) < 1e-6).all())
    True
    """
    entity = {"initializer": "xavier_uniform", "dtype": "complex64"}
    relation = {"initializer": "init_phases", "constrainer": "complex_normalize", "dtype": "complex64"}
    on_circle = any(
        isinstance(choice, str) and normalize_name(choice) == "complexnormalize"
        for choice in (options.get("relation_constrainer", relation["constrainer"]), options.get("relation_normalizer"))
    )
    turn = {"turn": "cheaper" if on_circle or compat == "pykeen" else "head"}
    return _make("rotate", triples_factory, embedding_dim, entity, relation, options, compat, interaction_kwargs=turn)


MODELS = {"transe": transe, "distmult": distmult, "complex": complex_bilinear, "rotate": rotate}
"""By name."""


def check_names(function, argument, model, options):
    """Refuse an option that the preset `model` has not, with the nearest that it has."""
    parameters = inspect.signature(MODELS[model]).parameters.values()
    own = [*(p.name for p in parameters if p.kind is not p.VAR_KEYWORD), *_OWN][1:]  # the first is the graph
    of_layers = [f"{side}_{name}" for side in ("entity", "relation") for name in inspect.signature(Embedding).parameters]
    for option in options:
        if option not in own and not option.startswith(("entity_", "relation_")):
            raise check.unknown(function, argument, option, [*own, "entity_*", "relation_*"], also=of_layers)


def _lp(weight):
    return {"weight": weight, "p": 2.0, "normalize": True, "expected": "pykeen"}


def _make(name, triples_factory, embedding_dim, entity, relation, options, compat, **defaults):
    """The ERModel of a preset; what `options` say comes before the defaults."""
    sides = {"entity": {"embedding_dim": embedding_dim, **entity}, "relation": {"embedding_dim": embedding_dim, **relation}}
    own = {"interaction_kwargs": {}, **defaults}
    check_names(name, "option", name, options)
    for option, value in options.items():
        side, _, rest = option.partition("_")
        if side in sides and rest:
            check.options(name, option, {rest: value}, Embedding)
            sides[side][rest] = value
            if f"{rest}_kwargs" in sides[side] and f"{option}_kwargs" not in options:
                del sides[side][f"{rest}_kwargs"]  # those of the default, which is replaced
        elif option == "interaction_kwargs":
            own[option] = {**own[option], **check.keywords(name, option, value)}
        else:
            own[option] = value
    if compat is not None:
        for side in sides.values():
            side.setdefault("compat", compat)
    kwargs = {f"{side}_representations_kwargs": rows for side, rows in sides.items()}
    return ERModel(triples_factory=triples_factory, interaction=name, **kwargs, **own)
