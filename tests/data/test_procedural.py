"""Sets of procedural shapes: the same by seed, whatever the workers; cached safely."""

import logging
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from pcvae.data import CloudSet
from pcvae.data.procedural import BLOCK, cached, generate, known_numbers
from pcvae.shapes import families

NAMES = ("chair", "lamp")


def assert_equal(one: CloudSet, other: CloudSet) -> None:
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert (one.ids, one.classes, one.part_names) == (other.ids, other.classes, other.part_names)
    assert one.factors is not None
    assert other.factors is not None
    assert list(one.factors) == list(other.factors)
    for name, values in one.factors.items():
        np.testing.assert_array_equal(values, other.factors[name])


@pytest.fixture
def small() -> CloudSet:
    return generate(NAMES, count=11, num_points=256)


def test_families_take_turns(small: CloudSet) -> None:
    assert small.classes[:4] == ("chair", "lamp", "chair", "lamp")
    assert small.ids[:3] == ("chair-000000", "lamp-000000", "chair-000001")
    assert small.points.shape == (11, 256, 3)
    assert small.points.dtype == np.float32


def test_workers_do_not_change_anything() -> None:
    count = 2 * BLOCK + 9  # several blocks, the last ones not full
    assert_equal(
        generate(NAMES, count, num_points=64, workers=1),
        generate(NAMES, count, num_points=64, workers=3),
    )


def test_more_shapes_begin_with_the_same_ones(small: CloudSet) -> None:
    more = generate(NAMES, count=3 * BLOCK, num_points=256)
    assert_equal(small, more.subset(range(len(small))))


def test_seeds_differ(small: CloudSet) -> None:
    other = generate(NAMES, count=11, num_points=256, seed=1)
    assert (small.points != other.points).any(axis=(1, 2)).all()
    assert small.factors is not None
    assert other.factors is not None
    assert (small.factors["scale"] != other.factors["scale"]).all()


def test_shapes_to_train_on_are_those_of_before_splits_had_shapes_of_their_own() -> None:
    sequence = np.random.SeedSequence((8, zlib.crc32(b"mug"), 0))
    expected = families()["mug"].random_factors(np.random.default_rng(sequence), 32)
    found = generate(["mug"], 32, 16, seed=8).factors["mug/height"]
    np.testing.assert_array_equal(found, expected["height"].astype(np.float32))


def test_splits_have_names_of_their_own() -> None:
    names = [generate(["mug"], 2, 16, split=split).ids for split in ("train", "val", "test")]
    assert names[0] == ("mug-000000", "mug-000001")
    assert len(set(sum(names, ()))) == 6
    with pytest.raises(ValueError, match="split = 'holdout': expected one of train, val, test"):
        generate(["mug"], 2, 16, split="holdout")


def test_no_two_shapes_are_the_same() -> None:
    clouds = generate(tuple(families()), count=400, num_points=16)
    assert len(np.unique(clouds.points.reshape(400, -1), axis=0)) == 400


def test_families_do_not_share_their_random_numbers() -> None:
    clouds = generate(("chair", "table"), count=2 * BLOCK, num_points=16)
    assert clouds.factors is not None
    chair, table = (
        values[np.isfinite(values)]
        for values in (clouds.factors["chair/leg_height"], clouds.factors["table/width"])
    )
    assert abs(np.corrcoef(chair, table)[0, 1]) < 0.6


def test_a_family_is_the_same_in_any_company(small: CloudSet) -> None:
    alone = generate("lamp", count=5, num_points=256)
    together = small.subset([row for row, name in enumerate(small.classes) if name == "lamp"])
    np.testing.assert_array_equal(alone.points, together.points)
    assert alone.factors is not None
    assert together.factors is not None
    for name, values in alone.factors.items():
        np.testing.assert_array_equal(values, together.factors[name])


def test_shapes_can_be_built_again_from_their_factors(small: CloudSet) -> None:
    """Factors are those of the points: the points lie within the box of the rebuilt surface."""
    assert small.factors is not None
    for row, name in enumerate(small.classes):
        family = families()[name]
        values = {f.name: small.factors[f"{name}/{f.name}"][row] for f in family.factors}
        surface = family.build(values)
        assert surface.scale[0] == pytest.approx(small.factors["scale"][row], rel=1e-5)
        assert (small.points[row].max(axis=0) <= surface.vertices[0].max(axis=0) + 1e-5).all()
        assert (small.points[row].max(axis=0) >= surface.vertices[0].max(axis=0) - 0.1).all()


