"""Labels: what may be one, and how one is shown."""

INVERSE = "_inverse"
"""PyKEEN's mark of an inverse relation, which is sorted behind its original."""

_SEPARATORS = {"\t": "TAB", "\n": "LF", "\r": "CR", "\0": "NUL"}

ALLOWED = "text, not empty, without TAB, LF, CR and NUL, that UTF-8 can hold"


def shown(text, limit=60, quote=repr):
    """`text` as a message shows it: quoted, on one line, and cut where it is long."""
    return quote(text) if len(text) <= limit else f"{quote(text[:limit])}..."


def flaw(label):
    """What keeps `label` from being one, or None. Whatever is a label here can be written to a TSV file and read back."""
    if not isinstance(label, str):
        return f"is a {type(label).__name__}"
    if not label:
        return "is empty"
    for separator, name in _SEPARATORS.items():
        if separator in label:
            return f"= {shown(label)} holds a {name}"
    if not label.isascii() and any("\ud800" <= letter <= "\udfff" for letter in label):
        return f"= {label!a} holds half a surrogate pair"
    return None
