"""`pipeline`: data, model, training and ranking in one call, in PyKEEN's words."""

import inspect
import numbers
import os
import secrets

import numpy as np

from ... import check
from ...embedding.optimizers import OPTIMIZERS
from ...op import resolve
from ..datasets import Dataset, TriplesFactory
from ..datasets import load as load_dataset
from ..models import MODELS, ERModel
from ..models.presets import check_names
from ..training import LOOPS
from .result import PipelineResult

TRAINING_KWARGS = {"num_epochs": 5, "batch_size": 256}
"""PyKEEN's defaults."""

SAMPLER_KWARGS = {"num_negs_per_pos": "num_negatives", "filtered": "filtered"}
"""PyKEEN's words for the options of a sampler, and those of `npembed.kge.training.fit`."""


@check.public
def pipeline(
    *, dataset=None, training=None, validation=None, testing=None, model=None, model_kwargs=None, interaction=None,
    interaction_kwargs=None, loss=None, loss_kwargs=None, optimizer="adam", optimizer_kwargs=None, training_loop="slcwa",
    training_loop_kwargs=None, negative_sampler=None, negative_sampler_kwargs=None, training_kwargs=None, epochs=None,
    random_seed=None, filtered=True, replay=None, progress=None,
):  # fmt: skip
    """Train a model on a graph and rank the test triples.

    Names and defaults are those of ``pykeen.pipeline.pipeline``: Adam with a learning rate of 0.001, 5 epochs, batches of 256, one
    negative each. With ``replay="pykeen"`` the numbers are as well.

    Parameters
    ----------
    dataset : name, path or Dataset, see `npembed.kge.datasets.load`
        A single file is split by the seed.
    training, validation, testing : TriplesFactory or path, in the place of `dataset`; validation may be left out
    model : name, see `npembed.kge.models.MODELS`, or an `ERModel` that was made for this graph, which is trained on
    model_kwargs : dict, options of the model, such as ``{"embedding_dim": 50}``; with `interaction` those of `ERModel`
    interaction, interaction_kwargs : name or Op, and dict, in the place of `model`
    loss, loss_kwargs : name and dict; None for the model's own
        With ``replay="pykeen"`` None stands for margin ranking, which PyKEEN's pipeline gives to every model that it makes: ComplEx has
        softplus otherwise. A model that is made already keeps its own loss, there and here.
    optimizer, optimizer_kwargs : name, and dict with ``lr`` and other options
    training_loop : "slcwa" or "lcwa"
    training_loop_kwargs : dict, ``{"target": "head"}`` for lcwa
    negative_sampler : "basic" or "bernoulli"
    negative_sampler_kwargs : dict, ``num_negs_per_pos`` and ``filtered``
        Filtered negatives are those of PyKEEN's ``filterer="python-set"``; its default, a Bloom filter, leaves out some others too.
    training_kwargs : dict, ``num_epochs`` and ``batch_size``
    epochs : int, another way to say ``num_epochs``
    random_seed : int, or None to draw one, which the result then tells
        A model that is made already, or that has a ``random_seed`` in `model_kwargs`, goes on with a generator of its own; then the
        seed may only be left out, and files are split by 0.
    filtered : bool
        Whether ranks leave out the other answers that are true (by all three parts).
    replay : None or "pykeen", see `npembed.kge.training.fit`
    progress : function of an iterable and a keyword ``desc`` that yields its items (tqdm is one), or None

    Returns
    -------
    PipelineResult

    Raises
    ------
    ValueError, TypeError, LookupError, OSError
        Before training, for what cannot be done.
    FloatingPointError
        Once a loss is not finite.

    Examples
    --------
    >>> result = pipeline(dataset="nations", model="transe", model_kwargs=dict(embedding_dim=8), epochs=2, random_seed=0)
    >>> len(result.losses), round(result.get_metric("mrr"), 1)
    (2, 0.3)
    """
    result, num_epochs = prepare(
        dataset=dataset, training=training, validation=validation, testing=testing, model=model, model_kwargs=model_kwargs,
        interaction=interaction, interaction_kwargs=interaction_kwargs, loss=loss, loss_kwargs=loss_kwargs, optimizer=optimizer,
        optimizer_kwargs=optimizer_kwargs, training_loop=training_loop, training_loop_kwargs=training_loop_kwargs,
        negative_sampler=negative_sampler, negative_sampler_kwargs=negative_sampler_kwargs, training_kwargs=training_kwargs, epochs=epochs,
        random_seed=random_seed, filtered=filtered, replay=replay,
    )  # fmt: skip
    return result.train(num_epochs, progress=progress).evaluate()


