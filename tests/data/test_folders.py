import sys

import numpy as np
import pytest

from gloro_tf.data import load

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)


def write(path, size=(6, 5), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if mode == "RGB" else size
    image = RNG.integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(image).save(path)
    return image


def tree(root, splits=("train", "test"), classes=("cat", "dog"), count=5, **how):
    return {
        (split, name, i): write(root / split / name / f"{i}.png", **how)
        for split in splits
        for name in classes
        for i in range(count)
    }


@pytest.mark.parametrize("test", ["test", "val", "validation"])
def test_split_folders(tmp_path, test):
    images = tree(tmp_path / "pets", ("train", test))
    data = load(f"folder:{tmp_path / 'pets'}")
    assert data.name == "pets" and data.class_names == ("cat", "dog")
    assert data.x_train.shape == (10, 6, 5, 3) and data.x_train.dtype == np.uint8
    np.testing.assert_array_equal(data.x_test[7], images[test, "dog", 2])
    np.testing.assert_array_equal(data.y_test, np.repeat([0, 1], 5))


def test_grey_folders_have_one_channel(tmp_path):
    images = tree(tmp_path, mode="L")
    data = load(f"folder:{tmp_path}")
    assert data.input_shape == (6, 5, 1)
    np.testing.assert_array_equal(data.x_train[0, ..., 0], images["train", "cat", 0])
    write(tmp_path / "test" / "dog" / "9.png")
    assert load(f"folder:{tmp_path}").input_shape == (6, 5, 3)


def test_class_folders_are_split_once_and_for_all(tmp_path):
    tree(tmp_path, (".",), count=10)
    (tmp_path / ".cache").mkdir()
    data, again = (load(f"folder:{tmp_path}") for _ in range(2))
    assert np.bincount(data.y_train).tolist() == [8, 8]
    assert np.bincount(data.y_test).tolist() == [2, 2]
    np.testing.assert_array_equal(data.x_test, again.x_test)


def test_sizes(tmp_path):
    tree(tmp_path)
    write(tmp_path / "train" / "dog" / "x.jpg", size=(7, 7))
    with pytest.raises(ValueError, match=r"\(6, 5\).*\(7, 7\).*image_size"):
        load(f"folder:{tmp_path}")
    assert load(f"folder:{tmp_path}", image_size=4).input_shape == (4, 4, 3)
    assert load(f"folder:{tmp_path}", image_size=(4, 3)).input_shape == (4, 3, 3)


def test_a_test_set_of_another_size(tmp_path):
    tree(tmp_path, ("train",))
    tree(tmp_path, ("test",), size=(9, 9))
    with pytest.raises(ValueError, match=r"training images of \(6, 5\).*test images of \(9, 9\)"):
        load(f"folder:{tmp_path}")


def test_refused_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="PATH/train/CLASS"):
        load(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(ValueError, match="one directory per class.*Received: none"):
        load(f"folder:{tmp_path}")
    tree(tmp_path)
    write(tmp_path / "test" / "bird" / "0.png")
    with pytest.raises(ValueError, match="unknown bird"):
        load(f"folder:{tmp_path}")
    (tmp_path / "train" / "empty").mkdir()
    with pytest.raises(ValueError, match="none in .*empty"):
        load(f"folder:{tmp_path}")


def test_one_class_only(tmp_path):
    tree(tmp_path, classes=("cat",))
    with pytest.raises(ValueError, match="at least two classes"):
        load(f"folder:{tmp_path}")


def test_a_broken_image_is_named(tmp_path):
    tree(tmp_path)
    path = tmp_path / "train" / "cat" / "3.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"Could not read the image '.*3\.png'"):
        load(f"folder:{tmp_path}")
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(path)
    with pytest.raises(ValueError, match=r"8 bits per channel.*3\.png"):
        load(f"folder:{tmp_path}")


def test_without_pillow(tmp_path, monkeypatch):
    tree(tmp_path)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        load(f"folder:{tmp_path}")


def tiny_imagenet(root, annotated):
    wnids = ("n01", "n02", "n03")
    for wnid in wnids:
        for i in range(3):
            write(root / "train" / wnid / "images" / f"{wnid}_{i}.JPEG")
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text("")
    lines = []
    for i, wnid in enumerate(("n03", "n01")):
        folder = root / "val" / ("images" if annotated else wnid)
        write(folder / f"val_{i}.JPEG", mode="L")
        lines.append(f"val_{i}.JPEG\t{wnid}\t0\t0\t62\t62")
    if annotated:
        (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    (root / "words.txt").write_text("n01\tgoldfish, Carassius auratus\nn02\ttailed frog\n")


@pytest.mark.parametrize("below", [".", "tiny-imagenet-200"])
@pytest.mark.parametrize("annotated", [True, False])
def test_tiny_imagenet(tmp_path, annotated, below):
    tiny_imagenet(tmp_path / below, annotated)
    data = load("tiny_imagenet", data_dir=tmp_path)
    assert data.class_names == ("goldfish", "tailed frog", "n03")
    assert data.x_train.shape == (9, 6, 5, 3)
    np.testing.assert_array_equal(np.sort(data.y_test), [0, 2])
    assert data.y_test.tolist() == ([2, 0] if annotated else [0, 2])


def test_tiny_imagenet_that_is_not_there_or_broken(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--download.*tiny-imagenet-200\.zip.*--data_dir"):
        load("tiny_imagenet", data_dir=tmp_path, download=True)
    tiny_imagenet(tmp_path, annotated=True)
    (tmp_path / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn99\n")
    with pytest.raises(ValueError, match="n99"):
        load("tiny_imagenet", data_dir=tmp_path)
