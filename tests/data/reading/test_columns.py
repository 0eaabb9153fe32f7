"""Points in columns of text: what people's programs write around and between them."""

import numpy as np
import pytest

from pcvae.data.reading.columns import COUNTING, GROWING, UNIT
from pcvae.data.reading.shape import WHOLE

POINTS = np.random.default_rng(0).normal(size=(50, 3)).round(4)
NORMALS = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
MORE = np.random.default_rng(1).normal(size=(50, 3)).round(4)


def table(*columns, between=" ", header=""):
    rows = np.column_stack(columns).tolist()
    return header + "\n".join(between.join(f"{value:g}" for value in row) for row in rows) + "\n"


PLAIN, NUMBERED = table(POINTS), np.arange(50)
GOOD = {
    "plain": PLAIN,
    "no last line end": PLAIN.strip(),
    "byte order mark": "\ufeff" + PLAIN,
    "UTF-16": PLAIN.encode("utf-16"),
    "Windows line ends": PLAIN.replace("\n", "\r\n"),
    "blank lines": PLAIN.replace("\n", "\n\n \n"),
    "indented": "  " + PLAIN.replace("\n", "\n  "),
    "tabs": table(POINTS, between="\t"),
    "semicolons": table(POINTS, between=";"),
    "semicolons and blanks": table(POINTS, between=" ; "),
    "commas": table(POINTS, between=","),
    "commas and blanks": table(POINTS, between=", "),
    "commas at the ends": table(POINTS, between=",").replace("\n", ",\n"),
    "normals": table(POINTS, MORE),
    "colors": table(POINTS, NUMBERED % 2),
    "a label in words": PLAIN.replace("\n", " chair\n"),
    "comments": "# made by\n// a program\n% today\n" + PLAIN,
    "comments behind": PLAIN.replace("\n", " # a point\n"),
    "comments between": PLAIN.replace("\n", "\n// so\n"),
    "a count": "50\n" + PLAIN,
    "names": "X Y Z CLASS\n" + table(POINTS, NUMBERED % 3),
    "names in a comment": "//X Y Z Scalar\n" + table(POINTS, MORE[:, 0]),
    "names and a count": "//X Y Z Scalar\n50\n" + table(POINTS, MORE[:, 0]),
    "a count and names": "50\nx y z\n" + PLAIN,
    "names with commas": "x,y,z,nx,ny,nz\n" + table(POINTS, MORE, between=","),
    "names in quotes": '"x","y","z"\n' + table(POINTS, between=","),
    "names with units": "X [m];Y (m);Z [m]\n" + table(POINTS, between=";"),
    "numbers before, and names": "id x y z\n" + table(NUMBERED, POINTS),
    "numbers before, and names in a comment": "# id x y z\n" + table(NUMBERED, POINTS),
    "an index without a name": ",x,y,z\n" + table(NUMBERED, POINTS, between=","),
    "an index without a name, by tabs": "\tx\ty\tz\n" + table(NUMBERED, POINTS, between="\t"),
    "names of the first three": "x y z\n" + table(POINTS, NUMBERED),
    "colors before, and names": "r g b x y z\n" + table(MORE, POINTS),
    "another order": "z,y,x\n" + table(POINTS[:, ::-1], between=","),
    "normals before": "nx ny nz x y z\n" + table(MORE, POINTS),
    "exponents": "\n".join(" ".join(f"{v:.6e}" for v in row) for row in POINTS),
    "signs": "\n".join(" ".join(f"{v:+.4f}" for v in row) for row in POINTS),
}


@pytest.mark.parametrize("ending", ["xyz", "txt", "csv", "pts"])
@pytest.mark.parametrize("name", GOOD)
def test_usual_writings(read, name, ending):
    shape = read(f"a.{ending}", GOOD[name])
    assert shape.faces is None
    assert np.allclose(shape.vertices, POINTS)
    assert shape.notes == ()


