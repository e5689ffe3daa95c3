# ruff: noqa: E501 - tables are read by the line
"""Saved pipelines: round trips, errors that name the place, and hostile files, which end in a SpecError."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import imagefeed as feed
from imagefeed import Covariance, Pipeline, SpecError, Statistics, spec
from imagefeed.transforms import Drawn
from imagefeed.writing import written

MEASURED = Statistics(
    count=7,
    values=70,
    mean=np.arange(6.0).reshape(1, 2, 3),
    std=np.ones((1, 2, 3), np.float32),
    covariance=Covariance(basis=np.eye(6)[:, :4], variances=np.arange(4, 0, -1.0), rest=0.25, method="pca"),
)


@feed.register
def halved(image: np.ndarray) -> np.ndarray:
    return image // 2


@feed.register
@dataclass(frozen=True, kw_only=True)
class Tinted(feed.Transform):
    """A transform of a user's."""

    color: tuple[float, float, float]
    strength: float = 0.5

    def lower(self, drawn: Drawn, extent: Any, xp: Any) -> tuple[Any, ...]:
        return ()


PIPELINE = Pipeline(
    [
        feed.Apply(halved, random=False),
        feed.OneOf(
            [feed.Rotate(degrees=(-20, 20)), feed.Sometimes(feed.Shear(x=(-5.0, 5.0)), probability=0.25)],
            weights=(1.0, 3.0),
        ),
        feed.RandomResizedCrop((224, 160), interpolation="bicubic"),
        Tinted(color=(1.0, 0.5, 0.25)),
        feed.Normalize(MEASURED, order="bgr"),
    ],
    training=False,
)


@feed.register
@dataclass(frozen=True)
class Careless(feed.Transform):
    """A transform of a user's that does not check what it is given."""

    size: int

    def __post_init__(self) -> None:
        _ = 1 // self.size

    def lower(self, drawn: Drawn, extent: Any, xp: Any) -> tuple[Any, ...]:
        return ()


def text_of(*steps: Any, **parts: Any) -> str:
    value = {"type": "Pipeline", "steps": list(steps), "training": True} | parts
    return json.dumps({"version": 1, "value": value})


def read(text: str, **tensors: np.ndarray) -> Pipeline:
    return spec.decode(text, tensors, Pipeline)


# ------------------------------------------------------------------------------------------------ round trips


def test_a_pipeline_comes_back(tmp_path) -> None:
    PIPELINE.save(tmp_path / "preprocess.safetensors")
    copy = Pipeline.load(tmp_path / "preprocess.safetensors")
    assert copy == PIPELINE
    assert repr(copy) == repr(PIPELINE)
    assert list(tmp_path.iterdir()) == [tmp_path / "preprocess.safetensors"]
    statistics = copy.steps[-1].statistics  # type: ignore[attr-defined]
    assert statistics.mean.dtype == np.float64
    assert statistics.std.dtype == np.float32


@pytest.mark.parametrize("value", [Pipeline([]), Pipeline([feed.Whiten(MEASURED, epsilon=3)])])
def test_it_is_text_and_tensors_in_memory(value) -> None:
    document = spec.encode(value)
    assert spec.decode(document.text, document.tensors, Pipeline) == value
    assert spec.encode(spec.decode(document.text, document.tensors, Pipeline)).text == document.text


def test_statistics_come_back_by_themselves(tmp_path) -> None:
    MEASURED.save(tmp_path / "statistics.safetensors")
    assert Statistics.load(tmp_path / "statistics.safetensors") == MEASURED
    with pytest.raises(SpecError, match=r"statistics.safetensors: expected a Pipeline, got a Statistics"):
        Pipeline.load(tmp_path / "statistics.safetensors")


def test_every_field_is_written_so_that_a_later_default_changes_nothing() -> None:
    content = json.loads(spec.encode(Pipeline([feed.Resize((8, 9))])).text)
    assert content == {
        "version": 1,
        "value": {
            "type": "Pipeline",
            "steps": [
                {
                    "type": "Resize",
                    "size": [8, 9],
                    "interpolation": "bilinear",
                    "antialias": True,
                    "fit": "stretch",
                    "fill": 0.0,
                }
            ],
            "training": True,
        },
    }
    assert read(text_of({"type": "Resize", "size": [8, 9]})) == Pipeline([feed.Resize((8, 9))])


