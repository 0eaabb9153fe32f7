from pathlib import Path

import numpy as np
import pytest

from pcvae.data import read_shape
from pcvae.explore import Explorer, explore
from pcvae.explore.tabs.save import Save


@pytest.fixture
def panel(model, chairs, tmp_path) -> Explorer:
    panel = explore(model, chairs, num_directions=2, view="webgl", start=2)
    panel.group(Save).folder.value = str(tmp_path / "out")
    panel.style[0].value = 1.0
    return panel


def written(panel: Explorer, kind: str) -> Path:
    saver = panel.group(Save)
    saver.buttons[kind].click()
    assert panel.session.message.value == ""
    (path,) = Path(saver.folder.value).iterdir()
    assert str(path) in saver.told.value
    return path


def test_ply_is_read_back_with_its_points(panel):
    points = read_shape(written(panel, "PLY")).vertices
    np.testing.assert_allclose(points, panel.points(), atol=1e-6)


def test_npz_holds_clouds_and_latents(panel):
    with np.load(written(panel, "NPZ"), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["points"][0], panel.points())
        np.testing.assert_array_equal(archive["z"], panel.session.state.z.numpy())
        assert archive["h"].shape == (256, 4)


def test_shown_code_makes_the_cloud_that_is_shown(panel, model, chairs):
    saver = panel.group(Save)
    saver.buttons["Python"].click()
    scope = {"model": model, "shapes": chairs}
    exec(saver.code.value, scope)
    np.testing.assert_array_equal(scope["cloud"], panel.points())
    assert saver.copy.text == saver.code.value
    assert saver.code.layout.display != "none"


def test_a_folder_that_cannot_be_written_is_named(panel, tmp_path):
    (tmp_path / "file").write_text("")
    panel.group(Save).folder.value = str(tmp_path / "file" / "below")
    panel.group(Save).buttons["PLY"].click()
    assert "NotADirectoryError" in panel.session.message.value
