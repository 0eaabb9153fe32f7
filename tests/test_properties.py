"""What holds of public functions whatever the numbers are: symmetries, inverses, closed forms.

hypothesis looks for numbers for which it does not. (Files of all formats: `tests/data/reading/`.)
"""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, jensenshannon

from pcvae import editing, files, geometry, metrics
from pcvae.data import read_clouds, read_shape, subsample
from pcvae.data.batches import Augmentation, Batch
from pcvae.data.cloud_files import read_split_clouds, write_ply, write_set
from pcvae.data.clouds import SPLIT_NAMES, CloudSet, complete, resembles_split, split_of
from pcvae.metrics.transport import lower_bounds
from pcvae.models import Normalization
from pcvae.models.normalization import MODES
from pcvae.objective import KLSchedule, chamfer, equilibrium_sigma, l1, l2
from pcvae.shapes import families

FEW = settings(max_examples=12)

COORDINATES = st.floats(-8, 8, width=16)  # with digits to spare in float32
SEEDS = st.integers(0, 2**31)
SHIFTS = arrays.arrays(np.float64, 3, elements=COORDINATES)
TRIPLES = st.tuples(COORDINATES, COORDINATES, COORDINATES)


def clouds(least=1, most=40, dtype=np.float64):
    shape = st.tuples(st.integers(least, most), st.just(3))
    return arrays.arrays(dtype, shape, elements=COORDINATES)


def turned(points, seed):
    """Turn points in space by a random angle about a random axis, some of them mirrored."""
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return points @ rotation


def shuffled(points, seed):
    return points[np.random.default_rng(seed).permutation(len(points))]


def unchanged(function, *inputs):
    """Call a function and see that it left its inputs as they were."""
    before = [value.copy() if isinstance(value, np.ndarray) else value for value in inputs]
    found = function(*inputs)
    for value, copy in zip(inputs, before, strict=True):
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, copy)
    return found


# Geometry


