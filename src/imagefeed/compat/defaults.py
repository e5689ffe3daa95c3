"""What Keras's own configuration says, where Keras is imported: the layout and the dtype that nobody named."""

from __future__ import annotations

import sys
from typing import Any, Literal, TypeAlias, cast

DataFormat: TypeAlias = Literal["channels_last", "channels_first"]


def data_format() -> DataFormat:
    """What `keras.config.image_data_format()` gives; "channels_last" where Keras is not imported."""
    return _configured("image_data_format", "channels_last")


def float_dtype() -> str:
    """What `keras.config.floatx()` gives; "float32" where Keras is not imported."""
    return _configured("floatx", "float32")


def _configured(name: str, otherwise: Any) -> Any:
    # A framework must not be imported, and one that is not imported was not configured either.
    config = getattr(cast(Any, sys.modules.get("keras")), "config", None)
    return otherwise if config is None else getattr(config, name)()
