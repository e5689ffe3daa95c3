"""Values as JSON and tensors, and in one file: a pipeline that travels with its model.

A dataclass becomes `{"type": NAME, FIELD: VALUE, ...}` with every field written out, an array `{"tensor": NAME}`, a
registered function `{"function": NAME}`; numbers, texts, booleans, null and lists are themselves. Reading such a text
makes values of a closed list of classes and does nothing else: it runs no code of the text's, imports nothing and opens
no path.
"""

from __future__ import annotations

import errno
import json
import math
import os
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from imagefeed import transforms
from imagefeed.checks import is_number
from imagefeed.errors import SpecError
from imagefeed.statistics import Covariance, Statistics
from imagefeed.writing import written

T = TypeVar("T")

VERSION = 1
"""Of the form of the text. Fields that are added later have defaults, so older texts stay readable."""

_KEY = "imagefeed"  # in the metadata of a file

_classes: dict[str, type] = {}
_functions: dict[str, Callable[..., Any]] = {}


class Document(NamedTuple):
    """A value in plain parts.

    Attributes:
        text: JSON.
        tensors: The arrays that it names.
    """

    text: str
    tensors: dict[str, NDArray[Any]]


def register(thing: T) -> T:
    """Let a transform of yours, or a function that `Apply` calls, be saved and loaded by its name.

    Write it as a decorator, above `@dataclass` for a class. What loads a file must have registered the same names.

        >>> import imagefeed as feed
        >>> @feed.register
        ... def mirrored(image):
        ...     return image[:, ::-1]
        >>> feed.Pipeline([feed.Apply(mirrored)]).save(photo_folder / "mirrored.safetensors")
        >>> feed.Pipeline.load(photo_folder / "mirrored.safetensors")
        Pipeline([
            Apply(mirrored),
        ])

    Args:
        thing: A function, or a frozen dataclass.

    Raises:
        SpecError: The name is taken, or a class's annotations cannot be resolved.
    """
    named: Any = thing
    name = getattr(named, "__name__", None)
    if not callable(named) or not isinstance(name, str):
        raise SpecError(f"register: got {thing!r}; expected a function or a class")
    is_class = isinstance(named, type)
    if is_class and not is_dataclass(cast(Any, named)):
        raise SpecError(f"register: {name} is not a dataclass; put @register above @dataclass(frozen=True)")
    if is_class:
        _hints(cast(Any, named))
    table: dict[str, Any] = _classes if is_class else _functions
    taken: Any = _standing_for(name) if is_class else table.get(name)
    # A cell of a notebook that is run again defines the same thing anew.
    if taken is not None and _origin(taken) != _origin(named):
        raise SpecError(f"register: the name {name!r} is taken by {_origin(taken)}")
    table[name] = named
    return thing


def encode(value: object) -> Document:
    """A value of a known class as text and tensors.

    Raises:
        SpecError: Something in it cannot be written, such as a function that is not registered.
    """
    tensors: dict[str, NDArray[Any]] = {}
    content = {"version": VERSION, "value": _encode(value, "", tensors)}
    return Document(json.dumps(content, allow_nan=False), tensors)


def decode(text: str, tensors: Mapping[str, NDArray[Any]], kind: type[T]) -> T:
    """What `encode` wrote.

    Args:
        text: JSON, as of a Document.
        tensors: The arrays that it names, and no others.
        kind: The class that the value must be of.

    Raises:
        SpecError: It is not what `encode` writes; the message names the place, as `steps[2].Rotate.degrees`.
    """
    try:
        content: Any = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"not the text of a {kind.__name__}: {error}") from error
    if not isinstance(content, dict) or set(cast("Any", content)) != {"version", "value"}:
        raise SpecError(f"not the text of a {kind.__name__}: expected an object with a version and a value")
    parts = cast("dict[str, Any]", content)
    version, value = parts["version"], parts["value"]
    if type(version) is not int or version != VERSION:
        raise SpecError(f"version: got {version!r}; this imagefeed reads version {VERSION}: install a newer one")
    reader = _Reader(tensors)
    try:
        result = reader.read(value, "")
    except RecursionError as error:
        raise SpecError("value: nested too deeply") from error
    unused = sorted(set(tensors) - reader.used)
    if unused:
        raise SpecError(f"tensors: got {unused[0]!r}, which nothing refers to")
    if not isinstance(result, kind):
        raise SpecError(f"expected a {kind.__name__}, got a {type(result).__name__}")
    return result


