"""The exceptions that imagefeed raises.

    ImagefeedError
    ├── DecodeError    a file's bytes are not a picture that can be read
    ├── SourceError    a folder, table or list of records is not what was asked for
    ├── SpecError      a transform, variable or pipeline is written wrongly
    ├── PlanError      a well-written pipeline cannot be applied to these records
    ├── CacheError     a cache's folder cannot be used
    └── WorkerError    a process that works for a loader has ended before its work was done

Every message is complete by itself: it names the file or the field, the value, what was expected and what to
do. All of them can be pickled, so they cross processes unharmed.
"""

from __future__ import annotations


class ImagefeedError(Exception):
    """The base of every exception of this package."""


class DecodeError(ImagefeedError):
    """A picture could not be decoded.

    Attributes:
        path: The file, or a name for the bytes that did not come from one.
        reason: What is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)  # both are kept as args, from which pickle builds the exception anew
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class SourceError(ImagefeedError):
    """Records could not be listed, labeled or split as asked."""


class SpecError(ImagefeedError):
    """A transform, variable or pipeline has a value that it cannot have."""


class PlanError(ImagefeedError):
    """A pipeline cannot be applied to the pictures at hand."""


class CacheError(ImagefeedError):
    """A cache's folder cannot be used."""


class WorkerError(ImagefeedError):
    """A process that works for a loader has ended before its work was done."""
