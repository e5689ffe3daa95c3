"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written(path: str | os.PathLike[str]) -> Generator[Path, None, None]:
    """Where to write what becomes the file `path` when the block ends, and nothing if it ends by an error.

    Raises:
        OSError: There is no folder for the file, or a folder has its name; it is said before anything is made.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"there is no folder {str(target.parent)!r} to write to; make it first", str(target)
        )
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it", str(target))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
