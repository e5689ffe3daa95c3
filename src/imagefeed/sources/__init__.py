"""Where records come from: immutable, indexable lists of stored pictures and what goes with them."""

from imagefeed.sources.arrays import Arrays, arrays
from imagefeed.sources.base import Source
from imagefeed.sources.files import Files
from imagefeed.sources.folder import Folder, folder
from imagefeed.sources.split import Subset

__all__ = ["Arrays", "Files", "Folder", "Source", "Subset", "arrays", "folder"]
