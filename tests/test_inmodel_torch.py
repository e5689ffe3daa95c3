"""torch.compile takes the module whole, in a process of its own; what it compiles to must be what it does by itself."""

import subprocess
import sys
import textwrap
from importlib.util import find_spec

import pytest

# With "inductor" the graph is the same, but a C++ compiler is busy with it for a minute or more, and it draws other
# numbers: `python -c` with that name in place of "aot_eager" tries it.
LINES = """
    import torch
    import imagefeed as feed

    pipeline = feed.Pipeline([
        feed.Rotate(degrees=(-30, 30)), feed.HorizontalFlip(), feed.Brightness(factor=(0.5, 1.5)),
        feed.Normalize.preset("imagenet"),
    ])
    images = torch.randint(0, 256, (4, 3, 32, 40), dtype=torch.uint8)
    module = pipeline.to_torch()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)

    def made(function, seed):
        torch.manual_seed(seed)
        return function(images)

    first = made(compiled, 1)
    assert (first - made(module, 1)).abs().max() < 1e-4
    assert (first - made(compiled, 2)).abs().max() > 0.1
    compiled.eval()
    assert not module.training
    assert torch.equal(made(compiled, 1), made(compiled, 2))
    assert (made(compiled, 1) - made(module, 1)).abs().max() < 1e-4
    moved = torch.nn.Sequential(pipeline.to_torch(), torch.nn.Flatten())
    moved.load_state_dict(moved.state_dict())
    assert {name for name, _ in moved.named_buffers()} == {"0.scale", "0.bias"}
    try:
        module(images.permute(0, 2, 3, 1))
    except feed.SpecError as error:
        assert 'to_torch(layout="nhwc")' in str(error), error
    else:
        raise AssertionError("channels that are heights")
    print("compiled")
"""


def test_the_module_compiles_without_a_break() -> None:
    if not find_spec("torch"):
        pytest.skip("torch is not installed")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(LINES)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "compiled\n"
