"""`imagefeed cache`: build, look into, verify and clear a cache in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from imagefeed.cache import Cache, FolderStore, Form, Identity, clear_folder, is_whole, open_folder, room
from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson, Folder, PipelineName, Quality, Size, pipeline_or_recipe
from imagefeed.cli.examples import add_commands
from imagefeed.cli.scan import open_folder as open_source
from imagefeed.errors import CacheError
from imagefeed.loader import Loader
from imagefeed.memory import format_bytes

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Build, look into, verify and clear a cache.")

_CacheFolder = Annotated[Path, typer.Argument(metavar="CACHE", help="The cache's folder.")]
# Taking pictures out of a cache needs some pages.
_SLACK = 16 << 20


def build(
    folder: Folder,
    cache: _CacheFolder,
    pipeline: PipelineName = None,
    size: Size = 224,
    budget: Annotated[str, typer.Option(help="How large the cache may grow.")] = "20GB",
    store: Annotated[Form, typer.Option(help="Levels, JPEG at the size of training, or what fits.")] = "auto",
    quality: Quality = 95,
    identity: Annotated[Identity, typer.Option(help="What tells that a file has changed.")] = "stat",
    as_json: AsJson = False,
) -> None:
    """Fill a cache before training, from where an earlier build ended. Tells first how large it will be."""
    steps = pipeline_or_recipe(pipeline, size)
    kept = Cache(cache, budget=budget, store=store, quality=quality, identity=identity)
    loader = Loader(open_source(folder), steps, cache=kept, on_error="skip", max_bad=1.0)
    expected, words = loader.cache_estimate()
    (console.err if as_json else console.out).print(
        f"{len(loader.source)} pictures, {escape(words)}: about {format_bytes(expected)}; "
        f"{room(cache)} free on the disk, budget {budget}",
        soft_wrap=True,
    )
    with console.counting("caching") as advance:
        bad = loader.fill_cache(advance)
    for error in bad:
        console.err.print(f"[red]not cached:[/] {escape(str(error))}", soft_wrap=True)
    info(cache, as_json)


def info(cache: _CacheFolder, as_json: AsJson = False) -> None:
    """How many pictures a cache holds, and how large it is."""
    store = _opened(cache)
    if as_json:
        print(json.dumps({"path": str(cache), "pictures": len(store), "bytes": store.size}))
        return
    console.out.print(
        f"{escape(str(cache))}: {len(store)} pictures, {format_bytes(store.size)}; {room(cache)} free on the disk",
        soft_wrap=True,
    )


def verify(
    cache: _CacheFolder,
    remove: Annotated[bool, typer.Option("--remove", help="Take damaged pictures out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every checksum. Ends with status 1 if a picture is damaged; it is never served, but made anew."""
    store = _opened(cache, write=remove)
    damaged: list[bytes] = []
    with console.counting("verifying") as advance:
        for key, value in store.items():
            if not is_whole(value):
                damaged.append(key)
            advance(len(store))
    if remove:
        store.remove(damaged)
    if as_json:
        facts = {"path": str(cache), "pictures": len(store), "damaged": [key.hex() for key in damaged]}
        print(json.dumps(facts))
    elif damaged:
        console.out.print(f"[red]damaged  {len(damaged)}[/] of {len(store)} pictures", soft_wrap=True)
    else:
        console.out.print(f"[green]whole  all {len(store)} pictures[/]", soft_wrap=True)
    if damaged and not remove:
        raise typer.Exit(1)


def clear(cache: _CacheFolder, as_json: AsJson = False) -> None:
    """Remove a cache, and nothing else that lies in its folder."""
    freed = clear_folder(cache)
    if as_json:
        print(json.dumps({"path": str(cache), "bytes": freed}))
        return
    console.out.print(f"freed {format_bytes(freed)}")


add_commands(
    app,
    {
        build: [
            "imagefeed cache build photos photos-cache",
            "imagefeed cache build photos photos-cache --pipeline train:pipeline --budget 5GB --store jpeg",
        ],
        info: ["imagefeed cache info photos-cache", "imagefeed cache info photos-cache --json"],
        verify: ["imagefeed cache verify photos-cache", "imagefeed cache verify photos-cache --remove"],
        clear: ["imagefeed cache clear photos-cache"],
    },
)


def _opened(path: Path, *, write: bool = False) -> FolderStore:
    if not (path / "data.mdb").is_file():
        raise CacheError(f"{path}: holds no cache (no data.mdb); give the folder that Cache(...) was given")
    return open_folder(path, (path / "data.mdb").stat().st_size + _SLACK, write=write)
