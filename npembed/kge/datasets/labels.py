"""Labels: what may be one, what is said when one is wrong or unknown, and which ids stand for them."""

import difflib
import inspect
import unicodedata
import warnings
from collections.abc import Mapping

from ... import check
from ...io.labels import ALLOWED, INVERSE, flaw, shown


def sorted_ids(labels, *, relations=False):
    """Ids 0, 1, 2, ... for a set of labels, in PyKEEN's order: that of the strings, a relation's inverse behind the relation."""
    order = sorted(labels, key=lambda label: (label.removesuffix(INVERSE), label.endswith(INVERSE)) if relations else label)
    return {label: i for i, label in enumerate(order)}


def check_ids(function, argument, value):
    """`value` as a mapping of labels to ids 0, 1, 2, ..., each once."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a dict of label to id")
    for label, i in value.items():
        if found := flaw(label):
            raise ValueError(f"{function}: the label of {argument} for id {check.said(i)} {found}; allowed: {ALLOWED}")
        if type(i) is not int or not 0 <= i < len(value):  # messages take long to make, where there are many labels
            check.integer(function, f"{argument}[{shown(label)}]", i, minimum=0, maximum=len(value) - 1)
    if len(set(value.values())) < len(value):
        first: dict = {}
        label, other = next((label, first[i]) for label, i in value.items() if first.setdefault(i, label) != label)
        found = f"{argument} gives {shown(other)} and {shown(label)} one id, {value[label]}"
        raise ValueError(f"{function}: {found}; allowed: ids 0..{len(value) - 1}, each once")
    return value


def unknown_label(function, argument, label, known):
    """The error for a label that is none of those `known` (a sequence, shown only in part), with the nearest one.

    The nearest is found whatever the case, and however accents are written; what looks the same is shown in ASCII, so that it does not.
    """
    by_look = {_look(other): other for other in known}
    near = difflib.get_close_matches(_look(label), by_look, n=1)
    nearest = by_look[near[0]] if near else ""
    alike = unicodedata.normalize("NFC", label) == unicodedata.normalize("NFC", nearest)
    quoted = (lambda text: shown(text, quote=ascii)) if alike else shown
    hint = f" (did you mean {quoted(nearest)}?)" if near else ""
    some = ", ".join(shown(other) for other in known[:5]) + (f", ... ({len(known)} in all)" if len(known) > 5 else "")
    return check.UnknownNameError(f"{function}: {argument} = {quoted(label)} is unknown{hint}; known are {some or 'none'}")


def _look(label):
    """A label as it looks, its case aside."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold())


def warn(message):
    """A UserWarning that points to the line outside this package from which it was entered."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals["__name__"].startswith("npembed."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def warn_of_lookalikes(function, what, labels, given):
    """Warn of labels that differ but are equal under Unicode's NFC, so that one reads as the other: ``\\xe9`` and ``e\\u0301``.

    They stay apart, since a label is what the file says. `given` are the labels of a mapping that was made before; of those alone
    no warning is due.
    """
    every = labels | given
    alike: dict = {}
    for label in every:
        if not label.isascii() and not unicodedata.is_normalized("NFC", label):
            form = unicodedata.normalize("NFC", label)
            alike.setdefault(form, {form} & every).add(label)
    groups = sorted(sorted(group) for group in alike.values() if len(group) > 1 and not group <= given)
    if groups:
        first = " and ".join(ascii(label) for label in groups[0])
        more = f", as are {len(groups) - 1} more" if len(groups) > 1 else ""
        found = f"{function}: {what} labels {first} are equal under Unicode's NFC{more}; they stay apart"
        warn(found)