def test_the_same_pictures_come_out(tmp_path, data) -> None:
    photographs = sorted(data("cats_dogs/validation/cats").glob("*.jpg"))[:4]
    source = feed.folder(data("cats_dogs/validation"))
    statistics = Statistics.fit(source, Pipeline([feed.Resize((24, 24))]), whiten="zca", rank=20)
    pipeline = Pipeline([feed.Resize((24, 24)), feed.Whiten(statistics, epsilon=1.0)])
    pipeline.save(tmp_path / "p.safetensors")
    copy = Pipeline.load(tmp_path / "p.safetensors")
    np.testing.assert_array_equal(feed.render(photographs, copy), feed.render(photographs, pipeline))


def test_equal_values_have_one_digest() -> None:
    again = Pipeline(PIPELINE.steps, training=False)
    assert spec.digest(again) == spec.digest(PIPELINE)
    others = [
        Pipeline(PIPELINE.steps),
        Pipeline(PIPELINE.steps[:-1]),
        Pipeline([feed.Normalize(Statistics(count=7, mean=[[[1.0]]]))]),
        Pipeline([feed.Normalize(Statistics(count=7, mean=[[[2.0]]]))]),
    ]
    assert len({spec.digest(one) for one in [PIPELINE, *others]}) == 5


# ------------------------------------------------------------------------------------------------ registering


def test_a_function_that_is_not_registered_cannot_be_saved(tmp_path) -> None:
    with pytest.raises(SpecError, match=r"steps\[0\].Apply.function: flipud .*@imagefeed.register above"):
        Pipeline([feed.Apply(np.flipud)]).save(tmp_path / "p.safetensors")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SpecError, match=r"steps\[0\].Apply.function: the function 'flipud' is not registered"):
        read(text_of({"type": "Apply", "function": {"function": "flipud"}}))


def test_where_nothing_can_be_written_is_said_by_name_and_nothing_is_left(tmp_path) -> None:
    for name in ("none/p.safetensors", "none/p.json"):
        with pytest.raises(FileNotFoundError, match=r"there is no folder '.*none' to write to; make it first: '.*/p\."):
            Pipeline([feed.Resize((8, 8))]).save(tmp_path / name)
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder; name a file in it"):
        MEASURED.save(tmp_path / "folder")
    with pytest.raises(OSError, match="name"):
        MEASURED.save(tmp_path / f"{'long' * 63}.safetensors")
    with pytest.raises(SpecError, match="JSON has no place for arrays"):
        PIPELINE.save(tmp_path / "p.json")
    with pytest.raises(IsADirectoryError), written(tmp_path / "p.onnx") as partial:
        (partial.write_text("half of it"), (tmp_path / "folder").read_text())
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_a_class_that_is_not_registered_cannot_be_saved() -> None:
    @dataclass(frozen=True)
    class Unknown(feed.Transform):
        def lower(self, drawn: Drawn, extent: Any, xp: Any) -> tuple[Any, ...]:
            return ()

    with pytest.raises(SpecError, match=r"steps\[1\]: Unknown\(\) cannot be saved; put @imagefeed.register"):
        spec.encode(Pipeline([feed.HorizontalFlip(), Unknown()]))


def test_names_are_unique() -> None:
    def halved(image: np.ndarray) -> np.ndarray:
        return image

    with pytest.raises(SpecError, match=r"the name 'halved' is taken by .*\.halved"):
        feed.register(halved)

    @dataclass(frozen=True)
    class Resize:
        size: int

    with pytest.raises(SpecError, match="the name 'Resize' is taken by imagefeed"):
        feed.register(Resize)
    with pytest.raises(SpecError, match="not a dataclass"):
        feed.register(type("Plain", (), {}))
    with pytest.raises(SpecError, match="expected a function or a class"):
        feed.register("resize")


