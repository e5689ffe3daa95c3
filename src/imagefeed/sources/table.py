"""A table with a row for each picture: a frame of pandas, polars or pyarrow, or a CSV or Parquet file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from imagefeed.checks import check_bool, fail
from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.columns import Classes, Columns, Wanted
from imagefeed.sources.listed import Listed
from imagefeed.sources.names import Names
from imagefeed.sources.pictures import BytesPictures, FilePictures, Pictures
from imagefeed.sources.remote import UrlPictures, is_url

_BACKENDS = ("polars", "pyarrow", "pandas")
"""Who reads files, in the order in which they are asked."""


def table(
    data: Any,
    *,
    image: str = "image",
    label: Wanted = None,
    multi_label: Wanted = None,
    value: Wanted = None,
    weight: str | None = None,
    classes: Classes = None,
    separator: str = " ",
    root: str | os.PathLike[str] | None = None,
    must_exist: bool = True,
    color: Color = "rgb",
) -> Listed:
    """The pictures that a table names or holds, a row for each.

    What the columns become: a label column, class numbers (int64); a multi-label column, rows of zeros and ones
    (float32); a value column, numbers (float32). One column is the target itself; several are a dict by the columns'
    names. A missing label, value or weight is an error; a missing multi-label is a picture with none of the classes.
    The same picture may stand in several rows.

        >>> from imagefeed import table
        >>> table("photos.csv", image="file", label="kind")  # doctest: +SKIP
        Table('photos.csv', 12 records: cats 6, dogs 6)

    Args:
        data: A frame of pandas, polars or pyarrow (whatever narwhals knows), or the path of a .csv, .tsv or .parquet
            file, which one of those three reads.
        image: The column of pictures: paths, the bytes of files (or {"bytes": ..., "path": ...}, as Hugging Face
            stores them), or URLs that fsspec can open.
        label: The column with the class of each picture, as names or as numbers from 0; or several columns.
        multi_label: Columns with several classes for each picture: lists, or text with a separator in between.
        value: Columns with numbers, or lists of as many numbers in each row.
        weight: The column that says how much each picture counts in the loss.
        classes: The classes in the order in which they are numbered; a mapping where several columns have classes of
            their own. By default names are numbered in sorted order.
        separator: What stands between the labels of a multi-label text.
        root: The folder that paths start from. By default the folder of the file, or the working directory.
        must_exist: Whether to look for every file now, which takes a second for some hundred thousand. Otherwise a
            file that is missing is a DecodeError when its turn comes.
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.

    Raises:
        SourceError: The table cannot be read, a column or a value is missing or of the wrong kind, or files are
            missing.
        ModuleNotFoundError: narwhals is not installed: `pip install imagefeed[table]`.
    """
    check_color("table(color=)", color)
    check_bool("table(must_exist=)", must_exist)
    columns = Columns(
        label=label, multi_label=multi_label, value=value, weight=weight, classes=classes, separator=separator
    )
    frame, where, folder = _frame(data, [image, *columns.names])
    labeled = columns.read(_reader(frame), where)
    if image not in frame.columns:
        raise SourceError(f"{where}: has no column {image!r}; it has {', '.join(frame.columns)}")
    base = Path(root) if root is not None else folder
    pictures = _pictures(frame[image].to_list(), f"{where}: column {image!r}", base)
    if must_exist and isinstance(pictures, FilePictures):
        _check_files(pictures, where)
    return Listed(
        pictures,
        labeled,
        color=color,
        title=f"Table({where!r})" if isinstance(data, str | os.PathLike) else "Table(frame)",
    )


def _frame(data: Any, wanted: Sequence[str]) -> tuple[Any, str, Path]:
    """The table by narwhals, what to call it, and the folder that its paths start from."""
    nw: Any = import_module("narwhals")  # not before it is needed

    if not isinstance(data, str | os.PathLike):
        try:
            return nw.from_native(data, eager_only=True), "table", Path()
        except TypeError:
            kind = type(data).__name__  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            raise fail("table(data=)", kind, "expected a frame of pandas, polars or pyarrow, or a path") from None
    path = Path(data)  # pyright: ignore[reportUnknownArgumentType]
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file")
    backend = next((name for name in _BACKENDS if find_spec(name)), None)
    if backend is None:
        raise SourceError(f"{path}: to read a file, table needs one of {', '.join(_BACKENDS)}; install one")
    read: dict[str, Callable[[], Any]] = {
        ".csv": lambda: nw.read_csv(str(path), backend=backend),
        ".tsv": lambda: nw.read_csv(str(path), backend=backend, separator="\t"),
        ".parquet": lambda: _read_parquet(nw, path, backend, wanted),
    }
    if path.suffix.lower() not in read:
        raise fail("table(data=)", str(path), f"expected a file of {', '.join(read)}; or read it yourself, as a frame")
    try:
        return read[path.suffix.lower()](), path.name, path.parent
    except Exception as error:  # whatever the reader calls it
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"{path}: cannot be read as a table ({type(error).__name__}: {reason})") from error


def _read_parquet(nw: Any, path: Path, backend: str, wanted: Sequence[str]) -> Any:
    """Only the columns that are needed: others may be large."""
    lazy = nw.scan_parquet(str(path), backend=backend)
    known = lazy.collect_schema().names()
    return lazy.select([name for name in dict.fromkeys(wanted) if name in known]).collect()


def _reader(frame: Any) -> Callable[[str], list[Any]]:
    def read(name: str) -> list[Any]:
        if name not in frame.columns:
            raise KeyError(name)
        return frame[name].to_list()

    return read


def _pictures(values: Sequence[Any], where: str, base: Path) -> Pictures:
    found = [_picture(value, f"{where}, row {k}") for k, value in enumerate(values)]
    kinds = {"bytes" if isinstance(one, bytes) else "URL" if is_url(one) else "path" for one in found}
    if len(kinds) > 1:
        raise SourceError(f"{where}: holds {' and '.join(sorted(kinds))}; expected one kind")
    if kinds == {"bytes"}:
        return BytesPictures([one for one in found if isinstance(one, bytes)], where)
    names = Names.of([str(one) for one in found])
    return UrlPictures(names) if kinds == {"URL"} else FilePictures(base, names)


def _picture(stored: Any, where: str) -> str | bytes:
    value: Any = stored
    if hasattr(stored, "get"):  # a dict, as Hugging Face stores an image
        value = stored.get("bytes") or stored.get("path")
    elif type(stored) in (bytearray, memoryview):
        value = bytes(stored)
    elif hasattr(stored, "__fspath__"):
        value = str(stored)
    if not isinstance(value, str | bytes) or not value:
        raise SourceError(f"{where}: got {stored!r}; expected a path, a URL, or the bytes of a picture")
    if isinstance(value, str) and "\0" in value:
        raise SourceError(f"{where}: got {value!r}; a path holds no zero byte")
    return value


def _check_files(pictures: FilePictures, where: str) -> None:
    names = pictures.names(np.arange(len(pictures)))
    missing = [row for row, name in enumerate(names) if not os.path.isfile(name)]
    if missing:
        shown = ", ".join(f"{names[row]} (row {row})" for row in missing[:3])
        raise SourceError(
            f"{where}: {len(missing)} of {len(names)} files are missing: {shown}{', …' if len(missing) > 3 else ''}; "
            "give their folder as root=, leave these rows out, or pass must_exist=False"
        )
