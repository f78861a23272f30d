"""Adapters for layers that are there already: npembed's, torch's, PyKEEN's, JAX's `take`, flax's and Keras's.

Each is imported, and its library with it, when asked for.
"""

import importlib

ADAPTERS = {
    "npembed": "npembed.verify.conformance.adapters.npembed_layer:Layer",
    "torch": "npembed.verify.conformance.adapters.torch_layer:Layer",
    "pykeen": "npembed.verify.conformance.adapters.pykeen_layer:Layer",
    "jax": "npembed.verify.conformance.adapters.jax_layer:Layer",
    "flax": "npembed.verify.conformance.adapters.flax_layer:Layer",
    "keras": "npembed.verify.conformance.adapters.keras_layer:Layer",
}
"""Name: module and class."""


def by_case(reasons):
    """Known failures, a dict of reasons by case, from cases by reason.

    >>> by_case({"rounds": ("a", "b")})
    {'a': 'rounds', 'b': 'rounds'}
    """
    return {id: reason for reason, ids in reasons.items() for id in ids}


def adapter(name):
    """The adapter of that name, or of the class that ``module:Class`` names.

    Parameters
    ----------
    name : "npembed", "torch", "pykeen", "jax", "flax", "keras", or "module:Class"

    Raises
    ------
    ValueError
        For another name, a module or a library that is not there, a module without the class.

    Examples
    --------
    >>> adapter("npembed").name
    'npembed 0.1.0'
    """
    if not isinstance(name, str) or (name not in ADAPTERS and ":" not in name):
        raise ValueError(f"adapter: name = {name!r} is unknown; allowed: {', '.join(ADAPTERS)}, or module:Class")
    module, _, attribute = ADAPTERS.get(name, name).partition(":")
    try:
        loaded = importlib.import_module(module)
        importlib.import_module(getattr(getattr(loaded, attribute, None), "library", "numpy"))
    except ModuleNotFoundError as error:
        raise ValueError(f"adapter: {name}: module {error.name!r} is not installed; allowed: one that is") from error
    if not hasattr(loaded, attribute):
        raise ValueError(f"adapter: {name}: module {module} has no {attribute!r}; allowed: a class that is there")
    return getattr(loaded, attribute)
