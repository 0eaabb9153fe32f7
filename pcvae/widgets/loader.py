"""plotly's FigureWidget for browsers that need more than two seconds to read plotly.

anywidget, which carries a FigureWidget to the page, gives a widget's JavaScript two seconds to
load. If it takes longer, every later message to that widget is dropped without a word: the figure
stays empty, or stands still while its sliders move. plotly's JavaScript is 5 MB, and a slow or busy
computer takes longer than that. Here the widget's own JavaScript is a few lines, which load at
once and fetch plotly's beside them, once a page instead of once a figure. They also mend what
plotly leaves undone: the views of one figure do not turn together; it saves the camera one move
of the mouse late, so that the next edit would undo it, and its canvases have no name that a screen
reader could read.
"""

from pathlib import Path

import plotly
import plotly.graph_objects as go
import traitlets

# The page's part: figure.js. `_bundle` is plotly's own.
LOADER = Path(__file__).with_name("figure.js")
BUNDLE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"


class PatientFigure(go.FigureWidget):
    """A FigureWidget that waits for plotly's JavaScript for as long as the browser needs."""

    _esm = LOADER
    _bundle = traitlets.Unicode(BUNDLE.read_text(encoding="utf-8")).tag(sync=True)
