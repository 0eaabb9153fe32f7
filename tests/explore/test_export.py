import base64
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pcvae.data.meshes import read_shape
from pcvae.explore import Explorer, explore, export


@pytest.fixture
def panel(model, chairs, tmp_path) -> Explorer:
    panel = explore(model, chairs, num_directions=2, view="webgl", start=2)
    panel.saver.folder.value = str(tmp_path / "out")
    panel.style[0].value = 1.0
    return panel


def written(panel, kind: str):
    panel.saver.buttons[kind].click()
    assert panel.message.value == ""
    (path,) = (p for p in (__import__("pathlib").Path(panel.saver.folder.value)).iterdir())
    assert str(path) in panel.saver.told.value
    return path


def test_ply_is_read_back_with_its_points(panel):
    points = read_shape(written(panel, "PLY")).vertices
    np.testing.assert_allclose(points, panel.points(), atol=1e-6)


def test_npz_holds_clouds_and_latents(panel):
    with np.load(written(panel, "NPZ"), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["points"][0], panel.points())
        np.testing.assert_array_equal(archive["z"], panel.state.z.numpy())
        assert archive["h"].shape == (256, 4)


def test_png_shows_three_clouds(panel):
    image = np.asarray(Image.open(written(panel, "PNG")).convert("L")).astype(float)
    thirds = np.array_split(image, 3, axis=1)
    assert all((third < 230).mean() > 0.005 for third in thirds)


def test_the_page_of_a_walk_holds_its_frames_and_needs_nothing_else(panel):
    panel.walk.count.value = 5
    text = written(panel, "HTML").read_text()
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S).group(1))
    frames = np.frombuffer(base64.b64decode(data["frames"]), "<f4").reshape(5, 256, 3)
    for frame, recipe in zip(frames, panel.walk.frames(), strict=True):
        np.testing.assert_array_equal(frame, panel.session.clouds(recipe)[1])
    assert not re.search(r"""(src|href)\s*=|https?://|\bimport\b""", text)


def test_a_name_cannot_end_the_pages_script(tmp_path):
    frames = np.zeros((1, 4, 3), np.float32)
    rgb = np.zeros((4, 3), np.uint8)
    evil = "</script><script>alert(1)</script>"
    path = export.write_walk(tmp_path / "x.html", frames, rgb, [evil], evil)
    assert "<script>alert" not in path.read_text()
    with pytest.raises(ValueError, match="a caption for each of 1 frames"):
        export.write_walk(tmp_path / "y.html", frames, rgb, [], "")
    assert not (tmp_path / "y.html").exists()


def test_shown_code_makes_the_cloud_that_is_shown(panel, model, chairs):
    panel.saver.buttons["Python"].click()
    scope = {"model": model, "shapes": chairs}
    exec(panel.saver.code.value, scope)
    np.testing.assert_array_equal(scope["cloud"], panel.points())
    assert panel.saver.copy.text == panel.saver.code.value
    assert panel.saver.code.layout.display != "none"


def test_a_folder_that_cannot_be_written_is_named(panel, tmp_path):
    (tmp_path / "file").write_text("")
    panel.saver.folder.value = str(tmp_path / "file" / "below")
    panel.saver.buttons["PLY"].click()
    assert "NotADirectoryError" in panel.message.value


def test_the_scripts_belong_to_the_package():
    code = (
        "from importlib.resources import files; "
        "print([files('pcvae.widgets').joinpath(n).is_file() for n in ('clouds.js', 'page.js')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[True, True]"
