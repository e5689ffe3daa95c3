"""imagefeed: stored images to training batches, fast. Decide first, touch pixels once."""

# `__init__.pyi` says where every public name comes from, and a name is imported when it is first used: a program that
# has three of the seventy transforms does not wait for the others.
import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore[reportUnknownVariableType]