def test_factors_are_nan_where_they_mean_nothing() -> None:
    clouds = generate(NAMES, count=100, num_points=16)
    assert clouds.factors is not None
    chairs = np.array(clouds.classes) == "chair"
    np.testing.assert_array_equal(np.isnan(clouds.factors["chair/leg_height"]), ~chairs)
    arms = clouds.factors["chair/armrests"] == 1
    np.testing.assert_array_equal(np.isfinite(clouds.factors["chair/arm_height"]), arms)
    assert np.isfinite(clouds.factors["scale"]).all()


def test_labels_name_the_parts_of_the_class(small: CloudSet) -> None:
    assert small.labels is not None
    for row, name in enumerate(small.classes):
        assert {small.part_names[label].split("/")[0] for label in small.labels[row]} == {name}


def test_seats_are_below_backs(small: CloudSet) -> None:
    assert small.labels is not None
    height = {
        part: small.points[..., 1][small.labels == small.part_names.index(f"chair/{part}")].mean()
        for part in ("leg", "seat", "back")
    }
    assert height["leg"] < height["seat"] < height["back"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"families": ("chair", "sofa")}, "expected one or more of chair, table, lamp"),
        ({"families": ()}, "expected one or more of"),
        ({"families": ("chair", "chair")}, "each once"),
        ({"count": 0}, "count = 0: expected 1 or more"),
        ({"num_points": -5}, "num_points = -5"),
        ({"workers": 0}, "workers = 0"),
        ({"seed": -1}, "seed = -1: expected 0 or more"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(**{"families": NAMES, "count": 4, "num_points": 16, **arguments})


# The cache


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path))
    return tmp_path


def test_the_cache_gives_what_was_generated(small: CloudSet, kept: Path) -> None:
    made = cached(NAMES, 11, 256)
    read = cached(NAMES, 11, 256)
    assert_equal(made, small)
    assert_equal(read, small)
    assert len(list(kept.iterdir())) == 1


def test_the_second_time_nothing_is_generated(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(NAMES, 3, 64)
    monkeypatch.setattr("pcvae.data.procedural.generate", None)
    assert len(cached(NAMES, 3, 64)) == 3


def test_every_argument_has_a_file_of_its_own(kept: Path) -> None:
    for arguments in [(NAMES, 3, 64), (NAMES[::-1], 3, 64), (NAMES, 4, 64), (NAMES, 3, 65)]:
        cached(*arguments)
    cached(NAMES, 3, 64, seed=1)
    assert len(list(kept.iterdir())) == 5


def test_other_code_has_a_file_of_its_own(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(NAMES, 3, 64)
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read_bytes(path) + b"# changed")
    cached(NAMES, 3, 64)
    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "emptied", "flipped", "other", "pickled"])
def test_a_damaged_file_is_made_again(
    small: CloudSet, kept: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    cached(NAMES, 11, 256)
    (path,) = kept.iterdir()
    content = path.read_bytes()
    middle = len(content) // 2
    if damage == "other":
        np.savez(path, something=np.zeros(3))
    elif damage == "pickled":
        np.savez(path, points=np.array([{}, {}], dtype=object))
    else:
        path.write_bytes(
            {
                "cut": content[:middle],
                "emptied": b"",
                "flipped": content[:middle]
                + bytes([content[middle] ^ 255])
                + content[middle + 1 :],
            }[damage]
        )
    with caplog.at_level(logging.WARNING):
        assert_equal(cached(NAMES, 11, 256), small)
    assert "is damaged" in caplog.text
    caplog.clear()
    assert_equal(cached(NAMES, 11, 256), small)
    assert not caplog.text


def test_nothing_is_left_after_an_interruption(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(file: BinaryIO, **_: np.ndarray) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached(NAMES, 3, 64)
    assert not list(kept.iterdir())


def test_known_numbers_are_factors_as_they_are_seen_in_clouds() -> None:
    clouds = generate(NAMES, count=60, num_points=8)
    known = known_numbers(clouds).numpy()
    table = {name: column for name, column in clouds.factors.items() if name != "scale"}
    assert known.shape == (60, len(table))
    names = list(table)
    for name, length in (("chair/leg_height", True), ("chair/back_tilt", False)):
        seen = table[name] * (clouds.factors["scale"] if length else 1)
        column = known[:, names.index(name)]
        expected = (seen - np.nanmean(seen)) / np.nanstd(seen)
        np.testing.assert_allclose(column, expected, atol=1e-5)
        assert np.isnan(column[1::2]).all()  # lamps
    np.testing.assert_allclose(np.nanmean(known, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(known, axis=0), 1, atol=1e-5)


def test_factors_that_never_vary_are_not_told() -> None:
    clouds = generate(["chair"], count=20, num_points=8)
    level = {**clouds.factors, "chair/back_tilt": np.full(20, 5.0, np.float32)}
    assert known_numbers(replace(clouds, factors=level)).shape[1] == len(level) - 2
