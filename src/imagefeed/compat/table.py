"""Columns of a table, whichever library it is from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Table:
    """The columns of a table of pandas, polars or pyarrow."""

    def __init__(self, table: Any) -> None:
        names = getattr(table, "column_names", None) or getattr(table, "columns", None)
        if names is None:
            raise TypeError(f"dataframe: got {type(table).__name__}; expected a table of pandas, polars or pyarrow")
        self._table = table
        self._names = set(names)

    def __len__(self) -> int:
        return int(self._table.shape[0])

    def column(self, name: str, rows: NDArray[np.int64] | None = None) -> list[Any]:
        """The values of a column, or of some of its rows.

        Raises:
            KeyError: There is no such column.
        """
        series = self._series(name)
        method = next(method for method in ("tolist", "to_list", "to_pylist") if hasattr(series, method))
        values = [_plain(value) for value in getattr(series, method)()]
        return values if rows is None else [values[row] for row in rows.tolist()]

    def holds(self, name: str, kind: type | UnionType) -> bool:
        """Whether all the values of a column are of a kind."""
        return all(isinstance(value, kind) for value in self.column(name))

    def values(self, name: str | Sequence[str]) -> NDArray[Any]:
        """A column as an array (n,), or several as (n, columns)."""
        if isinstance(name, str):
            return np.asarray(self._series(name).to_numpy())
        return np.stack([self.values(one) for one in name], axis=1)

    def _series(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._table[name]


def _plain(value: Any) -> Any:
    """A path as a string, an array as a list."""
    return os.fspath(value) if isinstance(value, Path) else value.tolist() if isinstance(value, np.ndarray) else value
