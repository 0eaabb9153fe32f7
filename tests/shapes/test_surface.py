"""Parts are closed and point outward; samples spread by area."""

from typing import Any

import numpy as np
import pytest

from pcvae.shapes.surface import Part, Surface, assemble, box, ellipse, lathe, loft, vec


def sizes(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.5, 2, (3, count))


def test_box_encloses_width_times_height_times_depth(solids: Any) -> None:
    w, h, d = sizes(5)
    part = box(0, (-w, w), (0.0, h), (1 - d, 1 + d), lean=0.3 * h)
    assert solids.is_closed(part.faces)
    np.testing.assert_allclose(solids.volume(part.vertices, part.faces), 4 * w * h * d)


def test_lathe_encloses_a_cylinder_up_to_its_flat_sides(solids: Any) -> None:
    r, h, _ = sizes(5)
    part = lathe(0, [(r, 0.0), (r, h)], sides=200)
    assert solids.is_closed(part.faces)
    np.testing.assert_allclose(
        solids.volume(part.vertices, part.faces), np.pi * r**2 * h, rtol=1e-3
    )


def test_mirroring_keeps_the_outside_outside(solids: Any) -> None:
    w, h, d = sizes(5)
    part = box(0, (0.0, w), (0.0, h), (0.0, d))
    mirrored = part.mirrored()
    np.testing.assert_allclose(solids.volume(mirrored.vertices, mirrored.faces), w * h * d)
    assert (mirrored.vertices[..., 0] <= 0).all()


def test_a_sheet_has_no_caps(solids: Any) -> None:
    sheet = lathe(0, [(1.0, 0.0), (1.0, 1.0)], caps=False)
    assert len(sheet.faces) == 2 * 24
    assert not solids.is_closed(sheet.faces)


def test_ellipses_turn_around_the_cross_product() -> None:
    ring = ellipse(vec(0, 0, 0), vec(2, 0, 0), vec(0, 1, 0), sides=8)
    turn = np.cross(ring, np.roll(ring, -1, axis=0))
    assert (turn[:, 2] > 0).all()


def test_parts_that_are_not_shown_change_nothing() -> None:
    w, h, d = sizes(2)
    one = box(0, (-w, w), (0.0, h), (-d, d))
    far = box(1, (5.0 + w, 6.0 + w), (5.0, 6.0), (5.0, 6.0), shown=np.array([False, True]))
    alone, both = assemble([one]), assemble([far, one])
    np.testing.assert_array_equal(alone.vertices[0], both.vertices[0, 8:])
    assert alone.scale[0] == both.scale[0] > both.scale[1]
    labels = both.sample(200, np.random.default_rng(0)).labels
    assert set(labels[0]) == {0}
    assert set(labels[1]) == {0, 1}


def test_scale_is_cloud_units_per_unit() -> None:
    w, h, d = sizes(4)
    surface = assemble([box(0, (-w, w), (0.0, h), (-d, d))])
    extent = surface.vertices.max(axis=1) - surface.vertices.min(axis=1)
    expected = np.stack([2 * w, h, 2 * d], axis=-1)
    np.testing.assert_allclose(extent / surface.scale[:, None], expected, rtol=1e-5)


def test_samples_spread_by_area() -> None:
    """A box of 1 x 1 x 2: two of its faces have area 1, four have area 2."""
    surface = assemble([box(0, (0.0, 1.0), (0.0, 1.0), (np.zeros(1), 2.0))])
    samples = surface.sample(50_000, np.random.default_rng(0))
    share = np.mean(abs(samples.normals[0, :, 2]) > 0.5)
    assert share == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 50_000))


def test_samples_spread_evenly_within_a_triangle() -> None:
    corners = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]]], np.float32)
    surface = Surface(corners, np.array([[0, 1, 2]]), np.zeros(1, np.uint8), np.ones(1, np.float32))
    points = surface.sample(40_000, np.random.default_rng(0)).points[0]
    # The middles of the edges cut the triangle into four of the same area.
    x, y = points[:, 0], points[:, 1]
    corner_shares = [np.mean(x > 0.5), np.mean(y > 0.5), np.mean(x + y < 0.5)]
    np.testing.assert_allclose(corner_shares, 0.25, atol=0.01)


def test_triangles_without_area_are_never_drawn() -> None:
    flat = Part(1, np.zeros((3, 3, 3)), np.array([[0, 1, 2]]))
    solid = box(0, (-np.ones(3), 1.0), (-1.0, 1.0), (-1.0, 1.0))
    samples = assemble([solid, flat]).sample(500, np.random.default_rng(0))
    assert (samples.labels == 0).all()
    assert np.isfinite(samples.normals).all()


def test_loft_follows_its_rings(solids: Any) -> None:
    rings = [ellipse(vec(0, y, 0), vec(1, 0, 0), vec(0, 0, -1)) for y in (0.0, 1.0, 3.0)]
    part = loft(0, [np.broadcast_to(r, (2, *r.shape)) for r in rings])
    assert part.vertices.shape == (2, 3 * 24, 3)
    assert solids.is_closed(part.faces)
    assert (solids.volume(part.vertices, part.faces) > 0).all()
