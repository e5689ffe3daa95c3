"""Scripts that use Keras's ImageDataGenerator or torchvision's transforms, read for the pipelines that they stand for.

A script is parsed, never run. What it says in numbers is carried over; what it does not, or what has no counterpart, is
told with its line.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from imagefeed import transforms as t
from imagefeed.errors import ImagefeedError, SpecError
from imagefeed.pipeline import Pipeline
from imagefeed.transforms import Transform

BYTE = 1 / 255
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right,
}


@dataclass(slots=True)
class Found:
    """A pipeline that a script has.

    Attributes:
        line: Where it begins.
        name: What it is called there.
        steps: What it corresponds to.
        notes: What could not be carried over, or is written elsewhere here.
    """

    line: int
    name: str
    steps: list[Transform] = field(default_factory=list[Transform])
    notes: list[str] = field(default_factory=list[str])

    @property
    def pipeline(self) -> Pipeline:
        """The steps in an order that is possible: work on levels first, then the units of a model."""
        units = [step for step in self.steps if step.role == "units"]
        return Pipeline([*(step for step in self.steps if step.role != "units"), *units])


class Call:
    """A call in a script, and what of its arguments is written out as values."""

    def __init__(self, node: ast.Call, order: Sequence[str], notes: list[str]) -> None:
        self.name = called(node)
        self.line = node.lineno
        self._notes = notes
        self._nodes = dict(zip(order, node.args, strict=False))
        self._nodes |= {one.arg: one.value for one in node.keywords if one.arg is not None}
        if any(one.arg is None for one in node.keywords):
            self.note("has arguments from a dict (**), which are not looked at")

    def note(self, text: str) -> None:
        """Tell something that could not be carried over."""
        self._notes.append(f"line {self.line}: {self.name}: {text}")

    def node(self, name: str) -> ast.expr | None:
        """An argument as it is written; it counts as used."""
        return self._nodes.pop(name, None)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an argument."""
        node = self._nodes.pop(name, None)
        if node is None:
            return default
        try:
            return value_of(node)
        except ValueError:
            self.note(f"{name}={ast.unparse(node)} is not written as a value; put it in yourself")
            return default

    def leave(self, *names: str) -> None:
        """Pass over arguments that say nothing about pixels."""
        for name in names:
            self._nodes.pop(name, None)

    def finish(self) -> None:
        """Tell the arguments that nobody asked for."""
        for name, node in self._nodes.items():
            self.note(f"{name}={ast.unparse(node)} is not carried over")


def migrate(text: str) -> list[Found]:
    """The pipelines that a script has.

    Args:
        text: Python.

    Raises:
        SpecError: It is not Python.

        >>> from imagefeed.migrating import migrate
        >>> found, = migrate("ImageDataGenerator(horizontal_flip=True, rescale=1. / 255)")
        >>> found.pipeline
        Pipeline([
            HorizontalFlip(),
            Rescale(0.00392156862745098),
        ])
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise SpecError(f"not Python that can be read: {error}") from error
    names = _assigned(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    inner = {id(below) for node in calls if _is_compose(node) for arg in node.args for below in ast.walk(arg)}
    result: list[Found] = []
    for node in sorted(calls, key=lambda one: one.lineno):
        if called(node) == "ImageDataGenerator":
            result.append(_generator(node, names.get(id(node), "pipeline"), calls, _presets(tree)))
        elif _is_compose(node) and id(node) not in inner:
            result.append(_compose(node, names.get(id(node), "pipeline")))
    return result


def as_python(found: Sequence[Found]) -> str:
    """The pipelines as a program, with what could not be carried over as comments."""
    lines = ["import imagefeed as feed"]
    taken: dict[str, int] = {}
    for one in found:
        taken[one.name] = taken.get(one.name, 0) + 1
        name = one.name if taken[one.name] == 1 else f"{one.name}_{taken[one.name]}"
        lines += ["", f"# From line {one.line}."]
        lines += [f"# Not carried over: {note}" for note in one.notes]
        lines += [f"{name} = {qualified(one.pipeline)}"]
    return "\n".join(lines) + "\n"


def qualified(pipeline: Pipeline) -> str:
    """The repr of a pipeline, with every name as `feed.NAME`."""

    class Names(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.Call:
            self.generic_visit(node)
            node.func = ast.Attribute(ast.Name("feed"), ast.unparse(node.func))
            return node

    def one(step: Transform) -> str:
        return ast.unparse(Names().visit(ast.parse(repr(step), mode="eval")))

    inside = "".join(f"    {one(step)},\n" for step in pipeline)
    return f"feed.Pipeline([\n{inside}])"


def value_of(node: ast.expr) -> Any:
    """The value of an expression of literals and arithmetic.

    Raises:
        ValueError: It is something else.
    """
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            try:
                return _OPERATORS[type(op)](value_of(left), value_of(right))
            except (TypeError, ArithmeticError) as error:
                raise ValueError(str(error)) from error
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value_of(operand)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return tuple(value_of(item) for item in items)
        case ast.Constant(value=value):
            return value
        case ast.Attribute(attr=name):
            return name.lower()  # InterpolationMode.BILINEAR
        case _:
            raise ValueError(ast.unparse(node))


def called(node: ast.Call) -> str:
    """The last part of the name of what is called."""
    return ast.unparse(node.func).rpartition(".")[2]


def _is_compose(node: ast.Call) -> bool:
    return called(node) == "Compose" and bool(node.args) and isinstance(node.args[0], ast.List | ast.Tuple)


def _assigned(tree: ast.AST) -> dict[int, str]:
    """The names that calls are assigned to."""
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[id(node.value)] = node.targets[0].id
    return found


# ------------------------------------------------------------------------------------------------ Keras

_NO_PIXELS = ("validation_split", "data_format", "dtype", "interpolation_order")


def _presets(tree: ast.AST) -> dict[str, str]:
    """The names under which a script has some model's preprocess_input, and that model's preset."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and ".applications." in node.module:
            for alias in node.names:
                if alias.name == "preprocess_input":
                    model = node.module.rpartition(".")[2]
                    found[alias.asname or alias.name] = f"keras/{model.replace('_', '')}"
    return found


