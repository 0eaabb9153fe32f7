"""NumPy's files as clouds."""

import io
import zipfile

import numpy as np
import pytest

from pcvae.data.reading.shape import EQUAL, WHOLE

POINTS = np.random.default_rng(0).normal(size=(40, 3))


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def claim(shape, members=("points",)):
    """A file whose header promises an array of some shape, and holds nothing of it."""
    return npy(POINTS).replace(b"(40, 3)", str(shape).encode())


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f8", "i2", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_any_kind(read, kind, order):
    points = (POINTS * 50 + 128).astype(kind).copy(order)
    assert np.allclose(read("a.npy", npy(points)).vertices, points)


@pytest.mark.parametrize(
    "arrays",
    [{"points": POINTS}, {"points": POINTS, "normals": POINTS + 1}, {"anything": POINTS}],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives(read, arrays, save):
    assert np.allclose(read("a.npz", npz(save, **arrays)).vertices, POINTS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            npz(points=POINTS, occupancies=np.zeros(5, "u1")),
            "'occupancies': it holds points that are no",
        ),
        (npz(points=POINTS, sdf=np.zeros(40)), "'sdf'"),
        (npz(points=POINTS, in_out=POINTS[:, 0] > 0), "'in_out'"),
        (npz(normals=POINTS), "holds normals by its name 'normals', not points"),
        (npz(points=POINTS, faces=np.zeros((9, 3), int)), "'faces': it holds a mesh"),
        (npz(a=POINTS, b=POINTS), "no array named 'points' .found: a, b"),
        (npz(pos=POINTS, neg=POINTS), "found: pos, neg"),
        (npz(), "found: "),
        (npz(points=POINTS[None]), r"\(N, 3\), got \(1, 40, 3\)"),
        (npy(POINTS.T), r"got \(3, 40\)"),
        (npy(POINTS[:, :2]), r"got \(40, 2\)"),
        (npy(POINTS[0]), r"got \(3,\)"),
        (npy(POINTS.astype(complex)), "complex"),
        (npy(POINTS > 0), "bool"),
        (npy(POINTS.astype(str)), "<U"),
        (npy(POINTS.astype(object), allow_pickle=True), "never opened"),
        (npz(points=POINTS.astype(object)), "never opened"),
        (npy(POINTS)[:-1], "cut short"),
        (npy(POINTS) + b"\0", "1 bytes follow"),
        (npy(POINTS) + npy(POINTS), "follow its array"),
        (npy(POINTS * np.nan), "NaN"),
        (npy(POINTS[:0]), "neither faces nor points"),
        (claim((400000000000, 3)), "cut short"),
        (npz(points=POINTS)[:-40], "cut short"),
        (npy(POINTS).replace(b"'shape'", b"b'shap'"), "header is damaged"),
        (npy(POINTS).replace(b"{'", b"{\0"), "cannot be read"),
        (npy(POINTS).replace(b"}", b"("), "cannot be read"),
    ],
)
def test_what_is_no_cloud_is_named(read, content, message):
    for name in ("a.npy", "a.npz"):  # what a file holds says what it is
        with pytest.raises(ValueError, match=message):
            read(name, content)


def test_a_member_that_promises_what_is_not_there_allocates_nothing(read):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("points.npy", npy(POINTS).replace(b"(40, 3)", b"(9000000000, 3)"))
    with pytest.raises(ValueError, match="cut short"):
        read("a.npz", file.getvalue())


@pytest.mark.parametrize("name", ["normal.npy", "Colors.npy", "scene0_normals.npy", "a-rgb.npy"])
def test_files_named_after_what_stands_beside_points_are_refused(read, name):
    with pytest.raises(ValueError, match="by its name"):
        read(name, npy(POINTS))
    assert len(read(f"{name[:-4]}_01.npy", npy(POINTS)).vertices) == 40


def test_whole_numbers_are_noted_as_corners_of_faces_are_such(read):
    for points in (POINTS.round(), (POINTS * 9).astype("i4")):
        assert read("a.npy", npy(points)).notes == (WHOLE,)


def test_padding_is_noted(read):
    padded = np.concatenate([POINTS, np.zeros((20, 3))])
    assert read("a.npy", npy(padded)).notes == (EQUAL,)
