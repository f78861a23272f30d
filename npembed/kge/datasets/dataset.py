"""`Dataset`: training, validation and testing triples over the same ids; from a name, a folder or a file by `load`."""

import difflib
import os
from pathlib import Path

from ... import check
from ...io.labels import shown
from ...io.paths import path_name
from ...op import normalize_name
from .triples import TriplesFactory

STEMS = {"training": ("train",), "validation": ("valid", "validation", "dev"), "testing": ("test",)}
"""What the files of a folder may be called, before ``.txt`` or ``.tsv``."""

ENDINGS = (".txt", ".tsv")

PARTS = ("training", "validation", "testing")
"""Of a graph."""


@check.public
class Dataset:
    """A knowledge graph in three parts.

    Parameters
    ----------
    name : str
    training, validation, testing : TriplesFactory
        Over the same ids.

    Examples
    --------
    >>> whole = TriplesFactory.from_labeled_triples([(a, "before", b) for a in "abcdef" for b in "abcdef" if a < b])
    >>> Dataset("letters", *whole.split((0.6, 0.2, 0.2)))
    Dataset('letters', num_entities=6, num_relations=1, training=9, validation=3, testing=3)
    """

    def __init__(self, name, training, validation, testing):
        for part, factory in (("training", training), ("validation", validation), ("testing", testing)):
            if not isinstance(factory, TriplesFactory):
                raise TypeError(f"Dataset: {part} is a {type(factory).__name__}; allowed: a TriplesFactory")
            if factory.entity_to_id != training.entity_to_id or factory.relation_to_id != training.relation_to_id:
                raise ValueError(f"Dataset: {part} has other ids than training; allowed: the same ids in all parts")
        self.name, self.training, self.validation, self.testing = name, training, validation, testing

    @property
    def num_entities(self):
        """How many entities there are."""
        return self.training.num_entities

    @property
    def num_relations(self):
        """How many relations there are."""
        return self.training.num_relations

    def __repr__(self):
        sizes = {"num_entities": self.num_entities, "num_relations": self.num_relations}
        sizes |= {part: getattr(self, part).num_triples for part in STEMS}
        return f"Dataset({self.name!r}, {', '.join(f'{name}={size}' for name, size in sizes.items())})"


@check.public
class Shipped(Dataset):
    """A graph whose files, and a note on their origin, lie in the folder beside this file that bears the class's name."""

    def __init__(self):
        name = type(self).__name__.lower()
        super().__init__(name, *_from_folder(Path(__file__).parent / name))

    def __repr__(self):
        return f"{type(self).__name__}(training={self.training})"


class Nations(Shipped):
    """14 countries and 55 relations among them; small enough to look at, real enough to learn from.

    Attributes
    ----------
    training, validation, testing : TriplesFactory
        1592, 199 and 201 triples over the same ids.

    References
    ----------
    Kemp et al., Learning systems of concepts with an infinite relational model (AAAI 2006). The files' origin is noted beside them.

    Examples
    --------
    >>> Nations().training
    TriplesFactory(num_entities=14, num_relations=55, num_triples=1592)
    """


class Kinships(Shipped):
    """104 members of an Australian tribe and 25 kinship terms; whoever two people are, one term holds between them.

    Attributes
    ----------
    training, validation, testing : TriplesFactory
        8544, 1068 and 1074 triples over the same ids.

    References
    ----------
    Denham, The detection of patterns in Alyawarra nonverbal behavior (1973); Kemp et al. (AAAI 2006), as `Nations`.

    Examples
    --------
    >>> Kinships().training
    TriplesFactory(num_entities=104, num_relations=25, num_triples=8544)
    """


class UMLS(Shipped):
    """135 medical concepts and 46 relations among them, the semantic network of the Unified Medical Language System.

    Attributes
    ----------
    training, validation, testing : TriplesFactory
        5216, 652 and 661 triples over the same ids.

    References
    ----------
    McCray, An upper-level ontology for the biomedical domain (2003), doi:10.1002/cfg.255; Kemp et al. (AAAI 2006), as `Nations`.

    Examples
    --------
    >>> UMLS().training
    TriplesFactory(num_entities=135, num_relations=46, num_triples=5216)
    """


DATASETS = {"nations": Nations, "kinships": Kinships, "umls": UMLS}
"""By name."""


@check.public
def load(source, *, seed=0):
    """A knowledge graph, by name or from one's own files.

    Parameters
    ----------
    source : str, path or Dataset
        A name from `DATASETS` (case, ``-``, ``_`` and spaces do not count; for a folder of that name write ``./nations``). Or a
        folder with three files ``train``, ``valid`` (or ``validation``, ``dev``) and ``test``, each ``.txt`` or ``.tsv``: ids come
        from the training file, and triples of the others with a label that it lacks are left out with a warning, as in PyKEEN.
        Or one file, which is split 0.8 : 0.1 : 0.1. A Dataset is returned as it is.
    seed : int, generator, or None
        How one file is split; of no effect otherwise.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownNameError, ValueError, OSError
        For a source that is none of these, and for files that are malformed, missing or there twice.

    Examples
    --------
    >>> load("Nations").testing
    TriplesFactory(num_entities=14, num_relations=55, num_triples=201)
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str):
        for name, known in DATASETS.items():
            if normalize_name(name) == normalize_name(source):
                return known()
    elif not isinstance(source, os.PathLike):
        found = f"source is a {type(source).__name__}"
        raise TypeError(f"load: {found}; allowed: a name ({check.names(DATASETS)}), a folder or a file")
    if os.path.isdir(source):
        return Dataset(_text(Path(source).resolve().name), *_from_folder(Path(source)))
    if not os.path.exists(source):
        near = difflib.get_close_matches(str(source).lower(), DATASETS, n=1)
        found = f"source = {shown(str(source))} is neither a known name nor a path to a folder or file"
        allowed = f"{', '.join(DATASETS)}, a folder with train, valid and test files, or a file of triples"
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise check.UnknownNameError(f"load: {found}{hint}; allowed: {allowed}")
    return Dataset(_text(Path(source).stem), *TriplesFactory.from_path(source).split(rng=seed))


def _text(name):
    """The name of a file as text that can be printed and saved: bytes of it that are not UTF-8 become escapes such as ``\\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _from_folder(folder):
    """Training, validation and testing from the files of a folder."""
    files = [_find(folder, part) for part in STEMS]
    training = TriplesFactory.from_path(files[0])
    ids = {"entity_to_id": training.entity_to_id, "relation_to_id": training.relation_to_id}
    return training, *(TriplesFactory.from_path(file, **ids, unknown="drop") for file in files[1:])


def _find(folder, part):
    """The one file of a folder that holds a part."""
    names = [stem + ending for stem in STEMS[part] for ending in ENDINGS]
    found = [name for name in names if (folder / name).exists()]
    if not found:
        raise FileNotFoundError(f"load: {path_name(folder)} has no {part} file; allowed: {check.names(names)}")
    if len(found) > 1:
        raise ValueError(f"load: {path_name(folder)} has {check.names(found)} for {part}; allowed: one of them")
    return folder / found[0]