@check.public
def prepare(
    *, dataset=None, training=None, validation=None, testing=None, model=None, model_kwargs=None, interaction=None,
    interaction_kwargs=None, loss=None, loss_kwargs=None, optimizer="adam", optimizer_kwargs=None, training_loop="slcwa",
    training_loop_kwargs=None, negative_sampler=None, negative_sampler_kwargs=None, training_kwargs=None, epochs=None,
    random_seed=None, filtered=True, replay=None,
):  # fmt: skip
    """A run that is not trained yet, and how many epochs it is to be trained for; all options, those of `pipeline`, are checked.

    >>> result, num_epochs = prepare(dataset="nations", model="transe", random_seed=0)
    >>> result, num_epochs
    (PipelineResult(nations, epochs=0), 5)
    """
    seed, model_seed = _seeds(random_seed, model, model_kwargs)
    how = _how(
        optimizer, optimizer_kwargs, training_loop, training_loop_kwargs, negative_sampler, negative_sampler_kwargs, replay
    )
    options = _options("training_kwargs", training_kwargs, TRAINING_KWARGS)
    if epochs is not None:
        if "num_epochs" in (training_kwargs or {}):
            raise ValueError(
                f"pipeline: epochs = {epochs} and training_kwargs = {training_kwargs} both say how many; allowed: one of them"
            )
        options["num_epochs"] = epochs
    how["batch_size"] = options["batch_size"]
    check.integer("pipeline", "num_epochs", options["num_epochs"], minimum=0)
    check.choice("pipeline", "filtered", filtered, (True, False))
    data = _data(dataset, training, validation, testing, seed)
    if not data.testing.num_triples:
        raise ValueError("pipeline: testing has no triples; allowed: one at least, to be ranked")
    made = _model(data, model, model_kwargs, interaction, interaction_kwargs, loss, loss_kwargs, model_seed, replay)
    result = PipelineResult(made, data, how, random_seed=model_seed, filtered=filtered)
    result.train(0)  # which checks how it is to be trained
    return result, options["num_epochs"]


def _seeds(random_seed, model, model_kwargs):
    """The seed that splits a file, and that of the model: None where it has a generator that is no seed."""
    if random_seed is not None:
        check.integer("pipeline", "random_seed", random_seed, -(2**63), 2**64 - 1)
    own = check.keywords("pipeline", "model_kwargs", model_kwargs).get("random_seed")
    if not isinstance(model, ERModel) and own is None:
        drawn = secrets.randbelow(2**32) if random_seed is None else int(random_seed)
        return drawn, drawn
    if random_seed is not None:
        has = "model is made already" if own is None else "model_kwargs holds another"
        raise ValueError(f"pipeline: random_seed = {random_seed} is given, and {has}; allowed: one seed")
    return 0, int(own) if isinstance(own, numbers.Integral) and not isinstance(own, bool) else None


def _options(argument, given, defaults):
    """`given` over `defaults`, which holds all options that there are."""
    given = check.keywords("pipeline", argument, given)
    for name in given:
        if name not in defaults:
            raise check.unknown("pipeline", argument, name, list(defaults))
    return {**defaults, **given}


def _how(optimizer, optimizer_kwargs, loop, loop_kwargs, sampler, sampler_kwargs, replay):
    """How to train, as options of `fit` (and the optimizer's) that JSON can hold."""
    optimizer = resolve(OPTIMIZERS, optimizer, function="pipeline", argument="optimizer")
    options = check.keywords("pipeline", "optimizer_kwargs", optimizer_kwargs)
    lr = options.pop("lr", inspect.signature(OPTIMIZERS[optimizer].step_).parameters["lr"].default)
    loop = resolve(LOOPS, loop, function="pipeline", argument="training_loop", suffix="TrainingLoop")
    how = {"loop": loop, "lr": lr, "optimizer": optimizer, "optimizer_kwargs": options, "replay": replay}
    given = _options("training_loop_kwargs", loop_kwargs, {"target": None})
    how |= {name: value for name, value in given.items() if value is not None}
    given = _options("negative_sampler_kwargs", sampler_kwargs, dict.fromkeys(SAMPLER_KWARGS))
    how |= {SAMPLER_KWARGS[name]: value for name, value in given.items() if value is not None}
    return how if sampler is None else {**how, "sampler": sampler}


