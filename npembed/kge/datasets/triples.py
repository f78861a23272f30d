"""Triples of labels, and the ids that stand for them."""

import functools
from dataclasses import dataclass

import numpy as np

from ... import check
from ...io.labels import ALLOWED, flaw, shown
from ..columns import COLUMNS
from .labels import check_ids, sorted_ids, unknown_label, warn, warn_of_lookalikes
from .parser import read_triples
from .split import split_indices


@check.public
@dataclass(frozen=True, eq=False, repr=False)
class TriplesFactory:
    """Triples as ids, and which label each id stands for.

    Parameters
    ----------
    mapped_triples : int64 (n, 3), columns head, relation, tail
    entity_to_id, relation_to_id : dict of label to id, ids 0, 1, 2, ...
    duplicates : int, how many triples of the source repeated another one and were left out
    dropped : int, how many triples of the source were left out for a label that has no id

    Examples
    --------
    >>> family = TriplesFactory(np.array([[0, 0, 1]]), {"ann": 0, "bob": 1}, {"knows": 0})
    >>> family
    TriplesFactory(num_entities=2, num_relations=1, num_triples=1)
    >>> family.entity_labels
    ('ann', 'bob')
    """

    mapped_triples: np.ndarray
    entity_to_id: dict
    relation_to_id: dict
    duplicates: int = 0
    dropped: int = 0

    def __post_init__(self):
        check_ids("TriplesFactory", "entity_to_id", self.entity_to_id)
        check_ids("TriplesFactory", "relation_to_id", self.relation_to_id)
        for count in ("duplicates", "dropped"):
            check.integer("TriplesFactory", count, getattr(self, count), minimum=0)
        triples = check.triples("TriplesFactory", self.mapped_triples, self.num_entities, self.num_relations, "mapped_triples")
        object.__setattr__(self, "mapped_triples", triples)

    @classmethod
    def from_path(cls, path, *, entity_to_id=None, relation_to_id=None, unknown="error"):
        """The triples of a TAB-separated UTF-8 file; `npembed.kge.datasets.parser` says what is read and what is refused.

        Parameters
        ----------
        path : str or path
        entity_to_id, relation_to_id : dict of label to id, or None
            None numbers the labels of the file in PyKEEN's order: that of the strings, and a relation that ends in ``_inverse``
            right behind the one without. (Such relations are kept; PyKEEN leaves them out and makes its own.)
        unknown : "error" or "drop"
            What to do with a triple whose label has no id. "drop" leaves it out and warns, as PyKEEN does.

        Returns
        -------
        TriplesFactory
            Its triples sorted by head, relation, tail, each once. What repeats is counted in ``duplicates``, with a warning.

        Raises
        ------
        ValueError
            For a malformed line and for a label without id, with file, line and column.
        OSError
            For what cannot be read.

        Warns
        -----
        UserWarning
            For duplicates, for dropped triples, and for different labels that are equal under Unicode's NFC.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "family.tsv"
        >>> _ = path.write_text("bob\\tknows\\tann\\nann\\tknows\\tbob\\n", encoding="utf-8", newline="")
        >>> TriplesFactory.from_path(path).mapped_triples
        array([[0, 0, 1],
               [1, 0, 0]])
        """
        name, triples, _ = read_triples(path)

        def place(i, column=None):
            if column is None:
                return f"{name}:{i + 1}"
            offset = sum(len(label) + 1 for label in triples[i][:column])
            return f"{name}:{i + 1}:{offset + 1} {COLUMNS[column]}"

        return cls._from_labels("from_path", triples, entity_to_id, relation_to_id, unknown, place)

    @classmethod
    def from_labeled_triples(cls, triples, *, entity_to_id=None, relation_to_id=None, unknown="error"):
        """The triples of an array or a list of labels; otherwise as `from_path`.

        Parameters
        ----------
        triples : (n, 3) array or list of str
            A label is text, not empty, without TAB, LF, CR and NUL.
        entity_to_id, relation_to_id, unknown
            As in `from_path`.

        Returns
        -------
        TriplesFactory

        Examples
        --------
        >>> family = TriplesFactory.from_labeled_triples([("bob", "knows", "ann"), ("ann", "knows", "bob")])
        >>> family.entity_to_id
        {'ann': 0, 'bob': 1}
        >>> known = dict(entity_to_id=family.entity_to_id, relation_to_id=family.relation_to_id)
        >>> TriplesFactory.from_labeled_triples([("ann", "knows", "bobby")], **known)
        Traceback (most recent call last):
        ValueError: from_labeled_triples: triples[0, 2] = 'bobby' is unknown (did you mean 'bob'?); known are 'ann', 'bob'
        """
        triples = _rows(triples)

        def place(i, column=None):
            return f"triples[{i}]" if column is None else f"triples[{i}, {column}]"

        return cls._from_labels("from_labeled_triples", triples, entity_to_id, relation_to_id, unknown, place)

    @classmethod
    def _from_labels(cls, function, triples, entity_to_id, relation_to_id, unknown, place):
        """A factory of checked labels; `place` says where triple i, or one label of it, stands."""
        check.choice(function, "unknown", unknown, ("error", "drop"))
        entities = {label for h, _, t in triples for label in (h, t)}
        relations = {r for _, r, _ in triples}
        for name, ids in (("entity_to_id", entity_to_id), ("relation_to_id", relation_to_id)):
            if ids is not None:
                check_ids(function, name, ids)
        warn_of_lookalikes(function, "entity", entities, set(entity_to_id or ()))
        warn_of_lookalikes(function, "relation", relations, set(relation_to_id or ()))
        e = sorted_ids(entities) if entity_to_id is None else entity_to_id
        r = sorted_ids(relations, relations=True) if relation_to_id is None else relation_to_id
        ids = np.array([(e.get(h, -1), r.get(x, -1), e.get(t, -1)) for h, x, t in triples], np.int64).reshape(-1, 3)
        known = np.asarray((ids >= 0).all(axis=1))
        dropped = int(np.count_nonzero(~known))
        if dropped:
            i = int(np.argmin(known))
            column = int(np.argmin(ids[i]))
            label = triples[i][column]
            if unknown == "error":
                raise ValueError(str(unknown_label(function, place(i, column), label, tuple(r if column == 1 else e))))
            found = f"{dropped} of {len(ids)} triples hold a label that has no id, the first {place(i, column)} = {shown(label)}"
            warn(f"{function}: {found}; they are left out")
        unique = np.unique(ids[known], axis=0)
        duplicates = len(ids) - dropped - len(unique)
        if duplicates:
            first: dict = {}
            i, j = next((i, first[triple]) for i, triple in enumerate(triples) if known[i] and first.setdefault(triple, i) != i)
            found = f"{duplicates} of {len(ids)} triples repeat an earlier one, the first {place(i)} that of {place(j)}"
            warn(f"{function}: {found}; each is kept once")
        return cls(unique, e, r, duplicates, dropped)

    @property
    def num_entities(self):
        """How many entities there are, N of an entity table."""
        return len(self.entity_to_id)

    @property
    def num_relations(self):
        """How many relations there are, N of a relation table."""
        return len(self.relation_to_id)

    @property
    def num_triples(self):
        """How many triples there are."""
        return len(self.mapped_triples)

    @functools.cached_property
    def entity_labels(self):
        """The label of each entity: a tuple, in the order of the ids."""
        return tuple(sorted(self.entity_to_id, key=self.entity_to_id.__getitem__))

    @functools.cached_property
    def relation_labels(self):
        """The label of each relation: a tuple, in the order of the ids."""
        return tuple(sorted(self.relation_to_id, key=self.relation_to_id.__getitem__))

    def entity_id(self, label):
        """The id of an entity, by its exact label; one that is not known is an UnknownNameError that names the nearest.

        >>> TriplesFactory.from_labeled_triples([("bob", "knows", "ann")]).entity_id("bob")
        1
        """
        return _lookup("entity_id", "entity", label, self.entity_to_id)

    def relation_id(self, label):
        """The id of a relation, by its exact label; one that is not known is an UnknownNameError that names the nearest."""
        return _lookup("relation_id", "relation", label, self.relation_to_id)

    def split(self, ratios=(0.8, 0.1, 0.1), rng=0):
        """Part the triples at random; each goes into one part, and all entities and relations occur in the first.

        The triples are shuffled and cut; where an entity or relation would be missing from the first part, the first triple that
        holds it moves there, and one that can be spared moves out.

        Parameters
        ----------
        ratios : sequence of float that sum to 1, or one float r for ``(r, 1 - r)``
            The parts end at ``n * (r_0 + ... + r_i)``, rounded down.
        rng : int, generator, or None
            An int gives the same parts every time.

        Returns
        -------
        list of TriplesFactory
            With the same ids, triples in order. The first carries `duplicates` and `dropped` of the whole.

        Raises
        ------
        ValueError
            If a part would be empty, or the first one too small to hold every entity and relation.

        Examples
        --------
        >>> chain = TriplesFactory.from_labeled_triples([(a, "before", b) for a in "abcdef" for b in "abcdef" if a < b])
        >>> [part.num_triples for part in chain.split((0.6, 0.2, 0.2))]
        [9, 3, 3]
        """
        parts = split_indices(self.mapped_triples, ratios, rng)
        counts = [(self.duplicates, self.dropped)] + [(0, 0)] * (len(parts) - 1)
        ids = self.entity_to_id, self.relation_to_id
        return [TriplesFactory(self.mapped_triples[part], *ids, *count) for part, count in zip(parts, counts, strict=True)]

    def __repr__(self):
        names = ["num_entities", "num_relations", "num_triples", *(n for n in ("duplicates", "dropped") if getattr(self, n))]
        return f"TriplesFactory({', '.join(f'{name}={getattr(self, name)}' for name in names)})"


