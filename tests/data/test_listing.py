"""What a folder holds: classes and splits by name, what is read, left out, or hidden."""

import os

import pytest

from pcvae.data.listing import ShapeFile, Skipped, list_shapes

ENDINGS = (".off", ".npy")


def fill(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("OFF")
    return root


def listed(root, strict=False):
    """Files by their ids, and what is said of the others."""
    skipped = Skipped(str(root), strict)
    return {file.id: file for file in list_shapes(root, ENDINGS, skipped)}, skipped.reasons


def kinds(root):
    return {file.kind for file in listed(root)[0].values()}


def splits(root):
    return {file.split for file in listed(root)[0].values()}


# Classes and splits


def test_folders_name_classes_and_splits(tmp_path):
    fill(tmp_path, "chair/train/a.off", "chair/test/b.OFF", "lamp/train/c.npy")
    files, reasons = listed(tmp_path)
    assert list(files) == ["chair/test/b", "chair/train/a", "lamp/train/c"]
    path = tmp_path / "chair" / "test" / "b.OFF"
    assert files["chair/test/b"] == ShapeFile(path, "chair/test/b", "chair", "test")
    assert not reasons


USUAL = [
    ("train", "val", "test"),
    ("Train", "Val", "Test"),
    ("TRAINING", "VALIDATION", "TESTING"),
    ("training", "valid", "testing"),
    ("train", "dev", "test"),
]


@pytest.mark.parametrize("names", USUAL)
@pytest.mark.parametrize("layout", ["{split}/{kind}", "{kind}/{split}", "set/{split}/{kind}"])
def test_usual_names_are_splits_in_any_case_on_any_level(tmp_path, caplog, names, layout):
    for split in names:
        for kind in ("chair", "lamp"):
            folder = layout.format(split=split, kind=kind)
            fill(tmp_path, *(f"{folder}/{split}-{number}.off" for number in range(3)))
    files, _ = listed(tmp_path)
    expected = dict(zip(names, ("train", "val", "test"), strict=True))
    assert all(file.split == expected[name.split("/")[-1][:-2]] for name, file in files.items())
    assert kinds(tmp_path) == {"chair", "lamp"}
    assert ("all shapes are in set" in caplog.text) == layout.startswith("set")


@pytest.mark.parametrize(
    "name",
    [
        "train_set",
        "Tests",
        "eval",
        "trian",
        "validaton",
        "test2017",
        "evaluation",
        "val2017",
        "my_train",
        "ModelNetTest",
        "(test)",
        "1-valid",
        "tst",
        "te",
        "entrenamiento",
        "Prüfung_Test",
        "entraînement",
        "обучение",
        "训练集",
        "テスト",
    ],
)
def test_names_that_resemble_splits_are_told_of(tmp_path, caplog, name):
    fill(tmp_path, f"{name}/chair/a.off", "other/chair/b.off")
    assert splits(tmp_path) == {""}
    assert name in caplog.text
    assert "resemble splits" in caplog.text


@pytest.mark.parametrize(
    "name", ["chair", "vase", "desk", "toaster", "drain", "rest", "valve", "contest", "TV", "tray"]
)
def test_names_of_classes_are_not(tmp_path, caplog, name):
    fill(tmp_path, f"{name}/a.off", "lamp/b.off")
    assert kinds(tmp_path) == {name, "lamp"}
    assert not caplog.records


def test_a_split_beside_classes_is_told_of(tmp_path, caplog):
    """ShapeNet has a category called train."""
    fill(tmp_path, "train/a.off", "car/b.off", "plane/c.off")
    assert splits(tmp_path) == {"train", ""}
    (record,) = {record.message for record in caplog.records}
    assert "folders named train" in record
    assert "in car, plane, are trained on" in record


def test_a_class_called_train_is_one_where_splits_have_a_level_of_their_own(tmp_path, caplog):
    for kind in ("car", "train"):
        fill(tmp_path, *(f"{kind}/{split}/{split}.off" for split in ("train", "val", "test")))
    files, reasons = listed(tmp_path, strict=True)
    assert {(file.kind, file.split) for file in files.values()} == {
        (kind, split) for kind in ("car", "train") for split in ("train", "val", "test")
    }
    assert not reasons
    assert not caplog.records


def test_two_splits_on_the_way_to_a_shape_are_one_too_many(tmp_path):
    fill(tmp_path, "train/chair/test/a.off", "train/chair/b.off")
    files, reasons = listed(tmp_path)
    assert list(files) == ["train/chair/b"]
    assert reasons == {"train/chair/test/a.off": "its folders name two splits, test and train"}


def test_nothing_but_shapes_of_two_splits_is_refused_in_words(tmp_path):
    fill(tmp_path, "train/chair/test/a.off", "train/chair/test/b.off")
    with pytest.raises(ValueError, match=r"none of its files can be used: .* name two splits"):
        listed(tmp_path)


@pytest.mark.parametrize("around", ["ModelNet10", "archive/ModelNet10"])
def test_folders_around_a_data_set_are_seen_through_and_told_of(tmp_path, caplog, around):
    for kind in ("chair", "lamp"):
        fill(tmp_path, *(f"{around}/{kind}/train/{number}.off" for number in range(2)))
    assert kinds(tmp_path) == {"chair", "lamp"}
    (message,) = {record.message for record in caplog.records}
    assert f"all shapes are in {around};" in message


def test_a_folder_for_each_shape_is_no_class(tmp_path, caplog):
    fill(tmp_path, *(f"03001627/model{number}/points.off" for number in range(4)))
    assert kinds(tmp_path) == {"03001627"}
    assert "all shapes are of one class, 03001627" in caplog.text


def test_one_class_is_one_class(tmp_path, caplog):
    fill(tmp_path, "chair/a.off", "chair/b.off")
    assert kinds(tmp_path) == {"chair"}
    assert kinds(tmp_path / "chair") == {"chair"}
    assert not caplog.records


# What is not read


def test_what_systems_and_editors_leave_behind_never_counts(tmp_path, caplog):
    fill(
        tmp_path,
        *("chair/a.off", ".Trash/b.off", "chair/.ipynb_checkpoints/a-checkpoint.off"),
        *("chair/._a.off", "__MACOSX/chair/._a.off", "chair/Thumbs.db", "desktop.ini"),
        *("README.txt", "LICENSE", "chair/a.mtl", "chair/wood.PNG", "notes.md"),
        *("@eaDir/a.off", "#recycle/b.off", "$RECYCLE.BIN/c.off", "lost+found/d.off"),
        "System Volume Information/e.off",
    )
    files, reasons = listed(tmp_path, strict=True)
    assert list(files) == ["chair/a"]
    assert not reasons
    assert not caplog.records


def test_other_kinds_are_named_together(tmp_path, caplog):
    fill(tmp_path, "chair/a.off", *(f"chair/{number}.step" for number in range(3000)))
    fill(tmp_path, "lamp/a.blend", "lamp/noending")
    skipped = Skipped(str(tmp_path))
    list_shapes(tmp_path, ENDINGS, skipped)
    skipped.tell(1)
    (record,) = caplog.records
    assert "skipped 3002 of 3003 files: chair/0.step and 2999 more (.step is not read)" in (
        record.message
    )
    assert "lamp/a.blend (.blend is not read)" in record.message
    assert "lamp/noending (a file without an ending is not read)" in record.message
    with pytest.raises(ValueError, match=r"0\.step cannot be used: \.step is not read"):
        listed(tmp_path, strict=True)


def test_lists_of_splits_are_told_from_other_kinds(tmp_path):
    fill(tmp_path, "chair/a.off", "splits/modelnet_test.json", "chair/b.json", "chair/test.step")
    _, reasons = listed(tmp_path)
    assert "sort the shapes into folders" in reasons["splits/modelnet_test.json"]
    assert {reasons["chair/b.json"], reasons["chair/test.step"]} == {
        ".json is not read",
        ".step is not read",
    }


def test_splits_in_the_names_of_files_are_told_of(tmp_path, caplog):
    fill(tmp_path, "chair/train_0.off", "chair/train_1.off", "chair/test_0.off", "lamp/Test3.off")
    assert splits(tmp_path) == {""}
    (record,) = caplog.records
    assert "files are named after splits, such as chair/test_0.off" in record.message


def test_words_in_the_names_of_some_files_are_not_splits(tmp_path, caplog):
    fill(tmp_path, "toys/train_0.off", "toys/test_tube.off", *(f"toys/{k}.off" for k in range(9)))
    fill(tmp_path / "more", "train/train_0.off", "test/test_0.off", "val/val_0.off")
    listed(tmp_path / "toys")
    listed(tmp_path / "more")
    assert not caplog.records


def test_a_folder_of_nothing_but_other_kinds_says_so(tmp_path):
    fill(tmp_path, "lamp/a.blend")
    with pytest.raises(FileNotFoundError, match=r"no shapes.*\.off.*Left out: lamp/a\.blend"):
        listed(tmp_path)


def test_links_are_followed_but_not_in_circles(tmp_path):
    fill(tmp_path / "disk", "lamp/a.off", "b.off")
    fill(tmp_path / "set", "chair/a.off")
    (tmp_path / "set" / "lamp").symlink_to(tmp_path / "disk" / "lamp")
    (tmp_path / "set" / "chair" / "b.off").symlink_to(tmp_path / "disk" / "b.off")
    (tmp_path / "set" / "chair" / "loop").symlink_to("..")
    files, reasons = listed(tmp_path / "set")
    assert list(files) == ["chair/a", "chair/b", "lamp/a"]
    assert files["lamp/a"].kind == "lamp"
    assert reasons == {"chair/loop": "a link to .., a folder that it lies in"}


def test_what_was_not_fetched_is_named_with_the_cure(tmp_path):
    fill(tmp_path, "chair/a.off", "chair/a.off.dvc", "chair/b.off.dvc")
    (tmp_path / "chair" / "c.off").symlink_to("nowhere.off")
    (tmp_path / "chair" / "d.off").symlink_to("../.git/annex/objects/x/y")
    _, reasons = listed(tmp_path)
    assert "dvc pull" in reasons.pop("chair/b.off.dvc")
    assert "nowhere.off, which is not there" in reasons.pop("chair/c.off")
    assert "git annex get" in reasons.pop("chair/d.off")
    assert not reasons
    with pytest.raises(ValueError, match=r"b\.off\.dvc"):
        listed(tmp_path, strict=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    fill(tmp_path, "a.off")
    os.mkfifo(tmp_path / "b.off")
    assert listed(tmp_path)[1] == {"b.off": "neither a file nor a folder"}
