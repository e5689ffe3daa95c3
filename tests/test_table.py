"""Tables: what columns become, and what is refused."""

import importlib
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import SourceError, SpecError
from imagefeed.sources.columns import Columns

nw = pytest.importorskip("narwhals")
PIPELINE = feed.Pipeline([feed.Resize((8, 8))])


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Four pictures, whose level says which they are."""
    root = tmp_path_factory.mktemp("table")
    for k in range(4):
        level = k * 60
        Image.new("RGB", (10, 6), (level, level, level)).save(root / f"{k}.png")
    return root


COLUMNS = {
    "image": [f"{k}.png" for k in range(4)],
    "kind": ["dog", "cat", "dog", "bird"],
    "number": [3, 0, 1, 1],
    "tags": ["red big", "big", None, "small"],
    "price": [1.5, 2.0, 0.0, -1.0],
    "weight": [1.0, 0.5, 2.0, 0.0],
}


@pytest.fixture(params=["pandas", "polars", "pyarrow"])
def library(request):
    return pytest.importorskip(request.param)


def frame(library, columns: dict[str, list[object]] = COLUMNS) -> object:
    if library.__name__ == "pyarrow":
        return library.table(columns)
    return library.DataFrame(columns)


def plain(source: feed.Source, indices: np.ndarray | None = None) -> object:
    """Targets as a batch has them."""
    found = source.targets(every(source) if indices is None else indices)
    return {name: one.batch() for name, one in found.items()} if isinstance(found, dict) else found.batch()


def every(source: feed.Source) -> np.ndarray:
    return np.arange(len(source))


def test_frames_of_every_library_give_the_same(library, photos) -> None:
    source = feed.table(frame(library), label="kind", root=photos)
    assert repr(source) == "Table(frame, 4 records: bird 1, cat 1, dog 2)"
    assert source.classes == ("bird", "cat", "dog")
    assert source.keys(every(source)) == COLUMNS["image"]
    images, labels = next(iter(feed.Loader(source, PIPELINE, shuffle=False)))
    assert images[:, 0, 0, 0].tolist() == [0, 60, 120, 180]
    assert (labels.dtype, labels.tolist()) == (np.int64, [2, 1, 2, 0])


def test_several_columns_are_a_dict(library, photos) -> None:
    source = feed.table(
        frame(library),
        label=["kind", "number"],
        multi_label="tags",
        value="price",
        weight="weight",
        root=photos,
        classes={"kind": ["dog", "cat", "bird"]},
    )
    assert source.classes == ("dog", "cat", "bird")
    assert source.class_counts == {"dog": 2, "cat": 1, "bird": 1}
    targets = plain(source, np.array([3, 0]))
    assert {name: (values.dtype.name, values.tolist()) for name, values in targets.items()} == {
        "kind": ("int64", [2, 0]),
        "number": ("int64", [1, 3]),
        "tags": ("float32", [[0, 0, 1], [1, 1, 0]]),
        "price": ("float32", [-1.0, 1.5]),
    }
    assert plain(source)["tags"][2:3].tolist() == [[0, 0, 0]]  # missing: none of the classes
    assert source.sample_weights(every(source)).tolist() == [1, 0.5, 2, 0]
    assert feed.table(frame(library), root=photos).targets(every(source)) is None


def test_lists_of_labels_and_of_numbers(library, photos) -> None:
    columns = {
        "image": COLUMNS["image"],
        "tags": [["x", "z"], [], ["y"], ["z"]],
        "ids": [[0], [2], [1, 2], []],
        "place": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]],
    }
    source = feed.table(frame(library, columns), multi_label=["tags", "ids"], value="place", root=photos)
    targets = plain(source)
    assert targets["tags"].tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert targets["ids"].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 1], [0, 0, 0]]
    assert targets["place"].tolist() == columns["place"]


def test_pictures_may_be_bytes(library, photos) -> None:
    data = [(photos / name).read_bytes() for name in COLUMNS["image"]]
    for column in (data, [{"bytes": one, "path": None} for one in data]):
        source = feed.table(frame(library, {"image": column, "kind": COLUMNS["kind"]}), label="kind")
        images, labels = next(iter(feed.Loader(source, PIPELINE, shuffle=False)))
        assert images[:, 0, 0, 0].tolist() == [0, 60, 120, 180]
        assert labels.tolist() == [2, 1, 2, 0]


def test_files_of_tables_are_read(photos) -> None:
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame(COLUMNS)
    data.to_csv(photos / "t.csv", index=False)
    data.to_csv(photos / "t.tsv", index=False, sep="\t")
    data.to_parquet(photos / "t.parquet")
    for name in ("t.csv", "t.tsv", "t.parquet"):
        source = feed.table(photos / name, label="kind", multi_label="tags", value="price")
        assert repr(source) == f"Table({name!r}, 4 records: bird 1, cat 1, dog 2)"
        assert source.names(np.array([2])) == [str(photos / "2.png")]  # beside the table
        assert plain(source)["tags"].sum() == 4
    absolute = data.assign(image=[str(photos / name) for name in data["image"]])
    absolute.to_csv(photos / "absolute.csv", index=False)
    assert len(feed.table(photos / "absolute.csv", label="kind", root="/nowhere")) == 4


def test_a_table_travels_to_other_processes(photos) -> None:
    pandas = pytest.importorskip("pandas")
    source = feed.table(pandas.DataFrame(COLUMNS), label="kind", weight="weight", root=photos)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.names(every(copy)) == source.names(every(source))
    assert plain(copy).tolist() == plain(source).tolist()


# ------------------------------------------------------------------------------------------ what is refused

XY = {"label": "kind", "classes": ["x", "y"]}


def test_missing_files_are_listed(photos, tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame({"image": ["0.png", "x.png", "1.png", "y.png"], "kind": list("abab")})
    data.to_csv(tmp_path / "all.csv", index=False)
    for given in (data, tmp_path / "all.csv"):
        with pytest.raises(SourceError, match=r"2 of 4 files are missing: .*x\.png \(row 1\), .*y\.png \(row 3\)"):
            feed.table(given, label="kind", root=photos)
    late = feed.table(data, label="kind", root=photos, must_exist=False)
    with pytest.raises(feed.DecodeError, match=r"x\.png: No such file"):
        next(iter(feed.Loader(late, PIPELINE, shuffle=False)))
    ((images, labels),) = feed.Loader(late, PIPELINE, shuffle=False, on_error="skip", max_bad=0.5)
    assert (len(images), labels.tolist()) == (2, [0, 0])


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        ({"kind": ["a", None, "b", None]}, {"label": "kind"}, "has no value in 2 of 4 rows, the first is row 1"),
        ({"kind": [0.0, math.nan, 1.0, 1.0]}, {"label": "kind"}, "column 'kind': has no value in 1 of 4 rows"),
        ({"kind": [0.5, 1.0, 1.0, 1.0]}, {"label": "kind"}, r"column 'kind', row 0: got 0\.5; expected class names"),
        ({"kind": [0, 1, -2, 1]}, {"label": "kind"}, r"row 2: got -2; expected class numbers from 0 to 1"),
        ({"kind": [0, 1, 2, 1]}, XY, "row 2: got 2; expected class numbers from 0 to 1"),
        ({"kind": ["x", "y", "z", "x"]}, XY, r"row 2: got 'z'; expected one of the classes x, y"),
        ({"kind": [1, 2, 3, 4]}, {"multi_label": "kind"}, r"row 0: got 1; expected a list of labels, or text with ' '"),
        ({"kind": [1.0, None, 3.0, 4.0]}, {"value": "kind"}, "column 'kind': has no value in 1 of 4 rows"),
        ({"kind": ["1", "x", "3", "4"]}, {"value": "kind"}, r"row 1: got 'x'; expected numbers"),
        ({"kind": [[1, 2], [1], [1, 2], [1]]}, {"value": "kind"}, "lists of several lengths"),
        ({"kind": [1, 1, 1, -1]}, {"weight": "kind"}, "one finite number of at least 0"),
        ({"kind": [1, 1, 1, 1]}, {"label": "sort"}, "has no column 'sort'"),
        ({"kind": [1, 1, 1, 1]}, {"image": "picture"}, "has no column 'picture'; it has image, kind"),
        ({"image": [None] * 4}, {}, "column 'image', row 0: got None; expected a path, a URL"),
        ({"image": ["0.png", "http://x/y.png", "1.png", "2.png"]}, {}, "holds URL and path; expected one kind"),
        ({"image": ["0.png", "1.png\0", "1.png", "2.png"]}, {}, "a path holds no zero byte"),
    ],
)  # fmt: skip
def test_tables_that_are_not_right_say_why(photos, columns, arguments, message) -> None:
    polars = pytest.importorskip("polars")
    data = {"image": COLUMNS["image"]} | columns
    with pytest.raises(SourceError, match=message):
        feed.table(polars.DataFrame(data, strict=False), root=photos, **arguments)


def test_a_picture_in_several_rows_is_several_records(photos) -> None:
    """The rule for keys that come twice: a row is a record with its own draws; a hashed split keeps them together."""
    polars = pytest.importorskip("polars")
    source = feed.table(
        polars.DataFrame({"image": ["0.png", "1.png"] * 20, "kind": [0, 1] * 20}), label="kind", root=photos
    )
    assert (len(source), source.class_counts) == (40, {"0": 20, "1": 20})
    dimmed = feed.Loader(source, feed.Pipeline([feed.Brightness(factor=(0.2, 0.9))]), batch_size=40, seed=1)
    pictures = next(iter(dimmed))[0]
    assert len({one.tobytes() for one in pictures}) > 2
    for seed in range(8):
        try:
            train, val = source.split(by="hash", validation=0.5, seed=seed)
        except SourceError:
            continue  # both keys on one side
        assert not set(train.keys(every(train))) & set(val.keys(every(val)))
        break
    else:
        raise AssertionError("no seed parts two keys")


def test_files_that_are_no_tables_say_so(tmp_path) -> None:
    pytest.importorskip("polars")
    for name, data, message in (
        ("broken.csv", b'image,kind\n"0.png,dog\n1.png', "cannot be read as a table|has no column|files are missing"),
        ("latin.csv", "image,kind\n0.png,caf\xe9\n".encode("latin-1"), "cannot be read as a table"),
        ("empty.csv", b"", "cannot be read as a table"),
        ("noise.parquet", b"PAR1 no", "cannot be read as a table"),
        ("rows.csv", b"image,kind\n", "holds no records"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError, match=message):
            feed.table(tmp_path / name, label="kind")
    with pytest.raises(SourceError, match="there is no such file"):
        feed.table(tmp_path / "nowhere.csv")
    (tmp_path / "t.xlsx").touch()
    with pytest.raises(SpecError, match=r"expected a file of \.csv, \.tsv, \.parquet"):
        feed.table(tmp_path / "t.xlsx")
    with pytest.raises(SpecError, match=r"data=.*'int'; expected a frame"):
        feed.table(5)
    with pytest.raises(SpecError, match="'a'; is asked for twice"):
        Columns(label="a", value=["b", "a"]).read({}.__getitem__, "here")


# ------------------------------------------------------------------------------------------ URLs


def test_pictures_may_be_far_away(photos) -> None:
    fsspec, pandas = pytest.importorskip("fsspec"), pytest.importorskip("pandas")
    far = fsspec.filesystem("memory")
    for name in COLUMNS["image"]:
        far.pipe(f"/far/{name}", (photos / name).read_bytes())
    for root in ("memory://far", photos.as_uri()):
        data = pandas.DataFrame(COLUMNS | {"image": [f"{root}/{name}" for name in COLUMNS["image"]]})
        source = feed.table(data, label="kind")
        for part in (source, pickle.loads(pickle.dumps(source))):
            images, labels = next(iter(feed.Loader(part, PIPELINE, shuffle=False)))
            assert images[:, 0, 0, 0].tolist() == [0, 60, 120, 180]
            assert labels.tolist() == [2, 1, 2, 0]


def test_urls_of_this_machine_are_paths(photos, monkeypatch) -> None:
    """Read by the native threads, among others that are fetched; and known again by a cache when they change."""
    fsspec, pandas = pytest.importorskip("fsspec"), pytest.importorskip("pandas")
    fsspec.filesystem("memory").pipe("/far/1.png", (photos / "1.png").read_bytes())
    urls = [(photos / "0.png").as_uri(), "memory://far/1.png", f"local://{photos}/2.png", f"file://{photos}/3.png"]
    source = feed.table(pandas.DataFrame({"image": urls}))
    fetched = []
    whole = importlib.import_module("imagefeed.sources.remote")._fetch
    monkeypatch.setattr("imagefeed.sources.remote._fetch", lambda url: fetched.append(url) or whole(url))
    images = next(iter(feed.Loader(source, PIPELINE, shuffle=False)))
    assert images[:, 0, 0, 0].tolist() == [0, 60, 120, 180]
    assert fetched == urls[1:2]
    folder = feed.table(pandas.DataFrame({"image": ["0.png", "2.png", "3.png"]}), root=photos)
    assert source.identities(np.array([0, 2, 3])) == folder.identities(every(folder))
    gone = feed.table(pandas.DataFrame({"image": [f"file://{photos}/9.png"]}))
    with pytest.raises(feed.DecodeError, match=r"9\.png: No such file"):
        next(iter(feed.Loader(gone, PIPELINE)))


def test_a_file_that_is_not_there_is_an_error_of_its_record(photos) -> None:
    fsspec, pandas = pytest.importorskip("fsspec"), pytest.importorskip("pandas")
    far = fsspec.filesystem("memory")
    far.pipe("/some/0.png", (photos / "0.png").read_bytes())
    source = feed.table(pandas.DataFrame({"image": ["memory://some/0.png", "memory://some/1.png"]}))
    with pytest.raises(feed.DecodeError, match=r"memory://some/1\.png: cannot be fetched \(FileNotFoundError"):
        next(iter(feed.Loader(source, PIPELINE, shuffle=False)))
    images = next(iter(feed.Loader(source, PIPELINE, shuffle=False, on_error="skip", max_bad=0.5)))
    assert len(images) == 1


def test_what_was_not_wanted_is_forgotten() -> None:
    pytest.importorskip("fsspec")
    from imagefeed.sources.names import Names
    from imagefeed.sources.remote import UrlPictures

    pictures = UrlPictures(Names.of([f"memory://nothing/{k}" for k in range(200)]))
    for k in range(200):
        pictures.read_ahead(np.array([k]))
    assert len(pictures._coming) <= 65
    assert 199 in pictures._coming
