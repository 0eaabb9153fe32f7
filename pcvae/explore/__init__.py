"""What a learner drags: a panel on the latents of a trained model.

From the bottom up: `steps` are calls of the functions of `pcvae.editing`, run to draw and printed
to be read; `settings` say what the controls stand at; `shape_list` has the shapes to choose from;
`editor` makes latents, clouds and code of these, `session` a picture; and groups of controls stand
behind the `tabs` of the `panel`.
"""

from typing import Any

import numpy as np

from pcvae.data.clouds import CloudSet
from pcvae.explore.panel import Explorer
from pcvae.explore.shape_list import read_cloud
from pcvae.explore.tabs.factors import FactorSliders
from pcvae.explore.tabs.mix import Mix
from pcvae.explore.tabs.points import EditsOfChosenPoints
from pcvae.models import PointCloudVAE

__all__ = ["EditsOfChosenPoints", "Explorer", "FactorSliders", "Mix", "explore", "read_cloud"]


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