def _generator(node: ast.Call, name: str, calls: Sequence[ast.Call], presets: dict[str, str]) -> Found:
    found = Found(node.lineno, name)
    call = Call(node, (), found.notes)
    for flow in calls:
        if called(flow) in ("flow_from_directory", "flow_from_dataframe") and _of(flow, name):
            size = Call(flow, (), found.notes).get("target_size", (256, 256))
            if not any(isinstance(step, t.Resize) for step in found.steps):
                _add(found, call, lambda size=size: t.Resize(tuple(size), interpolation="nearest"))
    _add(found, call, lambda: _affine(call))
    if call.get("horizontal_flip"):
        found.steps.append(t.HorizontalFlip())
    if call.get("vertical_flip"):
        found.steps.append(t.VerticalFlip())
    if shift := call.get("channel_shift_range"):
        _add(found, call, lambda: t.ChannelShift(shift=(-float(shift), float(shift))))
    if bright := call.get("brightness_range"):
        _add(found, call, lambda: t.Brightness(factor=(float(bright[0]), float(bright[1]))))
    _units(found, call, presets)
    _tell_measured(call)
    call.leave(*_NO_PIXELS)
    call.finish()
    return found


def _tell_measured(call: Call) -> None:
    for fitted in ("featurewise_center", "featurewise_std_normalization", "zca_whitening", "zca_epsilon"):
        if call.get(fitted):
            call.note(f"{fitted}: measure it by Statistics.fit(source, pipeline), then add Normalize or Whiten")
    if call.node("validation_split") is not None:
        call.note("validation_split: split the source, as train, val = folder(...).split(validation=...)")


def _of(flow: ast.Call, name: str) -> bool:
    return isinstance(flow.func, ast.Attribute) and ast.unparse(flow.func.value) == name


def _affine(call: Call) -> Transform | None:
    """Rotation, shift, shear and zoom in one, as Keras does them."""
    given: dict[str, Any] = {}
    if degrees := call.get("rotation_range"):
        given["degrees"] = (-float(degrees), float(degrees))
    for argument, axis in (("width_shift_range", "x"), ("height_shift_range", "y")):
        shift = call.get(argument)
        if isinstance(shift, float) and 0 < shift < 1:
            given[axis] = (-shift, shift)
        elif shift:
            call.note(f"{argument}={shift} is in pixels; Affine({axis}=) takes fractions of the side")
    if shear := call.get("shear_range"):
        given["shear_x"] = (-float(shear), float(shear))
    if zoom := call.get("zoom_range"):
        low, high = cast("tuple[float, float]", zoom) if isinstance(zoom, tuple) else (1 - zoom, 1 + zoom)
        given["zoom"] = (1 / high, 1 / low)  # there, less than one magnifies
        call.note("zoom_range: Keras zooms height and width apart; Zoom(factor=, keep_ratio=False) does")
    fill, level = call.get("fill_mode", "nearest"), call.get("cval", 0.0)
    border = {"nearest": "replicate", "constant": "constant", "reflect": "reflect", "wrap": "wrap"}.get(fill)
    return t.Affine(**given, border=cast(Any, border), fill=float(level)) if given else None


