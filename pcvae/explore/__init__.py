"""What a learner drags: a panel on the latents of a trained model.

`editing` has the edits as pure functions, `view` draws, `panel` joins both with controls.
"""

from typing import Any

from pcvae.data.clouds import CloudSet
from pcvae.explore.panel import Explorer
from pcvae.models import PointCloudVAE

__all__ = ["Explorer", "explore"]


def explore(model: PointCloudVAE, data: CloudSet, **options: Any) -> Explorer:
    """Return a panel that shows shapes, moves their latents and decodes them while you drag.

    Args:
        model: a trained model, such as `pcvae.load("furniture")`.
        data: the shapes to choose from, such as `load_furniture("test")`.
        **options: of `Explorer`: `num_directions`, `num_points`, `start`.

    Returns:
        A widget: display it as the last line of a cell.

    Raises:
        ValueError: if there are too few shapes for the directions asked for.
    """
    return Explorer(model, data, **options)
