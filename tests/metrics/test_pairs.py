"""All pairs: what was done is kept, and used only for what it is of."""

import logging
import time

import numpy as np
import pytest

from pcvae.files import fingerprint
from pcvae.metrics import pairs
from pcvae.metrics.pairs import PairTable, Work


def all_pairs(function, shape, *, symmetric, key, work=Work(), title="pairs"):
    table = PairTable(shape, symmetric, key, work.cache)
    return pairs.all_pairs(function, table, title=title, work=work)


def difference(row, columns):
    return np.abs(columns - row) + 0.5


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "distances.npz"


@pytest.mark.parametrize("symmetric", [True, False])
def test_every_pair_is_computed_once(symmetric):
    asked = []

    def count(row, columns):
        asked.extend((row, int(column)) for column in columns)
        return difference(row, columns)

    found = all_pairs(count, (6, 6), symmetric=symmetric, key="k", work=Work(workers=3))
    assert len(asked) == len(set(asked)) == (15 if symmetric else 36)
    expected = np.abs(np.subtract.outer(np.arange(6), np.arange(6))) + 0.5
    if symmetric:
        np.fill_diagonal(expected, 0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_run_that_was_stopped_goes_on(cache, symmetric):
    done, again = [], []

    def fail_at_two(row, columns):
        if row == 2:
            raise KeyboardInterrupt
        done.append(row)
        return difference(row, columns)

    def finish(row, columns):
        again.append(row)
        return difference(row, columns)

    options = {"symmetric": symmetric, "key": "k", "work": Work(workers=1, cache=cache)}
    with pytest.raises(KeyboardInterrupt):
        all_pairs(fail_at_two, (6, 6), **options)
    assert 3 in done
    found = all_pairs(finish, (6, 6), **options)
    assert set(again).isdisjoint(done)
    np.testing.assert_array_equal(found, all_pairs(difference, (6, 6), symmetric=symmetric, key=""))
    assert list(cache.parent.iterdir()) == [cache]  # nothing is left over


def test_a_finished_run_is_read_back_whole(cache):
    def refuse(row, columns):
        raise AssertionError("computed again")

    options = {"symmetric": False, "key": "k", "work": Work(cache=cache)}
    found = all_pairs(difference, (3, 4), **options)
    np.testing.assert_array_equal(all_pairs(refuse, (3, 4), **options), found)


def test_a_cache_of_something_else_is_not_used(cache, caplog):
    all_pairs(
        lambda row, columns: 0 * columns,
        (3, 4),
        symmetric=False,
        key="other",
        work=Work(cache=cache),
    )
    with caplog.at_level(logging.WARNING):
        found = all_pairs(difference, (3, 4), symmetric=False, key="k", work=Work(cache=cache))
    assert "other clouds or settings" in caplog.text
    assert (found > 0).all()


def test_a_damaged_cache_is_made_anew(cache, caplog):
    cache.write_bytes(b"PK\x03\x04 not really")
    with caplog.at_level(logging.WARNING):
        found = all_pairs(difference, (3, 4), symmetric=False, key="k", work=Work(cache=cache))
    assert "is damaged" in caplog.text
    np.testing.assert_array_equal(PairTable((3, 4), False, "k", cache).values, found)


def test_work_is_saved_while_it_goes_on(cache, monkeypatch):
    monkeypatch.setattr(pairs, "SAVE_EVERY", -1.0)
    seen = []

    def look(row, columns):
        if cache.exists():
            seen.append(np.isfinite(PairTable((200, 6), False, "k", cache).values).sum())
        time.sleep(0.001)
        return difference(row, columns)

    all_pairs(look, (200, 6), symmetric=False, key="k", work=Work(workers=1, cache=cache))
    assert seen
    assert 0 < seen[0] < 1200


def test_the_fingerprint_tells_clouds_and_settings_apart(rng):
    clouds = rng.normal(size=(2, 5, 3))
    other = clouds.copy()
    other[1, 4, 2] += 1e-9
    keys = {
        fingerprint("chamfer", clouds),
        fingerprint("chamfer", other),
        fingerprint("chamfer", clouds.astype(np.float32)),
        fingerprint("chamfer", clouds.reshape(5, 2, 3)),
        fingerprint("emd", clouds),
    }
    assert len(keys) == 5
    assert fingerprint("chamfer", clouds) == fingerprint("chamfer", clouds.copy())


def test_the_progress_bar_counts_pairs(capsys):
    all_pairs(
        difference, (5, 5), symmetric=True, key="k", title="Differences", work=Work(progress=True)
    )
    shown = capsys.readouterr().err
    assert "Differences: 100%" in shown
    assert "10.0/10.0" in shown