def _units(found: Found, call: Call, presets: dict[str, str]) -> None:
    function = call.node("preprocessing_function")
    if function is not None:
        name = ast.unparse(function)
        if name in presets:
            _add(found, call, lambda: t.Normalize.preset(presets[name]))
        else:
            call.note(f"preprocessing_function={name}: add Apply({name}), or Normalize.preset(...) for a known model")
    if scale := call.get("rescale"):
        _add(found, call, lambda: t.Rescale(float(scale)))
    for own in ("samplewise_center", "samplewise_std_normalization"):
        if call.get(own):
            call.note(f"{own}: depends on each picture's own pixels; ImageDataGenerator of imagefeed has it")


# ------------------------------------------------------------------------------------------------ torchvision


def _compose(node: ast.Call, name: str) -> Found:
    found = Found(node.lineno, name)
    found.steps = _sequence(node.args[0], found)
    return found


def _sequence(node: ast.expr, found: Found) -> list[Transform]:
    """The steps of a list of transforms."""
    result: list[Transform] = []
    items = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    for item in items:
        if isinstance(item, ast.Call):
            result += _torchvision(item, found)
        else:
            found.notes.append(f"line {item.lineno}: {ast.unparse(item)} is not written out here")
    return result


# The arguments of torchvision's transforms that are given by their place.
_ORDERS: dict[str, tuple[str, ...]] = {
    "Resize": ("size", "interpolation"),
    "CenterCrop": ("size",),
    "RandomCrop": ("size", "padding"),
    "RandomResizedCrop": ("size", "scale", "ratio", "interpolation"),
    "RandomHorizontalFlip": ("p",),
    "RandomVerticalFlip": ("p",),
    "RandomRotation": ("degrees", "interpolation", "expand", "center", "fill"),
    "RandomAffine": ("degrees", "translate", "scale", "shear", "interpolation", "fill"),
    "ColorJitter": ("brightness", "contrast", "saturation", "hue"),
    "RandomGrayscale": ("p",),
    "GaussianBlur": ("kernel_size", "sigma"),
    "RandomErasing": ("p", "scale", "ratio", "value"),
    "RandomApply": ("transforms", "p"),
    "RandomChoice": ("transforms", "p"),
    "Normalize": ("mean", "std"),
    "ToDtype": ("dtype", "scale"),
}


def _torchvision(node: ast.Call, found: Found) -> list[Transform]:
    name = called(node)
    call = Call(node, _ORDERS.get(name, ()), found.notes)
    maker = _MAKERS.get(name)
    if name in ("ToImage", "PILToTensor", "ToPILImage"):
        return []
    if maker is None:
        call.note("has no counterpart that is known")
        return []
    inner = call.node("transforms")
    steps = [] if inner is None else _sequence(inner, found)
    try:
        made = maker(call, steps)
    except (ImagefeedError, TypeError, ValueError, IndexError) as error:
        call.note(f"cannot be: {error}")
        return []
    call.leave("inplace", "antialias", "dtype")
    call.finish()
    return made


def _pair(size: Any) -> tuple[int, int]:
    sides: Sequence[Any] = cast("Sequence[Any]", size) if isinstance(size, tuple) else (size,)
    return int(sides[0]), int(sides[-1])


def _resize(call: Call) -> Transform:
    size, kind = call.get("size"), call.get("interpolation", "bilinear")
    if isinstance(size, int):
        return t.ResizeShortestSide(size, interpolation=kind)
    return t.Resize(_pair(size), interpolation=kind)


def _around(value: Any, middle: float) -> tuple[float, float]:
    """A range that is given as one number, as how far to both sides."""
    if isinstance(value, tuple):
        ends = cast("Sequence[Any]", value)
        return float(ends[0]), float(ends[1])
    low = middle - float(value)
    return (max(0.0, low) if middle else low), middle + float(value)


def _rotation(call: Call) -> Transform:
    return t.Rotate(degrees=_around(call.get("degrees"), 0), border="constant", fill=float(call.get("fill", 0) or 0))


