import numpy as np
import pytest

from pcvae.widgets.coloring import COLORS, PARTS, by_height, by_label, by_value, coloring_of


def hexadecimal(rgb: np.ndarray) -> str:
    return "#" + "".join(f"{int(v):02x}" for v in rgb)


def test_ends_of_the_scale_are_its_end_colors():
    rgb = by_value(np.array([0.0, 0.5, 1.0])).rgb()
    assert [hexadecimal(row) for row in rgb] == [COLORS[0], COLORS[2], COLORS[-1]]


def test_values_beyond_given_ends_are_clipped():
    rgb = by_value(np.array([-5.0, 5.0]), 0, 1).rgb()
    assert [hexadecimal(row) for row in rgb] == [COLORS[0], COLORS[-1]]


def test_each_label_has_one_color_of_its_own():
    labels = np.array([7, 2, 2, 9, 7], dtype=np.uint8)
    coloring = by_label(labels, [f"part {i}" for i in range(10)])
    assert coloring.names == ("part 2", "part 7", "part 9")
    rgb = [hexadecimal(row) for row in coloring.rgb()]
    assert rgb == [PARTS[1], PARTS[0], PARTS[0], PARTS[2], PARTS[1]]


def test_plotlys_scale_gives_the_same_colors_as_ours():
    for coloring in (by_label(np.arange(5)), by_value(np.linspace(-2, 3, 7))):
        scale, low, high = coloring.colorscale, coloring.low, coloring.high
        for value, rgb in zip(coloring.values, coloring.rgb(), strict=True):
            place = (value - low) / (high - low)
            before = [stop for stop in scale if stop[0] <= place][-1]
            if coloring.stepped:
                assert before[1] == hexadecimal(rgb)
        assert [scale[0][0], scale[-1][0]] == [0, 1]


def test_equal_values_make_a_scale_all_the_same():
    coloring = by_value(np.full(3, 2.0))
    assert coloring.low < 2 < coloring.high
    assert len({hexadecimal(row) for row in coloring.rgb()}) == 1


def test_whole_numbers_are_labels_and_others_lie_on_a_scale():
    assert coloring_of([0, 1, 1]).stepped
    assert not coloring_of([0.0, 1.0, 1.0]).stepped
    assert coloring_of(by_height(np.zeros((2, 3)))).values.dtype == np.float32
    with pytest.raises(ValueError, match="one finite number for each point"):
        coloring_of(np.zeros((4, 3)))
