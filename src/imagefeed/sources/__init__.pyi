# The sources and where they are; imported when they are first used, as the package's names are.
from .arrays import (
    Arrays as Arrays,
    arrays as arrays,
)
from .base import Source as Source
from .coco import coco as coco
from .files import Files as Files
from .folder import (
    Folder as Folder,
    folder as folder,
)
from .hub import hub as hub
from .keras_dataset import keras_dataset as keras_dataset
from .listed import Listed as Listed
from .pairs import (
    Pairs as Pairs,
    pairs as pairs,
)
from .parts import (
    Concat as Concat,
    Relabeled as Relabeled,
    Subset as Subset,
    concat as concat,
)
from .shards import shards as shards
from .table import table as table
from .voc import voc as voc
from .yolo import yolo as yolo
