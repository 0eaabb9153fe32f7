"""How well factors are read back off clouds: the explorer's ground truth rests on it."""

import numpy as np
import pytest
from benchmarks.accuracy import accuracy_table, measurement_errors

from pcvae.shapes import Family, families

# Mean absolute error allowed, (clean, noise of 0.02): lengths in cloud units (shapes are about 1.5
# long), angles in degrees, choices as shares of mistakes.
ALLOWED = {
    "chair": {
        "leg_height": (0.005, 0.03),
        "seat_width": (0.005, 0.04),
        "seat_depth": (0.005, 0.02),
        "seat_thickness": (0.005, 0.015),
        "back_height": (0.005, 0.03),
        "back_tilt": (0.6, 0.8),
        "armrests": (0.0, 0.01),
        "arm_height": (0.005, 0.015),
    },
    "table": {
        "width": (0.01, 0.04),
        "depth": (0.005, 0.04),
        "height": (0.005, 0.03),
        "top_thickness": (0.005, 0.01),
        "top_shape": (0.0, 0.01),
    },
    "lamp": {
        "mount": (0.0, 0.01),
        "base_radius": (0.005, 0.02),
        "pole_height": (0.015, 0.045),
        "shade_radius": (0.01, 0.015),
        "shade_height": (0.02, 0.02),
        "shade_taper": (0.02, 0.025),
    },
    "airplane": {
        "fuselage_length": (0.06, 0.04),
        "fuselage_radius": (0.005, 0.005),
        "wing_span": (0.03, 0.03),
        "wing_chord": (0.025, 0.025),
        "wing_sweep": (3.0, 3.0),
        "tail_height": (0.02, 0.03),
    },
    "mug": {
        "radius": (0.01, 0.03),
        "height": (0.005, 0.03),
        "taper": (0.015, 0.04),
        "handle": (0.0, 0.01),
        "handle_reach": (0.035, 0.05),
        "handle_height": (0.03, 0.04),
    },
}


def clouds(family: Family, count: int, noise: float = 0.0) -> tuple[dict, np.ndarray]:
    rng = np.random.default_rng(11)
    factors = family.random_factors(rng, count)
    points = family.build(factors).sample(2048, rng).points
    return factors, points + noise * rng.standard_normal(points.shape, dtype=np.float32)


@pytest.mark.parametrize("noisy", [False, True])
def test_errors_are_within_what_is_promised(family: Family, noisy: bool) -> None:
    errors = measurement_errors(family, 0.02 * noisy, count=80, seed=3)
    assert set(errors) == set(ALLOWED[family.name])
    for name, allowed in ALLOWED[family.name].items():
        assert np.nanmean(abs(errors[name])) <= allowed[noisy], name


def test_outliers_do_not_mislead(family: Family) -> None:
    """1% of the points lie anywhere on the unit sphere, all others have noise of 0.02."""
    factors, points = clouds(family, 80, noise=0.02)
    far = np.random.default_rng(5).standard_normal((80, 20, 3)).astype(np.float32)
    points[:, :20] = far / np.linalg.norm(far, axis=-1, keepdims=True)
    truth, found = family.truth(factors), family.measure(points)
    for name in family.measured:
        known = np.isfinite(truth[name])
        assert np.isfinite(found[name][known]).all()
        assert np.corrcoef(truth[name][known], found[name][known])[0, 1] > 0.85, name


def test_what_is_not_there_is_not_measured() -> None:
    factors, points = clouds(families()["chair"], 60, noise=0.01)
    found = families()["chair"].measure(points)
    np.testing.assert_array_equal(np.isnan(found["arm_height"]), factors["armrests"] == 0)


def test_one_cloud_is_measured_as_in_a_batch(family: Family) -> None:
    _, points = clouds(family, 6)
    batch, alone = family.measure(points), family.measure(points[3])
    for name in family.measured:
        assert batch[name].shape == (6,)
        assert alone[name].shape == ()
        np.testing.assert_allclose(alone[name], batch[name][3], rtol=1e-6)


def test_the_order_of_points_does_not_matter(family: Family) -> None:
    _, points = clouds(family, 6)
    shuffled = points[:, np.random.default_rng(0).permutation(points.shape[1])]
    one, other = family.measure(points), family.measure(shuffled)
    for name in family.measured:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-5)


def test_measures_follow_the_factor_asked_for() -> None:
    """Leg height in steps of 5 cm: what is measured grows by what was asked."""
    chair = families()["chair"]
    factors = {name: values[0] for name, values in clouds(chair, 1)[0].items()}
    factors["leg_height"] = np.arange(20.0, 61.0, 5.0)
    surface = chair.build(factors)
    points = surface.sample(2048, np.random.default_rng(0)).points
    found = chair.from_cloud("leg_height", chair.measure(points)["leg_height"], surface.scale)
    np.testing.assert_allclose(found, factors["leg_height"], atol=1.0)


def test_a_blob_gives_numbers_or_nan_but_no_crash(family: Family) -> None:
    """What an untrained model decodes."""
    blob = 0.3 * np.random.default_rng(0).standard_normal((2, 512, 3)).astype(np.float32)
    with np.errstate(all="raise", under="ignore"):
        found = family.measure(blob)
    assert all(values.shape == (2,) for values in found.values())
    family.measure(np.zeros((1, 200, 3), np.float32))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((2, 2, 200, 3), np.float32), r"of shape \(N, 3\) or \(B, N, 3\)"),
        (np.zeros((20, 3), np.float32), "N of at least 128"),
        (np.full((200, 3), np.nan, np.float32), "NaN or infinity"),
    ],
)
def test_bad_clouds_are_refused(points: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        families()["chair"].measure(points)


def test_the_table_names_every_measure(family: Family) -> None:
    table = accuracy_table(family, count=20)
    assert all(name in table for name in family.measured)
    assert "nan" not in table