def test_a_cell_may_be_run_again() -> None:
    names: dict[str, Any] = {"feed": feed, "__name__": "cell"}
    for factor in (2, 3):
        exec(f"@feed.register\ndef scaled_again(image):\n    return image // {factor}\n", names)
    document = spec.encode(Pipeline([feed.Apply(names["scaled_again"])]))
    assert spec.decode(document.text, {}, Pipeline).steps[0].function is names["scaled_again"]  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"type": "Rotate", "degrees": [30, -30]}, r"^steps\[1\].Rotate.degrees: got \(30, -30\); low must not exceed"),
        ({"type": "Rotate", "degrees": 30}, r"^steps\[1\].Rotate.degrees: got 30; expected a range"),
        ({"type": "Rotate"}, r"^steps\[1\].Rotate.degrees: missing"),
        ({"type": "Rotate", "degrees": [0, 9], "angle": 3}, r"^steps\[1\].Rotate.angle: unknown; expected one of .*degrees"),
        ({"type": "Twirl"}, r"^steps\[1\]: got type 'Twirl'; expected a transform"),
        ({"degrees": [0, 9]}, r"^steps\[1\]: got type None"),
        ({"type": ["Rotate"]}, r"^steps\[1\]: got type \['Rotate'\]"),
        ({"type": "Sometimes", "transform": {"type": "Zoom", "factor": [1, None]}}, r"^steps\[1\].Sometimes.transform.Zoom.factor"),
        ({"type": "Sometimes", "transform": {"type": "Rotate"}}, r"^steps\[1\].Sometimes.transform.Rotate.degrees: missing"),
        ({"type": "OneOf", "transforms": [{"type": "Rotate", "degrees": "x"}]}, r"^steps\[1\].OneOf.transforms\[0\].Rotate.degrees"),
        ({"type": "Normalize", "statistics": {"type": "Statistics", "count": 1, "mean": {"tensor": "a"}}}, r"statistics.Statistics.mean: there is no tensor 'a'"),
        ({"type": "Normalize", "statistics": {"type": "Statistics", "count": "1", "mean": [[[1.0]]]}}, r"^steps\[1\].Normalize.statistics.Statistics.count: got '1'"),
        ({"type": "Resize", "size": [8, 8], "antialias": None}, r"^steps\[1\].Resize.antialias"),
        ({"type": "Tinted", "color": [1, 2]}, r"^steps\[1\].Tinted.color: got \(1, 2\); expected tuple\[float, float, float\]"),
        ({"type": "Tinted", "color": [1, 2, "3"]}, r"^steps\[1\].Tinted.color: got \(1, 2, '3'\)"),
        ({"type": "Tinted", "color": [1, 2, 3], "strength": True}, r"^steps\[1\].Tinted.strength: got True; expected float"),
        ({"type": "Tinted", "color": [1, 2, 10**400]}, r"^steps\[1\].Tinted.color"),
        ({"type": "Apply", "function": {"function": "os.system"}}, r"the function 'os.system' is not registered"),
        ({"type": "Apply", "function": {"function": ["halved"]}}, r"is not registered"),
        ({"type": "Pipeline", "steps": []}, r"^steps\[1\]: got a Pipeline|join pipelines"),
        ({"type": "Statistics", "count": 1}, r"^steps\[1\]"),
        (3, r"^steps\[1\]: got 3"),
        ({"type": "Careless", "size": 0}, r"^steps\[1\].Careless: ZeroDivisionError"),
        ({"type": "Careless", "size": "a"}, r"^steps\[1\].Careless: TypeError"),
    ],
)  # fmt: skip
def test_errors_name_the_place(step, words) -> None:
    with pytest.raises(SpecError, match=words):
        read(text_of({"type": "HorizontalFlip"}, step))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not the text of a Pipeline"),
        ("[]", "expected an object with a version and a value"),
        ('{"version": 1}', "expected an object with a version and a value"),
        ('{"version": 2, "value": null}', "version: got 2; this imagefeed reads version 1"),
        ('{"version": true, "value": null}', "version: got True"),
        ('{"version": 1, "value": null}', "expected a Pipeline, got a NoneType"),
        ('{"version": 1, "value": 1e999}', "value: got inf; expected a finite number"),
        ('{"version": 1, "value": NaN}', "NaN is not a number"),
        ('{"version": 1, "version": 1, "value": 0}', "the key 'version' stands twice"),
        (text_of(training=1), "Pipeline.training: got 1; expected True or False"),
        (text_of(name="x"), "Pipeline.name: unknown"),
        ('{"version": 1, "value": ' + "[" * 100_000 + "]" * 100_000 + "}", "deep|recursion"),
        (
            '{"version": 1, "value": ' + '{"type": "Sometimes", "transform": ' * 5000 + "0" + "}" * 5001,
            "deep|recursion",
        ),
        ('{"version": 1, "value": ' + "9" * 5000 + "}", "not the text of a Pipeline"),
    ],
)
def test_texts_that_are_no_pipeline(text, words) -> None:
    with pytest.raises(SpecError, match=words):
        read(text)