def digest(value: object) -> str:
    """64 hexadecimal digits that are the same for equal values and, in all likelihood, for no others.

    Raises:
        SpecError: As `encode`.
    """
    import hashlib

    document = encode(value)
    found = hashlib.sha256(document.text.encode())
    for name, array in sorted(document.tensors.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def save(path: str | os.PathLike[str], value: object) -> None:
    """Write a value to one file: safetensors, with the text in its metadata and the arrays as tensors; or, where the
    name ends in .json, the text alone.

    The file takes its name when it is complete.

    Raises:
        SpecError: As `encode`; or the value holds arrays, and the name ends in .json.
        OSError: The file cannot be written.
    """
    document = encode(value)
    with written(path) as partial:
        if Path(path).suffix == ".json":
            partial.write_text(_plain_text(document), "utf-8")
        else:
            _write_tensors(document, partial)


def _write_tensors(document: Document, file: Path) -> None:
    safetensors = import_module("safetensors.numpy")
    tensors = {name: np.ascontiguousarray(array) for name, array in document.tensors.items()}
    try:
        safetensors.save_file(tensors, file, {_KEY: document.text})
    except import_module("safetensors").SafetensorError as error:  # what it makes of a full disk
        raise OSError(errno.EIO, f"cannot be written: {error}", str(file)) from error


def _plain_text(document: Document) -> str:
    if document.tensors:
        raise SpecError("JSON has no place for arrays; save to a name that ends in .safetensors")
    return json.dumps(json.loads(document.text), indent=2) + "\n"


def load(path: str | os.PathLike[str], kind: type[T]) -> T:
    """What `save` wrote.

    Raises:
        SpecError: There is no such file, it is damaged, or it holds something else.
    """
    document = read(path)
    try:
        return decode(document.text, document.tensors, kind)
    except SpecError as error:
        raise SpecError(f"{os.fspath(path)}: {error}") from error


def read(path: str | os.PathLike[str]) -> Document:
    """The parts of a file that `save` wrote, not yet looked at.

    Raises:
        SpecError: There is no such file, or it is another kind of file.
    """
    where = Path(path)
    safetensors = import_module("safetensors")
    try:
        if not where.is_file():  # a folder, or a pipe, which would be waited for
            fault = "not a file" if where.exists() else "there is no such file"
            raise SpecError(f"{where}: {fault}; expected one that Pipeline.save or Statistics.save wrote")
        if where.suffix == ".json":
            return Document(where.read_text("utf-8"), {})
        with safetensors.safe_open(str(where), framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            text = metadata.get(_KEY)
            if text is None:
                raise SpecError(f"{where}: a safetensors file, but not one of imagefeed's")
            return Document(text, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - not a dict
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise SpecError(f"{where}: not a file that imagefeed has saved: {error}") from error


# ------------------------------------------------------------------------------------------------ writing


def _encode(value: Any, path: str, tensors: dict[str, NDArray[Any]]) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if is_number(value):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return [_encode(item, f"{path}[{k}]", tensors) for k, item in enumerate(items)]
    if isinstance(value, np.ndarray):
        tensors[path] = value
        return {"tensor": path}
    cls = cast(Any, type(value))
    name: str = cls.__name__
    if _standing_for(name) is cls:
        inside = f"{path}.{name}" if path else ""
        parts = {field.name: getattr(value, field.name) for field in _fields(cls)}
        return {"type": name} | {
            key: _encode(part, f"{inside}.{key}".lstrip("."), tensors) for key, part in parts.items()
        }
    if callable(value):
        name = getattr(value, "__name__", repr(value))
        if _functions.get(name) is not value:
            raise SpecError(f"{path}: {name} cannot be saved by name; put @imagefeed.register above its definition")
        return {"function": name}
    advice = "; put @imagefeed.register above its class" if is_dataclass(value) else ""
    raise SpecError(f"{path}: {value!r} cannot be saved{advice}")


# ------------------------------------------------------------------------------------------------ reading


class _Reader:
    """Makes values of parsed JSON, and remembers which tensors it took."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        self.used: set[str] = set()

    def read(self, value: Any, path: str) -> Any:
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return tuple(self.read(item, f"{path}[{k}]") for k, item in enumerate(items))
        if not isinstance(value, dict):
            if isinstance(value, float) and not math.isfinite(value):
                raise SpecError(f"{path or 'value'}: got {value}; expected a finite number")
            return value
        content = cast("dict[str, Any]", value)
        if set(content) == {"tensor"}:
            return self._tensor(content["tensor"], path)
        if set(content) == {"function"}:
            return _function(content["function"], path)
        return self._instance(content, path)

    def _tensor(self, name: Any, path: str) -> NDArray[Any]:
        if not isinstance(name, str) or name not in self._tensors:
            raise SpecError(f"{path}: there is no tensor {name!r}")
        self.used.add(name)
        return self._tensors[name]

    def _instance(self, content: Mapping[str, Any], path: str) -> Any:
        name = content.get("type")
        cls = _known(name) if isinstance(name, str) else None
        if cls is None:
            expected = "expected a transform of this imagefeed, or a class registered by @imagefeed.register"
            raise SpecError(f"{path or 'value'}: got type {name!r}; {expected}")
        inside = f"{path}.{name}" if path else str(name)
        known = {field.name: field for field in _fields(cls)}
        unknown = sorted(set(content) - set(known) - {"type"})
        if unknown:
            raise SpecError(f"{inside}.{unknown[0]}: unknown; expected one of {', '.join(known)}")
        missing = [key for key, field in known.items() if key not in content and _required(field)]
        if missing:
            raise SpecError(f"{inside}.{missing[0]}: missing")
        # At the top the name of the class says nothing: `steps[2]` and not `Pipeline.steps[2]`.
        start = f"{inside}." if path else ""
        return _made(
            cls, {key: self.read(part, start + key) for key, part in content.items() if key != "type"}, path, inside
        )


def _made(cls: type, parts: Mapping[str, Any], path: str, inside: str) -> Any:
    """An instance that says no to what it cannot be, in words that begin with the path."""
    try:
        made = cls(**parts)
    except SpecError as error:
        raise SpecError(f"{path}.{error}" if path else str(error)) from error
    except Exception as error:  # what stands in a file must not end in anything else
        raise SpecError(f"{inside}: {type(error).__name__}: {error}") from error
    hints = _hints(cls)
    for field in _fields(cls):
        value = getattr(made, field.name)
        if not fits(value, hints[field.name]):
            raise SpecError(f"{inside}.{field.name}: got {value!r}; expected {_words(hints[field.name])}")
    return made


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that an annotation asks for."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    if origin in (Union, types.UnionType):
        return any(fits(value, choice) for choice in arguments)
    if origin is tuple and arguments[-1:] != (Ellipsis,):
        return (
            isinstance(value, tuple)
            and len(cast("tuple[Any, ...]", value)) == len(arguments)
            and all(map(fits, cast("tuple[Any, ...]", value), arguments))
        )
    if origin in (tuple, list, Sequence):
        return isinstance(value, tuple) and all(fits(item, arguments[0]) for item in cast("tuple[Any, ...]", value))
    if hint is float:
        return is_number(value)
    if hint in (int, bool, str, type(None), None):
        return type(value) is (type(None) if hint is None else hint)
    kind = origin or hint
    return isinstance(value, kind) if isinstance(kind, type) else False


def _words(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)) if get_origin(hint) is None else str(hint).replace("typing.", "")


def _origin(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _function(name: Any, path: str) -> Callable[..., Any]:
    found = _functions.get(name) if isinstance(name, str) else None
    if found is None:
        raise SpecError(
            f"{path}: the function {name!r} is not registered; put @imagefeed.register above its definition"
        )
    return found


def _known(name: str) -> Any:
    """The class of a name in a file, in the closed list; None for any other name."""
    _import_transforms()
    return _standing_for(name)


def _standing_for(name: str) -> Any:
    """The same for a name that no file gave: no other transforms are imported."""
    if name in ("Statistics", "Covariance"):
        return Statistics if name == "Statistics" else Covariance
    built_in = getattr(transforms, name) if name in transforms.__all__ else None
    return built_in if isinstance(built_in, type) and is_dataclass(built_in) else _classes.get(name)


@cache
def _import_transforms() -> None:
    """All transforms of this package, once, whatever a file says."""
    for name in transforms.__all__:
        getattr(transforms, name)


_hints_of: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _hints_of:
        try:
            _hints_of[cls] = get_type_hints(cls)
        except (NameError, TypeError) as error:
            raise SpecError(f"{cls.__name__}: its annotations cannot be resolved: {error}") from error
    return _hints_of[cls]


def _fields(cls: type) -> tuple[Field[Any], ...]:
    return tuple(field for field in fields(cast(Any, cls)) if field.init)


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that can be used")
