"""plotly's FigureWidget for browsers that need more than two seconds to read plotly.

anywidget, which carries a FigureWidget to the page, gives a widget's JavaScript two seconds to
load. If it takes longer, every later message to that widget is dropped without a word: the figure
stays empty, or stands still while its sliders move. plotly's JavaScript is 5 MB, and a slow or busy
computer takes longer than that. Here the widget's own JavaScript is a few lines, which load at
once and fetch plotly's beside them, once a page instead of once a figure.
"""

from pathlib import Path

import plotly
import plotly.graph_objects as go
import traitlets

# `initialize` must not wait for the bundle: its end is what anywidget's two seconds are up to.
LOADER = """
const plotly = (model) => globalThis.pcvaePlotly ??= import(
    URL.createObjectURL(new Blob([model.get("_bundle")], { type: "text/javascript" })));

export default () => {
  let loading;
  return {
    initialize(context) {
      loading = plotly(context.model).then((bundle) => {
        const figure = bundle.default();
        figure.initialize(context);
        return figure;
      });
    },
    async render(context) {
      return (await loading).render(context);
    },
  };
};
"""
BUNDLE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"


class PatientFigure(go.FigureWidget):
    """A FigureWidget that waits for plotly's JavaScript for as long as the browser needs."""

    _esm = LOADER
    _bundle = traitlets.Unicode(BUNDLE.read_text(encoding="utf-8")).tag(sync=True)
