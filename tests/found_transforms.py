"""Every public transform, found and not listed: by the calls that its docstring shows as examples."""

import doctest

import numpy as np

import imagefeed as feed
from imagefeed import Transform

PUBLIC = sorted(
    (cls for name in feed.__all__ if isinstance(cls := getattr(feed, name), type) and issubclass(cls, Transform)),
    key=lambda cls: cls.__name__,
)


def examples(cls: type[Transform]) -> list[Transform]:
    """The transforms of a class that its docstring makes."""
    found: list[Transform] = []
    names = dict(vars(feed)) | {"np": np}
    for name in feed.__all__:
        names[name] = getattr(feed, name)
    for example in doctest.DocTestParser().get_examples(cls.__doc__ or ""):
        source = example.source.strip()
        if source.startswith(cls.__name__ + "("):
            found.append(eval(source, names))
    return found


EXAMPLES = [example for cls in PUBLIC for example in examples(cls)]
