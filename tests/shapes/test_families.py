"""Properties that every family has, whatever it builds."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pcvae.shapes import Family, families
from pcvae.shapes.factors import Factor

MIRRORED = ("chair", "table", "lamp", "airplane")  # left and right are the same
LENGTHS = {"cm", "m"}


def one_shape(family: Family, **changes: object) -> dict:
    """The middle of all bounds, with options 0, and some changes."""
    values = {
        f.name: np.mean(f.bounds) if f.kind == "continuous" else f.bounds[0] for f in family.factors
    }
    return {**values, **changes}


def with_effect(family: Family, factor: Factor) -> dict:
    """A shape in which the factor has an effect."""
    return one_shape(family, **dict([factor.needs] if factor.needs else []))


def distance_to_triangles(
    points: np.ndarray, normals: np.ndarray, corners: np.ndarray
) -> np.ndarray:
    """How far each point is from the nearest triangle (F, 3, 3) that has its normal."""
    a, b, c = corners.transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    area = np.maximum(np.linalg.norm(normal, axis=-1), 1e-12)
    unit = normal / area[:, None]
    distances = abs(np.einsum("nfk,fk->nf", points[:, None] - a, unit))
    for p, q in ((a, b), (b, c), (c, a)):  # inside: left of all three edges
        left = np.einsum("nfk,fk->nf", np.cross(q - p, points[:, None] - p), unit)
        distances = np.maximum(distances, -left / np.maximum(np.linalg.norm(q - p, axis=-1), 1e-12))
    different = np.einsum("nk,fk->nf", normals, unit) < 0.999
    return np.where(different | (area < 1e-9), np.inf, distances).min(axis=1)


def test_shapes_are_in_the_frame(family: Family, rng: np.random.Generator) -> None:
    surface = family.build(family.random_factors(rng, 50))
    low, high = surface.vertices.min(axis=1), surface.vertices.max(axis=1)
    np.testing.assert_allclose(low + high, 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(surface.vertices, axis=-1).max(axis=1), 1, rtol=1e-6)
    samples = surface.sample(256, rng)
    assert samples.points.dtype == np.float32
    assert np.linalg.norm(samples.points, axis=-1).max() <= 1 + 1e-6


def test_samples_lie_on_the_part_they_name(family: Family, rng: np.random.Generator) -> None:
    surface = family.build(family.random_factors(rng, 4))
    samples = surface.sample(150, rng)
    for shape in range(4):
        for label in np.unique(samples.labels[shape]):
            chosen = samples.labels[shape] == label
            corners = surface.vertices[shape][surface.faces[surface.labels == label]]
            distances = distance_to_triangles(
                samples.points[shape, chosen], samples.normals[shape, chosen], corners
            )
            assert distances.max() < 1e-5


def test_normals_have_length_one(family: Family, rng: np.random.Generator) -> None:
    samples = family.build(family.random_factors(rng, 20)).sample(256, rng)
    np.testing.assert_allclose(np.linalg.norm(samples.normals, axis=-1), 1, atol=1e-4)


def test_normals_point_out_of_every_solid(
    family: Family, rng: np.random.Generator, solids: Any
) -> None:
    factors = family.random_factors(rng, 20)
    found = 0
    for part in family.parts(SimpleNamespace(**family.check(factors))):
        if solids.is_closed(part.faces):
            shown = np.ones(20, bool) if part.shown is None else part.shown
            vertices = np.broadcast_to(part.vertices, (20, *part.vertices.shape[1:]))
            assert (solids.volume(vertices, part.faces)[shown] > 0).all()
            found += 1
    assert found >= 2


def test_every_part_gets_points(family: Family, rng: np.random.Generator) -> None:
    labels = family.build(family.random_factors(rng, 50)).sample(512, rng).labels
    assert set(np.unique(labels)) == set(range(len(family.part_names)))


@pytest.mark.parametrize("name", MIRRORED)
def test_left_and_right_are_the_same(name: str, rng: np.random.Generator) -> None:
    family = families()[name]
    vertices = family.build(family.random_factors(rng, 10)).vertices
    for shape in (1e4 * vertices).round().astype(int):
        corners = {tuple(v) for v in shape.tolist()}
        assert corners == {(-x, y, z) for x, y, z in corners}


def test_a_batch_is_its_shapes(family: Family, rng: np.random.Generator) -> None:
    factors = family.random_factors(rng, 5)
    batch = family.build(factors)
    for i in range(5):
        alone = family.build({name: values[i] for name, values in factors.items()})
        assert len(alone) == 1
        np.testing.assert_array_equal(alone.vertices[0], batch.vertices[i])


def test_the_same_generator_gives_the_same_samples(family: Family) -> None:
    def draw() -> np.ndarray:
        rng = np.random.default_rng(7)
        return family.build(family.random_factors(rng, 3)).sample(100, rng).points

    np.testing.assert_array_equal(draw(), draw())


def test_random_factors_fill_their_bounds(family: Family, rng: np.random.Generator) -> None:
    drawn = family.random_factors(rng, 400)
    for factor in family.factors:
        low, high = factor.bounds
        values = drawn[factor.name]
        assert values.min() >= low
        assert values.max() <= high
        assert np.ptp(values) > 0.9 * (high - low)
        if factor.kind != "continuous":
            assert set(values) == set(range(int(low), int(high) + 1))


def test_every_factor_says_what_it_is(family: Family) -> None:
    names = [factor.name for factor in family.factors]
    assert len(set(names)) == len(names)
    assert set(family.measured) <= set(names)
    for factor in family.factors:
        assert factor.bounds[0] < factor.bounds[1]
        assert factor.description.endswith(".")
        assert factor.unit in {"cm", "m", "deg", "1", "choice"}
        assert (factor.unit == "choice") == bool(factor.choices)


def test_every_factor_changes_its_shape_and_no_other_truth(family: Family) -> None:
    for factor in family.factors:
        before = with_effect(family, factor)
        after = {**before, factor.name: factor.bounds[1]}
        assert not np.array_equal(family.build(before).vertices, family.build(after).vertices)
        if factor.kind == "choice":
            continue  # options bring other factors into play, or out
        one, other = (in_own_units(family, values) for values in (before, after))
        for name in family.measured:
            same = np.allclose(one[name], other[name], rtol=1e-5, equal_nan=True)
            assert same == (name != factor.name)


def in_own_units(family: Family, factors: dict) -> dict[str, np.ndarray]:
    scale = family.build(factors).scale
    return {n: family.from_cloud(n, v, scale) for n, v in family.truth(factors).items()}


def test_truth_shrinks_with_the_shape(family: Family, rng: np.random.Generator) -> None:
    factors = family.random_factors(rng, 20)
    scale, truth = family.build(factors).scale, family.truth(factors)
    in_use = family.in_use(factors)
    for name in family.measured:
        by = scale if family.factor(name).unit in LENGTHS else 1.0
        expected = np.where(in_use[name], factors[name] * by, np.nan)
        np.testing.assert_allclose(truth[name], expected, rtol=1e-5)


def test_factors_without_effect_have_none_and_may_be_nan(family: Family) -> None:
    for factor in family.factors:
        if factor.needs is not None:
            used, option = factor.needs
            other = next(c for c in family.factor(used).choices if c != option)
            low, high, unknown = (
                one_shape(family, **{used: other, factor.name: value})
                for value in (*factor.bounds, np.nan)
            )
            built = [family.build(values).vertices for values in (low, high, unknown)]
            np.testing.assert_array_equal(built[0], built[1])
            np.testing.assert_array_equal(built[0], built[2])
            if factor.name in family.measured:
                assert np.isnan(family.truth(unknown)[factor.name]).all()


def test_options_may_be_named(family: Family) -> None:
    for factor in family.factors:
        if factor.kind == "choice":
            by_name = family.build(one_shape(family, **{factor.name: factor.choices[1]}))
            by_number = family.build(one_shape(family, **{factor.name: 1}))
            np.testing.assert_array_equal(by_name.vertices, by_number.vertices)


def test_extents_are_what_the_factors_say() -> None:
    chair = families()["chair"]
    factors = one_shape(chair, back_tilt=0.0)
    surface = chair.build(factors)
    width, height, depth = np.ptp(surface.vertices[0], axis=0) / surface.scale[0]
    assert width == pytest.approx(factors["seat_width"], rel=1e-5)
    assert depth == pytest.approx(factors["seat_depth"], rel=1e-5)
    stacked = factors["leg_height"] + factors["seat_thickness"] + factors["back_height"]
    assert height == pytest.approx(stacked, rel=1e-5)


@pytest.mark.parametrize("name", ["chair", "airplane"])
def test_backs_point_to_minus_z(name: str, rng: np.random.Generator) -> None:
    family = families()[name]
    part = {"chair": "back", "airplane": "tail"}[name]
    samples = family.build(family.random_factors(rng, 20)).sample(500, rng)
    back = samples.labels == family.part_names.index(part)
    assert samples.points[back][:, 2].mean() < -0.2
    assert samples.points[back][:, 1].mean() > 0.05


# Bad input


def test_values_out_of_bounds_are_refused_by_name(family: Family) -> None:
    for factor in family.factors:
        low, high = factor.bounds
        for value in (low - 1, high + 1, np.nan, np.inf):
            with pytest.raises(ValueError, match=factor.name) as caught:
                family.build(with_effect(family, factor) | {factor.name: value})
            if factor.kind == "continuous":
                text = str(caught.value)
                assert f"{value:g}" in text
                assert f"{low:g} to {high:g}" in text
                assert factor.unit in text


def test_one_bad_shape_in_a_batch_is_found(rng: np.random.Generator) -> None:
    chair = families()["chair"]
    factors = chair.random_factors(rng, 6)
    factors["seat_width"][4] = 300
    with pytest.raises(ValueError, match=r"seat_width = 300: expected a value from 36 to 90.*cm"):
        chair.build(factors)


def test_unknown_and_missing_factors_are_refused(family: Family) -> None:
    with pytest.raises(ValueError, match="has no factor 'wheels'"):
        family.build(one_shape(family, wheels=4))
    first = family.factors[0]
    values = one_shape(family)
    del values[first.name]
    with pytest.raises(ValueError, match=f"lacks a value for {first.name}"):
        family.build(values)


def test_values_that_are_no_numbers_are_refused() -> None:
    chair = families()["chair"]
    with pytest.raises(ValueError, match=r"num_slats = 3.5: expected a whole number from 3 to 6"):
        chair.build(one_shape(chair, back_style="slats", num_slats=3.5))
    with pytest.raises(ValueError, match=r"base = 'wheels': expected one of 'legs' \(0\)"):
        chair.build(one_shape(chair, base="wheels"))
    with pytest.raises(ValueError, match="leg_height"):
        chair.build(one_shape(chair, leg_height="tall"))
    with pytest.raises(ValueError, match="leg_height"):
        chair.build(one_shape(chair, leg_height=None))


def test_lengths_that_differ_are_refused() -> None:
    chair = families()["chair"]
    with pytest.raises(ValueError, match="one value or S values"):
        chair.build(one_shape(chair, seat_width=[40, 50], seat_depth=[40, 50, 60]))
    with pytest.raises(ValueError, match="one value or S values"):
        chair.build(one_shape(chair, seat_width=np.full((2, 2), 50.0)))
