import base64
import io
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pcvae.diagnostics import Diagnosis, Errors, Swap
from pcvae.figures import (
    INK,
    _project,
    as_png,
    cloud_grid,
    described,
    diagnosis_figure,
    for_any_ground,
)


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(count, 3)).astype(np.float32) for count in (50, 80, 20)]


def pixels(figure):
    """Return the drawn picture, (height, width, 4) within 0..1."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return plt.imread(io.BytesIO(file.getvalue()))


def test_every_cloud_lies_within_its_own_panel(clouds):
    (axes,) = cloud_grid(clouds, columns=2).axes
    assert len(axes.collections) == 3
    height = -axes.get_ylim()[0] / 2  # two rows
    for k, drawn in enumerate(axes.collections):
        x, y = drawn.get_offsets().T
        assert len(x) == len(clouds[k])
        assert x.min() > 2 * (k % 2)
        assert x.max() < 2 * (k % 2) + 2
        assert y.max() < -height * (k // 2)
        assert y.min() > -height * (k // 2 + 1)


def test_clouds_keep_their_relative_sizes(clouds):
    (axes,) = cloud_grid([clouds[0], 2 * clouds[0]], columns=2).axes
    small, large = (np.ptp(drawn.get_offsets(), axis=0) for drawn in axes.collections)
    assert np.allclose(2 * small, large)


def test_the_viewer_stands_where_the_angles_say():
    x, y, z = np.eye(3)
    assert np.allclose(_project(np.eye(3), 0, 0), [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    # From the left, +Z is to the right; from above, +Y comes nearest.
    assert np.allclose(_project(z[None], -90, 0), [[1, 0, 0]])
    assert np.allclose(_project(y[None], 0, 90), [[0, 0, 1]])
    # From the front right, +X and +Z both come nearer.
    assert (_project(np.stack([x, z]), 35, 20)[:, 2] > 0).all()


def test_near_points_are_painted_over_far_ones():
    points = np.array([[0, 0, 1], [0, 0, -1]], dtype=np.float32)
    colors = np.array([[1, 0, 0], [0, 0, 1]], dtype=float)
    (axes,) = cloud_grid([points], colors=[colors], azimuth=0, elevation=0).axes
    assert axes.collections[0].get_facecolors()[-1].tolist() == [1, 0, 0, 1]


def test_numbers_become_colors_on_one_scale(clouds):
    colors = [np.full(len(cloud), float(k)) for k, cloud in enumerate(clouds)]
    (axes,) = cloud_grid(clouds, colors=colors).axes
    shades = [drawn.get_facecolors()[0] for drawn in axes.collections]
    (axes,) = cloud_grid(clouds[1:2], colors=colors[1:2], color_range=(0, 2)).axes
    assert (axes.collections[0].get_facecolors()[0] == shades[1]).all()
    assert len({tuple(shade) for shade in shades}) == 3


def test_no_figure_is_left_open_and_nothing_is_cut_off(clouds):
    image = pixels(cloud_grid(clouds, ["one", "two", "three"], columns=2, heading="clouds"))
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 1).all()
    assert plt.get_fignums() == []


def test_one_point_can_be_drawn():
    assert (pixels(cloud_grid([np.zeros((1, 3), dtype=np.float32)], ["origin"])) < 1).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"titles": ["one"]}, "3 titles.*got 1"),
        ({"colors": [np.zeros(50)]}, "3 colors.*got 1"),
        ({"colors": [np.zeros(50), np.zeros(7), np.zeros(20)]}, r"colors\[1\].*\(7,\)"),
        ({"columns": 0}, "one column"),
        ({"points": []}, "got 0"),
    ],
)
def test_lists_that_do_not_match_are_refused(clouds, changes, message):
    with pytest.raises(ValueError, match=message):
        cloud_grid(**({"points": clouds} | changes))


def test_a_described_figure_is_a_picture_with_its_text(clouds):
    shown = described(cloud_grid(clouds), 'Three "balls" of points')
    page = shown._repr_html_()
    assert 'alt="Three &quot;balls&quot; of points"' in page
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])
    drawn, whole = plt.imread(io.BytesIO(picture)), pixels(shown.figure)
    assert drawn.shape[:2] == whole.shape[:2]
    assert np.abs(drawn[..., :3] - whole[..., :3]).mean() < 0.01
    assert repr(shown) == '[Picture: Three "balls" of points]'
    with pytest.raises(ValueError, match="in words"):
        described(shown.figure, " ")


def as_seen_on(figure, ground):
    """The picture as a page of one gray shows it, (height, width, 3) within 0..1."""
    drawn = plt.imread(io.BytesIO(as_png(figure)))
    alpha = drawn[..., 3:]
    return alpha * drawn[..., :3] + (1 - alpha) * ground


@pytest.mark.parametrize("ground", [1.0, 0.067], ids=["light", "dark"])
def test_lines_letters_and_points_can_be_told_from_any_ground(ground, clouds):
    figure, panel = plt.subplots(figsize=(3, 2))
    panel.plot([0, 1], [0, 1], "k", lw=8, label="black")
    panel.set_title("title")
    panel.legend()
    for one in (figure, cloud_grid(clouds)):
        seen = as_seen_on(one, ground)
        there = np.abs(seen - ground).max(axis=2)
        assert (there > 0.3).mean() > 0.01  # something is drawn
        assert (there < 0.01).mean() > 0.5  # on the page's own ground
    assert panel.lines[0].get_color() == panel.title.get_color() == INK
    plt.close(figure)


def test_letters_on_a_table_of_colors_keep_their_own():
    figure, panel = plt.subplots()
    panel.imshow(np.zeros((2, 2)))
    on_it = panel.text(0, 0, "0.9", color="black")
    for_any_ground(figure)
    assert on_it.get_color() == "black"
    plt.close(figure)


def test_a_described_figure_is_not_shown_a_second_time():
    figure = plt.figure()
    described(figure, "nothing")
    assert not plt.fignum_exists(figure.number)


@pytest.fixture
def diagnosis():
    def make(moved, factors):
        return Diagnosis(
            shapes=7,
            swaps={"z": Swap(moved, 1.3, 0.7), "h": Swap(1.5, 0.6, 1.4)},
            errors=Errors(0.1, 0.2, 0.5, 1.0, 9.0, 1.0),
            variance_shares=np.array([0.75, 0.25]),
            sigmas=np.array([0.4, 0.5, 0.6]),
            from_style=0.3,
            floor=0.02,
            factors=factors,
        )

    return make


@pytest.mark.parametrize(("moved", "verdict"), [(0.002, "dead"), (1.2, "moves the shape")])
def test_a_dead_z_is_named_above_the_diagnostics(diagnosis, moved, verdict):
    figure = diagnosis_figure(diagnosis(moved, {"leg height": 0.9, "tilt": -0.1}), 0.481)
    assert verdict in figure.get_suptitle()
    swap, _, errors, shares, sigmas, factors = figure.axes
    assert [bar.get_height() for bar in swap.patches] == [1.3, 0.7]
    assert [bar.get_height() for bar in errors.patches] == [0.02, 0.3, 0.1, 0.2]
    assert shares.lines[0].get_ydata().tolist() == [0.75, 1.0]
    assert "closed form: 0.481" in [text.get_text() for text in sigmas.get_legend().get_texts()]
    assert [bar.get_width() for bar in factors.patches] == [0, 0.9]
    assert (pixels(figure) < 1).any()


def test_without_factors_and_closed_form_the_diagnostics_are_drawn_all_the_same(diagnosis):
    figure = diagnosis_figure(diagnosis(1.0, {}))
    assert "no factors" in figure.axes[-1].texts[0].get_text()
    assert (pixels(figure) < 1).any()


def test_a_z_that_speaks_through_the_prior_is_not_called_dead(diagnosis):
    """By joint_flow, h copies the shape, and the flow draws h given z."""
    found = replace(diagnosis(0.002, {}), from_style=0.1)
    assert "by way of the prior" in diagnosis_figure(found).get_suptitle()
