"""What a learner drags: a panel on the latents of a trained model.

From the bottom up: `state`, `local`, `mixing`, `editing` and `factors` are pure functions on
latents; `recipe`, `library`, `workshop` and `code` say in data what was done to which shape; `view`
(plotly) and `webgl` draw; `session` joins these; the rest are groups of controls (ipywidgets).
"""

from typing import Any

import numpy as np

from pcvae.data.clouds import CloudSet
from pcvae.explore.panel import Explorer
from pcvae.explore.tabs.mix import StyleSwap
from pcvae.explore.tabs.points import LocalEditor
from pcvae.explore.tabs.sliders import GlobalSliders
from pcvae.models import PointCloudVAE

__all__ = ["Explorer", "GlobalSliders", "LocalEditor", "StyleSwap", "explore"]


def explore(model: PointCloudVAE, data: CloudSet | np.ndarray, **options: Any) -> Explorer:
    """Return a panel that shows shapes, moves their latents and decodes them while you drag.

    Args:
        model: a trained model, such as `pcvae.load("furniture")`.
        data: the shapes to choose from, such as `load_furniture("test")`, or clouds of your own as
            an array (N, 3) or (S, N, 3).
        **options: `start` (number of the first shape), `num_directions`, `num_points`, `reference`
            (shapes to find directions of z with), `use_prior`, and `view`: "plotly", or "webgl" for
            a picture that follows faster.

    Returns:
        A widget: display it as the last line of a cell.

    Raises:
        ValueError: if there are too few shapes for the directions asked for.
    """
    return Explorer(model, data, **options)