@FEW
@given(points=clouds(3), seed=SEEDS, count=st.integers(1, 50))
def test_samples_lie_within_the_triangles_that_they_name(points, seed, count):
    rng = np.random.default_rng(seed)
    faces = np.stack([rng.permutation(len(points))[:3] for _ in range(7)])
    a, b, c = points[faces.T]
    cross = np.cross(b - a, c - a)
    assume(np.linalg.norm(cross, axis=1).sum() > 1e-3)
    drawn, normals, face = unchanged(geometry.sample_surface, points, faces, count, rng)
    areas = np.linalg.norm(cross, axis=1)[face]
    # The three triangles that a point within makes with the sides have the area of the whole.
    parts = [
        np.cross(p - drawn, q - drawn)
        for p, q in ((a, b), (b, c), (c, a))
        for p, q in [(p[face], q[face])]
    ]
    together = sum(np.linalg.norm(part, axis=1) for part in parts)
    np.testing.assert_allclose(together, areas, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(normals, cross[face] / areas[:, None], atol=1e-5)


@FEW
@given(points=clouds(2), seed=SEEDS, scale=st.sampled_from([0.5, 4.0]))
def test_farthest_points_are_those_of_the_definition(points, seed, scale):
    start = seed % len(points)
    found = unchanged(geometry.farthest_points, points, len(points), start)
    distances = cdist(points, points)
    for k in range(1, len(points)):  # each is as far from those before as any point is
        nearest = distances[:, found[:k]].min(axis=1)
        assert nearest[found[k]] == pytest.approx(nearest.max(), rel=1e-5, abs=1e-6)
    half = len(points) // 2
    assert (geometry.farthest_points(points, half, start) == found[:half]).all()
    assert (geometry.farthest_points(scale * points, len(points), start) == found).all()


@FEW
@given(points=clouds(2), shift=SHIFTS, scale=st.floats(0.01, 100), seed=SEEDS)
def test_the_unit_sphere_forgets_place_and_size_and_can_be_left_again(points, shift, scale, seed):
    assume(np.ptp(points, axis=0).max() > 0.1)
    cloud, center, radius = unchanged(geometry.to_unit_sphere, points)
    assert np.linalg.norm(cloud, axis=1).max() == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(cloud.min(axis=0) + cloud.max(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(cloud * radius + center, points, atol=1e-4)
    moved, _, size = geometry.to_unit_sphere(scale * points + shift)
    np.testing.assert_allclose(moved, cloud, atol=1e-5)
    assert size == pytest.approx(scale * radius)
    assert (geometry.to_unit_sphere(shuffled(points, seed))[0] == shuffled(cloud, seed)).all()


@FEW
@given(points=clouds())
def test_turning_upright_is_a_quarter_turn_about_x(points):
    quarter = unchanged(geometry.z_up_to_y_up, points)
    np.testing.assert_array_equal(quarter[:, 1], points[:, 2])
    around = points
    for _ in range(4):
        around = geometry.z_up_to_y_up(around)
    np.testing.assert_array_equal(around, points)
    assert np.linalg.det(geometry.z_up_to_y_up(np.eye(3))) == pytest.approx(1)


# Distances and scores


@FEW
@given(one=clouds(), other=clouds(), seed=SEEDS, shift=SHIFTS)
@pytest.mark.parametrize("squared", [True, False])
def test_chamfer_agrees_with_scipy_and_knows_no_order_place_or_turn(
    one, other, seed, shift, squared
):
    distances = cdist(one, other) ** (2 if squared else 1)
    expected = distances.min(axis=0).mean() + distances.min(axis=1).mean()

    def measure(a, b):
        return unchanged(lambda *pair: metrics.chamfer_distance(*pair, squared=squared), a, b)

    assert measure(one, other) == pytest.approx(expected, abs=1e-12)
    assert measure(other, one) == pytest.approx(expected, abs=1e-12)
    assert measure(shuffled(one, seed), other) == pytest.approx(expected, abs=1e-12)
    rigid = [turned(cloud, seed) + shift for cloud in (one, other)]
    assert measure(*rigid) == pytest.approx(expected, abs=1e-9)
    assert measure(3 * one, 3 * other) == pytest.approx(expected * (9 if squared else 3), abs=1e-9)
    matrix = metrics.chamfer_matrix(one[None], other[None], squared=squared)
    assert matrix[0, 0] == pytest.approx(expected, rel=1e-4, abs=1e-9)


@FEW
@given(one=clouds(), other=clouds(), seed=SEEDS, near=st.floats(0.01, 5), far=st.floats(0, 5))
def test_f_score_is_symmetric_and_grows_with_the_threshold(one, other, seed, near, far):
    score = unchanged(metrics.f_score, one, other, near)
    assert 0 <= score <= metrics.f_score(one, other, near + far) <= 1
    assert metrics.f_score(other, one, near) == pytest.approx(score)
    assert metrics.f_score(shuffled(one, seed), one, near) == 1
    distances = cdist(one, other)
    precision, recall = ((distances.min(axis=k) <= near).mean() for k in (1, 0))
    total = precision + recall
    assert score == pytest.approx(2 * precision * recall / total if total else 0)


@FEW
@given(three=arrays.arrays(np.float64, (3, 12, 3), elements=COORDINATES), shift=SHIFTS, seed=SEEDS)
def test_emd_is_a_metric_and_that_of_the_best_matching(three, shift, seed):
    one, other, third = three
    costs = cdist(one, other)
    expected = costs[linear_sum_assignment(costs)].mean()
    assert unchanged(metrics.emd, one, other) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert metrics.emd(shuffled(other, seed), one) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert metrics.emd(one, one + shift) == pytest.approx(np.linalg.norm(shift), abs=1e-5)
    way_round = metrics.emd(one, third) + metrics.emd(third, other)
    assert expected <= way_round + 1e-5
    bounds = lower_bounds(three)
    exact = metrics.emd_matrix(three)
    assert (bounds <= exact + 1e-9).all()


@FEW
@given(
    distances=arrays.arrays(
        np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(0, 9)
    ),
    seed=SEEDS,
)
def test_scores_do_not_know_how_shapes_are_numbered(distances, seed):
    assume(len(np.unique(distances)) == distances.size)  # of equally near ones the first counts
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(count) for count in distances.shape)
    mixed = distances[rows][:, columns]
    for score in (metrics.minimum_matching_distance, metrics.coverage):
        assert unchanged(score, mixed) == pytest.approx(score(distances))
    assert 1 / distances.shape[1] <= metrics.coverage(distances) <= 1
    assert metrics.minimum_matching_distance(distances) <= distances.mean()


@FEW
@given(one=clouds(most=30), other=clouds(most=30), seed=SEEDS, count=st.integers(1, 6))
def test_voxels_lose_no_point_and_their_divergence_is_scipys(one, other, seed, count):
    tables = [unchanged(metrics.voxel_counts, cloud[None], count, 2) for cloud in (one, other)]
    assert [table.sum() for table in tables] == [len(one), len(other)]
    assert (metrics.voxel_counts(shuffled(one, seed)[None], count, 2) == tables[0]).all()
    found = metrics.jensen_shannon(*tables)
    assert found == pytest.approx(jensenshannon(tables[0][0], tables[1][0]) ** 2, abs=1e-9)
    assert found == pytest.approx(metrics.jensen_shannon(*reversed(tables)), abs=1e-12)
    assert -1e-12 <= found <= math.log(2) + 1e-12


@FEW
@given(samples=st.integers(1, 30), held_out=st.integers(2, 60), seed=SEEDS)
def test_splits_are_fair_and_share_nothing(samples, held_out, seed):
    size = metrics.set_size(samples, held_out)
    for split in metrics.random_splits(samples, held_out, 3, seed):
        assert [len(set(part.tolist())) for part in split] == [size] * 3
        assert split.samples.max() < samples <= min(split.references.min(), split.peers.min())
        assert not set(split.references.tolist()) & set(split.peers.tolist())
        assert max(split.references.max(), split.peers.max()) < samples + held_out


@FEW
@given(
    one=st.lists(st.integers(0, 9), min_size=1, max_size=9),
    other=st.lists(st.integers(0, 9), min_size=1, max_size=9),
)
def test_the_test_for_copies_counts_pairs(one, other):
    pairs = [(b > a) + 0.5 * (a == b) for a, b in itertools.product(one, other)]
    found = metrics.nearer_than(np.array(one, float), np.array(other, float))
    assert found == pytest.approx(sum(pairs) / len(pairs))
    swapped = metrics.nearer_than(np.array(other, float), np.array(one, float))
    assert found + swapped == pytest.approx(1)


# The objective


def tensors(*given_clouds):
    return [torch.from_numpy(cloud.astype(np.float32))[None] for cloud in given_clouds]


@FEW
@given(pair=arrays.arrays(np.float64, (2, 20, 3), elements=COORDINATES), third=clouds(), seed=SEEDS)
def test_errors_have_the_symmetries_of_what_they_compare(pair, third, seed):
    one, other = pair
    assert l1(*tensors(one, other)).item() == pytest.approx(np.abs(one - other).sum(), rel=1e-5)
    assert 2 * l2(*tensors(one, other)).item() == pytest.approx(
        np.square(one - other).sum(), rel=1e-5
    )
    mixed = tensors(shuffled(one, seed), shuffled(other, seed))
    for error in (l1, l2):  # matching points may come in any order, if both come in the same
        assert error(*mixed).item() == pytest.approx(error(*tensors(one, other)).item(), rel=1e-5)
    distances = cdist(one, third) ** 2
    expected = distances.min(axis=0).sum() + distances.min(axis=1).sum()
    found = chamfer(*tensors(shuffled(one, seed), third)).item()
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


@FEW
@given(
    start=st.floats(0, 1), more=st.floats(0, 5), ratio=st.floats(0.01, 1), steps=st.integers(1, 999)
)
@pytest.mark.parametrize("kind", ["linear", "cyclical", "constant"])
def test_schedules_stay_between_their_ends(kind, start, more, ratio, steps):
    schedule = KLSchedule(kind, start, start + more, ratio, cycles=3)
    weights = [schedule(step, steps) for step in range(0, steps, 1 + steps // 50)]
    assert all(start <= weight <= start + more for weight in weights)
    if kind != "cyclical":
        assert weights == sorted(weights)
        assert schedule(steps, steps) == pytest.approx(start + more)


@FEW
@given(weight=st.floats(1e-6, 1e3), copies=st.integers(1, 1000))
def test_at_the_equilibrium_error_and_kl_pull_equally(weight, copies):
    sigma = equilibrium_sigma(weight, copies)
    pull = copies * math.sqrt(2 / math.pi)  # of the error; of the KL: weight * (sigma - 1 / sigma)
    assert pull == pytest.approx(weight * (1 / sigma - sigma), rel=1e-6)


@FEW
@given(points=clouds(2, dtype=np.float32), mode=st.sampled_from(MODES))
def test_normalizing_is_undone_by_its_inverse(points, mode):
    assume(np.ptp(points, axis=0).max() > 0.1)
    norm = Normalization(torch.tensor([1.0, -2.0, 0.5]), 3.0, mode)
    cloud = torch.from_numpy(points)
    own = norm.statistics(cloud)
    np.testing.assert_allclose(norm.inverse(norm(cloud), own), points, atol=1e-4)


# Edits


@pytest.fixture(scope="module")
def state(model, boxes):
    return editing.encode(model, boxes.points[0], seed=1)


WEIGHTS = arrays.arrays(np.float32, 64, elements=st.sampled_from([0.0, 0.5, 1.0]))
EVERYWHERE = np.ones(64, np.float32)
AXES = st.integers(0, 2)


def after(state, *steps):
    """Return h after some edits; the state itself is as it was."""
    before = state.h.clone()
    changed = state
    for step in steps:
        changed = step(changed)
    assert torch.equal(state.h, before)
    return changed.h


@FEW
@given(
    weight=WEIGHTS, shift=TRIPLES, degrees=st.floats(-720, 720), axis=AXES,
    factors=st.tuples(*[st.sampled_from([0.5, 1.0, 2.0])] * 3),
)  # fmt: skip
def test_edits_are_undone_by_their_opposites_and_leave_the_rest(
    state, weight, shift, degrees, axis, factors
):
    opposites = [1 / factor for factor in factors]
    pairs = (
        (
            lambda s: editing.move(s, weight, shift),
            lambda s: editing.move(s, weight, [-step for step in shift]),
        ),
        (
            lambda s: editing.turn(s, weight, degrees, axis, about=(1, 2, 3)),
            lambda s: editing.turn(s, weight, -degrees, axis, about=(1, 2, 3)),
        ),
        (
            lambda s: editing.stretch(s, np.ceil(weight), factors, about=(1, 2, 3)),
            lambda s: editing.stretch(s, np.ceil(weight), opposites, about=(1, 2, 3)),
        ),
        (
            lambda s: editing.slide_feature(s, weight, shift[0]),
            lambda s: editing.slide_feature(s, weight, -shift[0]),
        ),
    )
    for there, back in pairs:
        np.testing.assert_allclose(after(state, there, back), state.h, atol=1e-4)
        assert torch.equal(after(state, there)[weight == 0], state.h[weight == 0])


@FEW
@given(degrees=st.floats(-360, 360), axis=AXES, shift=TRIPLES)
def test_turns_and_moves_of_all_points_keep_their_distances(state, degrees, axis, shift):
    h = after(
        state,
        lambda s: editing.turn(s, EVERYWHERE, degrees, axis),
        lambda s: editing.move(s, EVERYWHERE, shift),
    )
    before, now = (cdist(points[:, :3], points[:, :3]) for points in (state.h, h))
    np.testing.assert_allclose(now, before, atol=1e-4)
    assert torch.equal(h[:, 3:], state.h[:, 3:])


@FEW
@given(
    points=clouds(2, dtype=np.float32),
    radius=st.floats(0, 5),
    soft=st.sampled_from([0.0, 0.01, 0.5, 3.0]),
    axis=AXES,
)
def test_soft_edges_lie_between_hard_ones(points, radius, soft, axis):
    def ball(softness, more=0.0):
        return editing.select_ball(points, (0, 0, 0), radius + more, softness)

    def half(softness, above=True):
        return editing.select_half_space(points, axis, radius, above, softness)

    assert (ball(0) <= ball(soft)).all()
    assert (ball(soft) <= ball(0, soft + 1e-3)).all()
    assert (half(0) <= half(soft)).all()
    assert (half(0) + half(0, above=False) >= 1).all()


@FEW
@given(count=st.integers(1, 50), seed=SEEDS, shift=SHIFTS)
def test_pairs_are_one_to_one_and_do_not_know_order_or_place(count, seed, shift):
    points = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    other = shuffled(points, seed)
    found = unchanged(editing.match_points, points, other)
    np.testing.assert_array_equal(other[found], points)
    moved = (2 * other.astype(np.float64) + shift).astype(np.float32)
    assert (editing.match_points(points, moved) == found).all()


@FEW
@given(angle=st.floats(0, 1), seed=SEEDS)
def test_ways_between_two_draws_of_noise_keep_to_the_circle(angle, seed):
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(5, 2)))
    one, other = torch.from_numpy(3 * basis.T)
    way = editing.slerp(one, other, angle)
    assert way.norm().item() == pytest.approx(3)
    assert (way @ one).item() == pytest.approx(9 * math.cos(angle * math.pi / 2), abs=1e-9)


@FEW
@given(amount=st.floats(0, 1))
def test_forgetting_leads_evenly_to_the_prior(state, amount):
    found = editing.forget_input(state, amount)
    np.testing.assert_allclose(found.h_mean, (1 - amount) * state.h_mean, rtol=1e-5)
    expected = (1 - amount) * state.h_sigma.log()
    np.testing.assert_allclose(found.h_sigma.log(), expected, atol=1e-5)
    assert torch.equal(found.z, state.z)


# Data


def text(most=12):
    letters = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"])
    return st.text(letters, min_size=1, max_size=most)


@FEW
@given(
    points=arrays.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 5), st.just(3)),
                         elements=COORDINATES),
    names=st.lists(text(), min_size=4, max_size=4, unique=True),
    splits=st.lists(st.sampled_from(["", *SPLIT_NAMES]), min_size=4, max_size=4),
)  # fmt: skip
def test_sets_come_back_as_they_were_written(tmp_path_factory, points, names, splits):
    count = len(points)
    path = tmp_path_factory.getbasetemp() / "set.npz"
    given_set = CloudSet("set", points, tuple(names[:count]), tuple(names[::-1][:count]))
    write_set(path, given_set, splits=np.array(splits[:count]))
    found, parts = read_split_clouds(path)
    np.testing.assert_array_equal(found.points, points)
    assert (found.ids, found.classes) == (given_set.ids, given_set.classes)
    assert parts == tuple(map(split_of, splits[:count]))
    np.testing.assert_array_equal(read_clouds(path).points, points)