def _random_affine(call: Call) -> Transform:
    given: dict[str, Any] = {"degrees": _around(call.get("degrees", 0), 0)}
    if shift := call.get("translate"):
        given |= {"x": (-shift[0], shift[0]), "y": (-shift[1], shift[1])}
    if scale := call.get("scale"):
        given["zoom"] = scale
    if (shear := call.get("shear")) is not None:
        given["shear_x"] = _around(shear, 0)
    return t.Affine(**given, border="constant", fill=float(call.get("fill", 0) or 0))


def _jitter(call: Call) -> Transform:
    given: dict[str, Any] = {name: _around(call.get(name, 0), 1) for name in ("brightness", "contrast", "saturation")}
    low, high = _around(call.get("hue", 0), 0)
    return t.ColorJitter(**given, hue=(low * 360, high * 360))


def _crop(call: Call) -> list[Transform]:
    given: dict[str, Any] = {name: value for name in ("scale", "ratio") if (value := call.get(name)) is not None}
    kind = call.get("interpolation", "bilinear")
    return [t.RandomResizedCrop(_pair(call.get("size")), **given, interpolation=kind)]


def _erasing(call: Call) -> list[Transform]:
    given: dict[str, Any] = {name: value for name in ("scale", "ratio") if (value := call.get(name)) is not None}
    call.note("works on levels here, so it comes before the units; value= is not carried over")
    call.leave("value")
    return [t.Sometimes(t.RandomErasing(**given), probability=float(call.get("p", 0.5)))]


def _to_tensor(call: Call) -> list[Transform]:
    call.note("channels first is an argument of the loader: Loader(layout='nchw')")
    return [t.Rescale(BYTE)]


def _to_dtype(call: Call) -> list[Transform]:
    call.leave("dtype")
    return [t.Rescale(BYTE)] if call.get("scale") else []


def _blur(call: Call) -> list[Transform]:
    call.leave("kernel_size")
    sigma: Any = call.get("sigma", (0.1, 2.0))
    return [t.GaussianBlur(sigma=cast("tuple[float, float]", sigma) if isinstance(sigma, tuple) else (sigma, sigma))]


def _normalize(call: Call) -> list[Transform]:
    return [t.Normalize(mean=call.get("mean"), std=call.get("std"))]


def _apply(call: Call, steps: list[Transform]) -> list[Transform]:
    probability = float(call.get("p", 0.5))
    if len(steps) > 1:
        call.note("several transforms are applied together or not at all; here each is drawn for itself")
    return [t.Sometimes(step, probability=probability) for step in steps]


_MAKERS: dict[str, Callable[[Call, list[Transform]], list[Transform]]] = {
    "CenterCrop": lambda call, _: [t.CenterCrop(_pair(call.get("size")), border="constant")],
    "ColorJitter": lambda call, _: [_jitter(call)],
    "GaussianBlur": lambda call, _: _blur(call),
    "Grayscale": lambda call, _: [t.Grayscale()],
    "Normalize": lambda call, _: _normalize(call),
    "RandomAffine": lambda call, _: [_random_affine(call)],
    "RandomApply": _apply,
    "RandomChoice": lambda call, steps: [t.OneOf(steps, weights=call.get("p"))],
    "RandomCrop": lambda call, _: [t.RandomCrop(_pair(call.get("size")), border="constant")],
    "RandomErasing": lambda call, _: _erasing(call),
    "RandomGrayscale": lambda call, _: [t.Sometimes(t.Grayscale(), probability=float(call.get("p", 0.1)))],
    "RandomHorizontalFlip": lambda call, _: [t.HorizontalFlip(probability=float(call.get("p", 0.5)))],
    "RandomResizedCrop": lambda call, _: _crop(call),
    "RandomRotation": lambda call, _: [_rotation(call)],
    "RandomVerticalFlip": lambda call, _: [t.VerticalFlip(probability=float(call.get("p", 0.5)))],
    "Resize": lambda call, _: [_resize(call)],
    "ToDtype": lambda call, _: _to_dtype(call),
    "ToTensor": lambda call, _: _to_tensor(call),
}


def _add(found: Found, call: Call, make: Callable[[], Transform | None]) -> None:
    """A step, or a note that says why it cannot be."""
    try:
        step = make()
    except (ImagefeedError, TypeError, ValueError, ZeroDivisionError) as error:
        call.note(f"cannot be: {error}")
        return
    if step is not None:
        found.steps.append(step)