COMMAS = PLAIN.replace(".", ",")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (COMMAS, "commas within numbers"),
        (COMMAS.replace(" ", ";"), "commas within numbers"),
        (COMMAS.replace(" ", "\t"), "commas within numbers"),
        (COMMAS.replace(" ", ", "), "commas within numbers"),
        (COMMAS.replace(" ", ","), "commas within numbers"),
        (table(POINTS * 1000 + 0.5).replace(" ", ",000 "), "commas within numbers"),
        ("".join(f'"1,{n}","2,{n}","3,{n}"\n' for n in range(10, 60)), "commas within numbers"),
        ('"x","y","z"\n' + '"1,234.5","2,0.5","3,0.5"\n' * 9, "commas within numbers"),
        (table(POINTS.T), "got 3 lines of 50 numbers"),
        (PLAIN.replace("\n", " "), "got 1 lines of 150 numbers"),
        (table(NUMBERED, POINTS), "whole numbers stand before"),
        (table(NUMBERED + 1, POINTS, MORE), "whole numbers stand before"),
        (table(NUMBERED % 4, POINTS), "whole numbers stand before"),
        (table(NUMBERED % 4, NUMBERED // 9, POINTS), "whole numbers stand before"),
        (table(NUMBERED, NUMBERED, NUMBERED % 7, NUMBERED % 3), "whole numbers stand before"),
        ("  x y z\n" + table(NUMBERED, POINTS), "whole numbers stand before"),
        ("#,x,y,z\n" + table(NUMBERED, POINTS, between=","), "whole numbers stand before"),
        ("lon lat height\n" + PLAIN, "named 'lon, lat, height'"),
        ("id x y\n" + PLAIN, "named 'id, x, y'"),
        ("x y z x\n" + table(POINTS, NUMBERED), "named 'x, y, z, x'"),
        ("nx ny x y z\n" + table(POINTS, NUMBERED), "its 4 columns are named"),
        ("51\n" + PLAIN, "50 points of 51: it is cut short"),
        ("49\n" + PLAIN, "50 points of 49"),
        ("6000\n0.1 0.2 0.3\n", "1 points of 6000"),
        ("10000000000\n" + PLAIN, "50 points of 10000000000"),
        ("50\n50\n" + PLAIN, "no table of points: it begins with '50' and '50'"),
        (PLAIN + "50\n" + PLAIN, "1 and 3 columns"),
        (PLAIN + "0.1 0.2\n", "2 and 3 columns"),
        (PLAIN + "0.1 0.2 x\n", "'x'"),
        (PLAIN + "0.1 0.2 1_0\n", "1_0"),
        (PLAIN + "0.1 0.2 nan\n", "NaN"),
        (table(POINTS[:, :2]), "got 2 columns"),
        ("3\nwater\nO 0 0 0\nH 1 0 0\nH 0 1 0\n", "no table of points"),
        (
            "version: 1\nn_points: 68\n{\n1 2\n}\n",
            "no table of points: it begins with 'version: 1'",
        ),
        ("train/chair_0001\ntrain/chair_0002\n", "no table of points"),
        ("# only words\n", "no points"),
        ("9\n", "no points of 9"),
        ("0.1 chair 0.2 0.3\n", "x, y and z as numbers, got '0.1 chair"),
        (b"\0\1\2", "no text"),
    ],
)
def test_what_is_ambiguous_or_does_not_hold_is_named(read, content, message):
    with pytest.raises(ValueError, match=message):
        read("a.xyz", content)


def test_doubtful_coordinates_are_noted(read, caplog):
    assert read("a.xyz", table(NUMBERED, POINTS[:, :2])).notes == (COUNTING,)
    assert read("b.xyz", table(POINTS.round())).notes == (WHOLE,)
    assert "a.xyz: its first column counts" in caplog.text
    assert read("c.xyz", table(POINTS * [0, 1, 1], NUMBERED)).notes == ()  # flat, with colors
    assert read("d.xyz", table(NUMBERED / 8 + 1e3, POINTS)).notes == (GROWING,)
    assert read("e.xyz", table(NORMALS, POINTS)).notes == (UNIT,)
    assert read("f.xyz", table(NORMALS, NORMALS)).notes == ()  # a ball with its normals


def test_three_columns_that_a_name_calls_something_else_are_refused(read):
    for name in ("normals.txt", "chair_01_Color.xyz"):
        with pytest.raises(ValueError, match=r"by its name .*, not points"):
            read(name, PLAIN)
    assert len(read("with_color.xyz", table(POINTS, MORE)).vertices) == 50
    assert len(read("color_chart.xyz", PLAIN).vertices) == 50