@FEW
@given(points=clouds(1, 20, np.float32), colored=st.booleans())
def test_ply_that_is_written_is_read(tmp_path_factory, points, colored):
    path = tmp_path_factory.getbasetemp() / "cloud.ply"
    write_ply(path, points, np.full(points.shape, 7, np.uint8) if colored else None)
    found = read_shape(path, warn=False)
    assert found.faces is None
    np.testing.assert_array_equal(found.vertices, points)


@FEW
@given(name=st.sampled_from(sorted(SPLIT_NAMES)), word=text(), upper=st.booleans())
def test_splits_are_known_in_any_case_and_resembled_by_longer_names(name, word, upper):
    written = name.upper() if upper else name.title()
    assert split_of(f" {written} ") == SPLIT_NAMES[name]
    assert not resembles_split(written)
    assert resembles_split(f"{written}_1")
    assert not (split_of(word) and resembles_split(word))


@FEW
@given(count=st.integers(3, 60), seed=SEEDS)
def test_what_is_shared_out_is_whole(count, seed):
    ids = tuple(map(str, range(count)))
    clouds_ = CloudSet("set", np.zeros((count, 1, 3), np.float32), ids, ids)
    parts = complete({"train": clouds_}, seed)
    found = [name for part in (parts.train, parts.val, parts.test) for name in part.ids]
    assert sorted(found) == sorted(ids)