def test_a_tensor_that_nothing_refers_to_is_refused() -> None:
    with pytest.raises(SpecError, match="tensors: got 'extra', which nothing refers to"):
        read(text_of(), extra=np.zeros(3))


@pytest.mark.parametrize(
    ("value", "hint", "fitting"),
    [
        (1, int, True), (True, int, False), (1, float, True), (1.5, int, False), ("a", str, True), (None, None, True),
        ("a", Literal["a", "b"], True), ("c", Literal["a", "b"], False), (1, Literal[True], False),
        ((1, 2), tuple[int, int], True), ((1,), tuple[int, int], False), ((1, 2, 3), tuple[int, ...], True),
        ((1, "a"), tuple[int, ...], False), ((1, 2), Sequence[int], True), (5, Sequence[int], False),
        (None, int | None, True), ("x", int | None, False), (np.zeros(2), np.ndarray, True), (5, Any, True),
        (Pipeline([]), Pipeline, True), (5, Pipeline, False), (len, "unresolved", False),
    ],
)  # fmt: skip
def test_types_are_checked_by_their_annotations(value, hint, fitting) -> None:
    assert spec.fits(value, hint) is fitting


# ------------------------------------------------------------------------------------------------ hostile files

NAMES = st.sampled_from(
    ["type", "tensor", "function", "steps", "training", "size", "degrees", "transform", "transforms", "mean", "std",
     "statistics", "count", "covariance", "basis", "variances", "weights", "probability", "fill", "__class__"]
)  # fmt: skip
TYPES = st.sampled_from(
    ["Pipeline", "Rotate", "Resize", "Normalize", "Statistics", "Covariance", "Sometimes", "OneOf", "Apply", "Whiten",
     "halved", "os.system", "Transform", "Drawn", "eval", ""]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TYPES, st.text(max_size=5), st.just(10**400), st.just("a")
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(NAMES, inner, max_size=4),
        st.builds(lambda name, rest: {"type": name} | rest, TYPES, st.dictionaries(NAMES, inner, max_size=3)),
    ),
    max_leaves=25,
)


@settings(max_examples=250, deadline=None)
@given(value=JSON)
def test_any_hostile_json_is_a_pipeline_or_a_spec_error(value) -> None:
    tensors = {"a": np.zeros((2, 2))}
    for whole in (value, {"type": "Pipeline", "steps": value}, {"type": "Pipeline", "steps": [value]}):
        try:
            made = spec.decode(json.dumps({"version": 1, "value": whole}), tensors, Pipeline)
        except SpecError:
            continue
        assert isinstance(made, Pipeline)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_or_hostile_file_is_a_pipeline_or_a_spec_error(data, tmp_path_factory) -> None:
    folder = tmp_path_factory.getbasetemp()
    PIPELINE.save(folder / "whole.safetensors")
    content = bytearray((folder / "whole.safetensors").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["change", "cut", "insert", "repeat"]))
        if how == "change":
            content[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[at : at + data.draw(st.integers(1, 60))]
        elif how == "insert":
            content[at:at] = data.draw(st.binary(max_size=20))
        else:
            content[at:at] = content[max(0, at - 30) : at]
        content = content or bytearray(b"\0")
    (folder / "damaged.safetensors").write_bytes(content)
    try:
        made = Pipeline.load(folder / "damaged.safetensors")
    except SpecError:
        return
    assert isinstance(made, Pipeline)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 31) + b'{"__metadata__":{"other":"yes"}}'[:31],
        b"PK\x03\x04 a zip",
    ],
)
def test_files_of_other_kinds(content, tmp_path) -> None:
    (tmp_path / "p.safetensors").write_bytes(content)
    with pytest.raises(
        SpecError, match=r"p.safetensors: (not a file that imagefeed has saved|a safetensors file, but)"
    ):
        Pipeline.load(tmp_path / "p.safetensors")


