"""Where records come from: immutable, indexable lists of stored pictures and what goes with them."""

from imagefeed.sources.arrays import Arrays, arrays
from imagefeed.sources.base import Source
from imagefeed.sources.files import Files
from imagefeed.sources.folder import Folder, folder
from imagefeed.sources.listed import Listed
from imagefeed.sources.pairs import Pairs, pairs
from imagefeed.sources.parts import Concat, Relabeled, Subset, concat
from imagefeed.sources.shards import shards
from imagefeed.sources.table import table

__all__ = [
    "Arrays",
    "Concat",
    "Files",
    "Folder",
    "Listed",
    "Pairs",
    "Relabeled",
    "Source",
    "Subset",
    "arrays",
    "concat",
    "folder",
    "pairs",
    "shards",
    "table",
]