@FEW
@given(points=clouds(2, 30, np.float32), seed=st.integers(0, 99), count=st.integers(1, 40))
def test_subsets_are_drawn_of_the_points_that_there_are(points, seed, count):
    batch = Batch(torch.from_numpy(points)[None], torch.tensor([seed]))
    found = subsample(batch, count, seed, epoch=1).points[0].numpy()
    rows = [np.flatnonzero((points == point).all(axis=1)) for point in found]
    assert all(len(row) for row in rows)
    if count <= len(points) == len(np.unique(points, axis=0)):
        assert len({row[0] for row in rows}) == count
    again = subsample(batch, count, seed, epoch=1).points[0].numpy()
    np.testing.assert_array_equal(found, again)


@FEW
@given(points=clouds(2, 20, np.float32), seed=SEEDS, stretch=st.floats(0, 0.9))
def test_augmentation_scales_each_axis_within_its_bounds(points, seed, stretch):
    batch = torch.from_numpy(points)[None]
    found = Augmentation(mirror=True, stretch=stretch)(batch, torch.tensor([3]), seed, epoch=2)
    high = 1 + stretch
    for axis in range(3):
        row = np.abs(points[:, axis]).argmax()
        if abs(points[row, axis]) > 0.1:
            factor = found[0, row, axis].item() / points[row, axis]
            np.testing.assert_allclose(found[0, :, axis], factor * points[:, axis], atol=1e-4)
            assert 1 / high - 1e-4 <= abs(factor) <= high + 1e-4
            assert axis == 0 or factor > 0