def _lookup(function, argument, label, ids):
    """The id of a label."""
    if not isinstance(label, str):
        raise TypeError(f"{function}: {argument} = {check.said(label)} is of type {type(label).__name__}; allowed: a label (str)")
    if label not in ids:
        raise unknown_label(function, argument, label, tuple(ids))
    return ids[label]


def _rows(triples):
    """An (n, 3) array or list of labels as a list of tuples of str."""
    function, allowed = "from_labeled_triples", "an (n, 3) array or list of str: head, relation, tail"
    if not isinstance(triples, (np.ndarray, list, tuple)):
        raise TypeError(f"{function}: triples is a {type(triples).__name__}; allowed: {allowed}")
    if isinstance(triples, np.ndarray) and (triples.ndim != 2 or triples.shape[1] != 3):
        raise ValueError(f"{function}: triples has shape {triples.shape}; allowed: {allowed}")
    rows = []
    for i, row in enumerate(triples):
        if not isinstance(row, (np.ndarray, list, tuple)) or len(row) != 3:
            raise ValueError(f"{function}: triples[{i}] = {check.said(row)} is no triple; allowed: {allowed}")
        for column, label in enumerate(row):
            if found := flaw(label):
                raise ValueError(f"{function}: triples[{i}, {column}] {found}; allowed: {ALLOWED}")
        rows.append(tuple(map(str, row)))
    return rows
