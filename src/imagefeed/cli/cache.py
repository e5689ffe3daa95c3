"""`imagefeed cache`: build, look into, verify and clear a cache in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from imagefeed.cache import Cache, FolderStore, clear_folder, is_whole, open_folder, room
from imagefeed.cli import console
from imagefeed.cli.preview import load_pipeline
from imagefeed.cli.recipe import recipe
from imagefeed.cli.scan import open_folder as open_source
from imagefeed.errors import CacheError, SpecError
from imagefeed.loader import Loader
from imagefeed.memory import format_bytes

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Build, look into, verify and clear a cache.")

_CacheFolder = Annotated[Path, typer.Argument(metavar="CACHE", help="The cache's folder.")]
# Taking pictures out of a cache needs some pages.
_SLACK = 16 << 20
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def build(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Pictures, in a sub-folder for every class, or without classes."),
    ],
    cache: _CacheFolder,
    pipeline: Annotated[
        str | None,
        typer.Option(help="A pipeline of yours as MODULE:NAME, found from this folder; else one for photographs."),
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="Height and width of what the default pipeline makes.")] = 224,
    budget: Annotated[str, typer.Option(help="How large the cache may grow.")] = "20GB",
    store: Annotated[str, typer.Option(help="auto, raw or jpeg.")] = "auto",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG.")] = 95,
    identity: Annotated[str, typer.Option(help="stat or content: what tells that a file has changed.")] = "stat",
) -> None:
    """Fill a cache before training, from where an earlier build ended. Tells first how large it will be."""
    steps = recipe(size) if pipeline is None else load_pipeline(pipeline)
    kept: Any = {"budget": budget, "store": store, "quality": quality, "identity": identity}
    loader = Loader(open_source(folder), steps, cache=Cache(cache, **kept), on_error="skip", max_bad=1.0)
    expected, words = loader.cache_estimate()
    if len(loader.source) == 0:
        raise SpecError(f"{folder}: holds no pictures")
    console.out.print(
        f"{len(loader.source)} pictures, {escape(words)}: about {format_bytes(expected)}; "
        f"{room(cache)} free on the disk, budget {budget}",
        soft_wrap=True,
    )
    with console.counting("caching") as advance:
        bad = loader.fill_cache(advance)
    for error in bad:
        console.err.print(f"[red]not cached:[/] {escape(str(error))}", soft_wrap=True)
    info(cache)


@app.command()
def info(cache: _CacheFolder, as_json: _AsJson = False) -> None:
    """How many pictures a cache holds, and how large it is."""
    store = _opened(cache)
    if as_json:
        print(json.dumps({"path": str(cache), "pictures": len(store), "bytes": store.size}))
        return
    console.out.print(
        f"{escape(str(cache))}: {len(store)} pictures, {format_bytes(store.size)}; {room(cache)} free on the disk",
        soft_wrap=True,
    )


@app.command()
def verify(
    cache: _CacheFolder,
    remove: Annotated[bool, typer.Option("--remove", help="Take damaged pictures out.")] = False,
    as_json: _AsJson = False,
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


@app.command()
def clear(cache: _CacheFolder) -> None:
    """Remove a cache, and nothing else that lies in its folder."""
    console.out.print(f"freed {format_bytes(clear_folder(cache))}")


def _opened(path: Path, *, write: bool = False) -> FolderStore:
    if not (path / "data.mdb").is_file():
        raise CacheError(f"{path}: holds no cache (no data.mdb); give the folder that Cache(...) was given")
    return open_folder(path, (path / "data.mdb").stat().st_size + _SLACK, write=write)