# Shapes and files


@FEW
@given(data=st.data())
@pytest.mark.parametrize("name", families())
def test_shapes_at_the_corners_of_their_bounds_are_shapes(name, data):
    family = families()[name]
    ends = {factor.name: st.sampled_from(factor.bounds) for factor in family.factors}
    factors = {name: np.array([float(data.draw(end))]) for name, end in ends.items()}
    surface = family.build(factors)
    (vertices,) = surface.vertices
    assert np.linalg.norm(vertices, axis=1).max() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(vertices.min(axis=0) + vertices.max(axis=0), 0, atol=1e-5)
    points = surface.sample(200, np.random.default_rng(0)).points[0]
    assert (points >= vertices.min(axis=0) - 1e-5).all()
    assert (points <= vertices.max(axis=0) + 1e-5).all()
    for factor, value in family.truth(factors).items():
        known = family.from_cloud(factor, value, surface.scale)
        assert np.isnan(known).all() or known == pytest.approx(factors[factor], rel=1e-5)


@FEW
@given(content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")),
       name=text(40))  # fmt: skip
def test_files_hold_what_was_written_under_any_name(tmp_path_factory, content, name):
    path = tmp_path_factory.getbasetemp() / "new" / name.replace("/", "-")
    assume(path.name not in (".", "..") and len(path.name.encode()) < 100)
    files.write_atomically(path, content)
    assert path.read_text(encoding="utf-8") == content
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    path.unlink()