def _data(dataset, training, validation, testing, seed):
    """The graph in three parts."""
    if dataset is not None:
        if training is not None or validation is not None or testing is not None:
            raise ValueError("pipeline: dataset and training, validation or testing are both given; allowed: one way")
        return load_dataset(dataset, seed=seed)
    if training is None or testing is None:
        missing = "training" if training is None else "testing"
        raise ValueError(f"pipeline: {missing} is missing; allowed: dataset, or training and testing")
    training = _part("training", training, {})
    ids = {"entity_to_id": training.entity_to_id, "relation_to_id": training.relation_to_id}
    if validation is None:
        validation = TriplesFactory(np.zeros((0, 3), np.int64), **ids)
    return Dataset("own triples", training, _part("validation", validation, ids), _part("testing", testing, ids))


def _part(name, given, ids):
    """A part as triples: read from a path with the ids of the training part."""
    if isinstance(given, (str, os.PathLike)):
        return TriplesFactory.from_path(given, **ids, **({"unknown": "drop"} if ids else {}))
    if not isinstance(given, TriplesFactory):
        raise TypeError(f"pipeline: {name} is a {type(given).__name__}; allowed: a TriplesFactory or a path")
    return given


def _model(data, model, model_kwargs, interaction, interaction_kwargs, loss, loss_kwargs, seed, replay):
    """The model to train."""
    options = check.keywords("pipeline", "model_kwargs", model_kwargs)
    if (model is None) == (interaction is None):
        given = "are both missing" if model is None else "are both given"
        raise ValueError(f"pipeline: model and interaction {given}; allowed: one of them")
    if isinstance(model, ERModel):
        if options or loss is not None or loss_kwargs or interaction_kwargs:
            raise ValueError(
                "pipeline: model is made already, and options of it are given; allowed: a name with options, or a model alone"
            )
        if (model.num_entities, model.num_relations) != (data.num_entities, data.num_relations):
            found = f"model has {model.num_entities} entities and {model.num_relations} relations"
            raise ValueError(f"pipeline: {found}; allowed: {data.num_entities} and {data.num_relations}, those of the graph")
        for ids in ("entity_to_id", "relation_to_id"):
            if getattr(model.triples_factory, ids, None) != getattr(data.training, ids):
                raise ValueError(f"pipeline: model has another {ids} than the graph; allowed: a model made for this graph")
        return model
    for name, value in (("loss", loss), ("loss_kwargs", loss_kwargs)):
        if value is not None and name in options:
            raise ValueError(f"pipeline: {name} is given, and is in model_kwargs too; allowed: one of them")
    options |= {name: value for name, value in (("loss", loss), ("loss_kwargs", loss_kwargs)) if value is not None}
    if replay is not None and options.get("loss") is None:
        options["loss"] = "margin_ranking"  # the default of pykeen.pipeline, which that of the model is not asked for
    options = {"random_seed": seed, **options}
    for name in ("triples_factory", "interaction"):
        if name in options:
            raise TypeError(f"pipeline: model_kwargs holds {name!r}; allowed: options without it, pipeline has its own argument")
    if interaction is not None:
        check.options(
            "pipeline", "model_kwargs", {"triples_factory": data.training, "interaction": interaction, **options}, ERModel
        )
        return ERModel(triples_factory=data.training, interaction=interaction, interaction_kwargs=interaction_kwargs, **options)
    if interaction_kwargs is not None:
        if "interaction_kwargs" in options:
            raise ValueError("pipeline: interaction_kwargs is given, and is in model_kwargs too; allowed: one of them")
        options["interaction_kwargs"] = interaction_kwargs
    name = resolve(MODELS, model, function="pipeline", argument="model")
    if name == "transe" and "scoring_fct_norm" in options and "p" not in options:
        options["p"] = options.pop("scoring_fct_norm")  # PyKEEN's word
    check_names("pipeline", "model_kwargs", name, options)
    return MODELS[name](data.training, **options)
