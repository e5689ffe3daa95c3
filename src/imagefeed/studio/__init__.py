"""The local page on which augmentation is tuned by eye: `imagefeed studio FOLDER`.

catalog.py   which steps there are, and what can be set in each
work.py      what the page shows at the moment, as values; and as a pipeline
drawing.py   a grid of pictures, as a loader renders them
measuring.py levels before and after, and what each step costs
export.py    a pipeline as Python, JSON or safetensors, and back
guard.py     who may ask for anything
app.py       the requests that there are
server.py    the socket, the token and the server
static/      the page: plain HTML, CSS and JavaScript
"""

from imagefeed.studio.app import make_app
from imagefeed.studio.server import Studio

__all__ = ["Studio", "make_app"]