def test_no_file_at_all(tmp_path) -> None:
    with pytest.raises(SpecError, match=r"missing.safetensors: there is no such file; expected one that Pipeline.save"):
        Pipeline.load(tmp_path / "missing.safetensors")
    with pytest.raises(SpecError, match=r": not a file; expected one that Pipeline.save"):
        Pipeline.load(tmp_path)
    with pytest.raises(SpecError, match=r": not a file that imagefeed has saved: .*name"):
        Pipeline.load(tmp_path / ("n" * 300))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(SpecError, match=r"pipe.safetensors: not a file; expected"):
        Statistics.load(tmp_path / "pipe.safetensors")


def test_a_hostile_file_opens_nothing_and_imports_nothing(tmp_path) -> None:
    """The interpreter's own record of what a hostile file made it do: opening that file, and nothing else."""
    hostile = [
        {"type": "os.system", "command": "touch /tmp/x"},
        {"type": "Apply", "function": {"function": "os.system"}},
        {"type": "imagefeed.transforms.color.Brightness", "factor": [0, 1]},
        {"type": "Apply", "function": "print"},
        {"type": "Normalize", "statistics": {"tensor": "/etc/passwd"}},
        {"type": "__import__", "name": "os"},
        {"type": "Transform"},
        {"type": "Drawn"},
    ]
    for number, step in enumerate(hostile):
        document = spec.Document(text_of(step), {})
        write(tmp_path / f"{number}.safetensors", document)
    code = f"""
import sys
from pathlib import Path
import safetensors.numpy
import imagefeed as feed
feed.Pipeline([]).save({str(tmp_path / "warm.safetensors")!r})
feed.Pipeline.load({str(tmp_path / "warm.safetensors")!r})
seen, files = [], sorted(Path({str(tmp_path)!r}).glob("[0-9]*.safetensors"))
refused = 0
sys.addaudithook(lambda event, args: seen.append((event, str(args[:1]))))
for file in files:
    try:
        feed.Pipeline.load(file)
    except feed.SpecError:
        refused += 1
watched = ("import", "exec", "compile", "open", "os.", "subprocess", "socket", "ctypes", "shutil")
print(refused, [event for event in seen if event[0].startswith(watched)])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    assert out.strip() == f"{len(hostile)} []"


def write(path: Path, document: spec.Document) -> None:
    from safetensors.numpy import save_file

    save_file(document.tensors, path, {"imagefeed": document.text})


@pytest.mark.parametrize("name", [name for name in dir(feed) if isinstance(getattr(feed, name), type)])
def test_every_transform_has_fields_that_can_be_written(name) -> None:
    cls = getattr(feed, name)
    if not issubclass(cls, feed.Transform) or cls is feed.Transform:
        return
    hints = spec._hints(cls)
    required = [field.name for field in spec._fields(cls) if spec._required(field)]
    assert set(required) <= set(hints)
    if required:
        with pytest.raises(SpecError, match=rf"steps\[0\].{name}.{required[0]}: missing"):
            read(text_of({"type": name}))
        return
    made = Pipeline([cls()]) if name != "Normalize" else Pipeline([feed.Normalize.preset("clip")])
    document = spec.encode(made)
    assert spec.decode(document.text, document.tensors, Pipeline) == made
