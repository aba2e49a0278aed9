"""Files by what is in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from PIL import Image

from core.errors import DarkroomError
from core.store import assets as assets_module
from core.store.assets import AssetStore, Found, Sight
from core.store.database import memory_database
from core.store.pictures import thumbnail_of
from core.store.records import AssetPage, AssetQuery


@pytest.fixture
def store() -> Iterator[AssetStore]:
    database = memory_database()
    yield AssetStore(database)
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def seen(store: AssetStore, folder: Path) -> dict[str, Sight]:
    return {found.path.relative_to(folder).as_posix(): found.sight for found in store.scan(folder)}


def test_a_file_is_known_by_its_content(store: AssetStore, folder: Path) -> None:
    path = folder / "a.png"
    Image.new("RGB", (600, 300), "#ff0000").save(path)
    asset = store.register(path, {"job": "1"})
    assert asset.hash == blake3(path.read_bytes()).hexdigest()
    assert (asset.name, asset.kind, asset.size) == ("a.png", "image", path.stat().st_size)
    assert (asset.places, asset.missing, asset.system) == ((path,), (), {"job": "1"})
    assert asset.preview == thumbnail_of(path)
    store.set_tags(asset.hash, ["sea", "door", "sea"])
    store.set_tags(asset.hash, ["door", "new"])
    store.describe(asset.hash, rating=5, title="x")
    store.describe(asset.hash, title=None)
    again = store.register(path, {"node": "9"})
    assert again == store.of(path) == store.get(asset.hash)
    assert (again.tags, again.user) == (("door", "new"), {"rating": 5})
    assert again.system == {"job": "1", "node": "9"}
    assert store.tagged("door") == (again,)
    assert store.tagged("sea") == ()


def test_equal_files_are_one_asset(store: AssetStore, folder: Path) -> None:
    one, other = write(folder / "a.txt", "same"), write(folder / "b.txt", "same")
    assert store.register(one).hash == store.register(other).hash
    asset = store.of(other)
    assert asset is not None
    assert asset.places == (one, other)
    assert (asset.name, asset.kind, asset.preview) == ("a.txt", "file", None)
    assert store.register(write(folder / "c.txt", "")).size == 0


def test_a_file_written_anew_is_another_asset(store: AssetStore, folder: Path) -> None:
    path = write(folder / "a.txt", "old")
    old = store.register(path)
    write(path, "newer")
    new = store.register(path)
    assert new.hash != old.hash
    assert store.of(path) == new
    gone = store.get(old.hash)
    assert gone is not None
    assert gone.places == gone.missing == ()


def test_a_scan_finds_what_is_new_moved_copied_and_gone(store: AssetStore, folder: Path) -> None:
    for name in "abc":
        write(folder / f"{name}.txt", name)
    write(folder / "sub/.half.part", "x")
    assert seen(store, folder) == {"a.txt": Sight.NEW, "b.txt": Sight.NEW, "c.txt": Sight.NEW}
    assert set(seen(store, folder).values()) == {Sight.KNOWN}
    asset = store.of(folder / "a.txt")
    assert asset is not None
    store.set_tags(asset.hash, ["kept"])
    (folder / "a.txt").rename(folder / "sub/renamed.txt")
    (folder / "b.txt").unlink()
    shutil.copy(folder / "c.txt", folder / "copy.txt")
    found = [*store.scan(folder)]
    assert found[:2] == [Found(folder / name, Sight.MISSING) for name in ("a.txt", "b.txt")]
    assert found[2:] == [
        Found(folder / "c.txt", Sight.KNOWN),
        Found(folder / "copy.txt", Sight.COPY),
        Found(folder / "sub/renamed.txt", Sight.AGAIN),
    ]
    (moved,) = store.tagged("kept")
    assert (moved.places, moved.missing) == ((folder / "sub/renamed.txt",), ())
    lost = store.of(folder / "b.txt")
    assert lost is not None
    assert (lost.places, lost.missing) == ((), (folder / "b.txt",))
    write(folder / "b.txt", "b")
    assert seen(store, folder)["b.txt"] is Sight.AGAIN
    assert set(seen(store, folder).values()) == {Sight.KNOWN}


def test_a_file_that_comes_back_untouched_is_not_read_again(
    store: AssetStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder / "a.txt", "x")
    store.register(path)
    path.rename(folder.parent / "away")
    assert seen(store, folder) == {"a.txt": Sight.MISSING}
    (folder.parent / "away").rename(path)
    monkeypatch.setattr(assets_module, "_hash", lambda path: pytest.fail(f"{path} was read"))
    assert seen(store, folder) == {"a.txt": Sight.AGAIN}
    monkeypatch.setattr(store, "_take_in", lambda path, _: pytest.fail(f"{path} was asked for"))
    assert seen(store, folder) == {"a.txt": Sight.KNOWN}


def test_a_look_that_was_broken_off_goes_on_where_it_was(
    store: AssetStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        write(folder / f"{name}.txt", name)
    look = store.scan(folder)
    assert [next(look).path.name, next(look).path.name] == ["a.txt", "b.txt"]
    del look
    read: list[str] = []
    really = assets_module._hash
    monkeypatch.setattr(assets_module, "_hash", lambda path: (read.append(path.name), really(path))[1])
    assert list(seen(store, folder).values()) == [Sight.KNOWN, Sight.KNOWN, Sight.NEW, Sight.NEW]
    assert read == ["c.txt", "d.txt"]


def test_a_file_is_found_again_among_those_of_its_size(
    store: AssetStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = store.register(write(folder / "a.txt", "looked for"))
    (folder / "a.txt").unlink()
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    write(elsewhere / "other.txt", "another size")
    write(elsewhere / "x.txt", "looked fox")
    wanted = write(elsewhere / "y.txt", "looked for")
    read: list[str] = []
    really = assets_module._hash
    monkeypatch.setattr(assets_module, "_hash", lambda path: (read.append(path.name), really(path))[1])
    assert store.find_again(asset.hash, elsewhere) == wanted
    assert sorted(read) == ["x.txt", "y.txt"]
    assert store.of(elsewhere / "x.txt") is None, "what is not looked for is not registered"
    wanted.unlink()
    assert store.find_again(asset.hash, elsewhere) is None
    with pytest.raises(DarkroomError, match="no asset"):
        store.find_again("0" * 64, elsewhere)


def test_files_that_cannot_be_read_do_not_end_a_search(store: AssetStore, folder: Path) -> None:
    asset = store.register(write(folder / "sub/a.txt", "looked for"))
    (folder / "sub/a.txt").rename(folder / "b.txt")
    (folder / "a_dead_link.txt").symlink_to(folder / "nowhere.txt")
    assert [*store.look_for(asset.hash, folder)] == [None, folder / "b.txt"]
    assert store.find_again(asset.hash, folder / "nowhere") is None


def names(store: AssetStore, text: str = "", *, is_missing: bool = False) -> list[str]:
    page = store.page(AssetQuery(text, is_missing))
    assert page.total == len(page.assets)
    return [asset.name for asset in page.assets]


def test_assets_come_in_pages_the_newest_first(store: AssetStore, folder: Path) -> None:
    assert store.page() == AssetPage((), 0)
    for number in range(7):
        store.register(write(folder / f"{number}.txt", str(number)))
    first = store.page(count=3)
    assert ([asset.name for asset in first.assets], first.total) == (["6.txt", "5.txt", "4.txt"], 7)
    store.register(write(folder / "new.txt", "new"))
    second = store.page(after=first.assets[-1].hash, count=3)
    assert [asset.name for asset in second.assets] == ["3.txt", "2.txt", "1.txt"], "new ones move nothing"
    assert second.total == 8
    assert store.page(after=second.assets[-1].hash).assets == (store.of(folder / "0.txt"),)


def test_assets_are_found_by_name_tag_and_note(store: AssetStore, folder: Path) -> None:
    door = store.register(write(folder / "Red_door.txt", "1"))
    hill = store.register(write(folder / "hill 100%.txt", "2"))
    store.set_tags(door.hash, ["good", "Best of May"])
    store.describe(hill.hash, note="for the calendar", rating=5)
    (folder / "hill 100%.txt").rename(folder / "meadow.txt")
    store.register(folder / "meadow.txt")
    for text, wanted in {
        "": ["hill 100%.txt", "Red_door.txt"],
        "door": ["Red_door.txt"],
        "RED goo": ["Red_door.txt"],
        "may": ["Red_door.txt"],
        "calendar": ["hill 100%.txt"],
        "0%": ["hill 100%.txt"],
        "d_d": ["Red_door.txt"],
        "rating": [],
        "meadow": ["hill 100%.txt"],
        "door hill": [],
        folder.name: [],
    }.items():
        assert names(store, text) == wanted, text


def test_what_is_missing_is_found(store: AssetStore, folder: Path) -> None:
    for name in ("gone", "moved", "there"):
        store.register(write(folder / f"{name}.txt", name))
    store.register(write(folder / "copy of gone.txt", "gone"))
    changed = store.register(write(folder / "changed.txt", "before"))
    store.register(write(folder / "changed.txt", "afterwards"))
    (folder / "copy of gone.txt").unlink()
    (folder / "moved.txt").rename(folder / "sub.txt")
    [*store.scan(folder)]
    assert names(store, is_missing=True) == [changed.name], "of the other one there is a copy"
    (folder / "gone.txt").unlink()
    [*store.scan(folder)]
    assert names(store, is_missing=True) == ["changed.txt", "gone.txt"]
    assert names(store, "gon", is_missing=True) == ["gone.txt"]


def test_a_page_brings_previews(store: AssetStore, folder: Path) -> None:
    Image.new("RGB", (9, 9), "#ff0000").save(folder / "a.png")
    asset = store.register(folder / "a.png")
    assert store.page().assets == (asset,)
    assert asset.preview is not None


def test_a_folder_that_only_begins_alike_is_not_meant(store: AssetStore, folder: Path) -> None:
    other = folder.with_name("output_2%")
    other.mkdir()
    store.register(write(other / "a.txt", "x"))
    (other / "a.txt").unlink()
    assert seen(store, folder) == {}
    assert seen(store, other) == {"a.txt": Sight.MISSING}


def test_what_cannot_be_read_is_named_and_passed_over(store: AssetStore, folder: Path) -> None:
    with pytest.raises(DarkroomError, match=r"nowhere\.png cannot be read"):
        store.register(folder / "nowhere.png")
    (folder / "dead.png").symlink_to(folder / "nowhere.png")
    write(folder / "z.txt", "x")
    assert seen(store, folder) == {"z.txt": Sight.NEW}


def test_nothing_is_changed_on_the_disk(store: AssetStore, folder: Path) -> None:
    path = write(folder / "a.txt", "x")
    os.utime(path, ns=(1, 1))
    before = path.stat()
    [*store.scan(folder)]
    store.set_tags(store.register(path).hash, ["a"])
    assert (path.stat().st_mtime_ns, path.read_text()) == (before.st_mtime_ns, "x")
    assert [entry.name for entry in folder.iterdir()] == ["a.txt"]


def test_thumbnails_are_small_upright_and_opaque(folder: Path) -> None:
    wide = folder / "wide.png"
    Image.new("RGBA", (1024, 512), (255, 0, 0, 0)).save(wide)
    small = thumbnail_of(wide)
    assert small is not None
    (folder / "small.jpg").write_bytes(small)
    with Image.open(folder / "small.jpg") as picture:
        assert picture.size == (256, 128)
        assert picture.getpixel((9, 9)) == pytest.approx((128, 128, 128), abs=2)
    write(folder / "broken.png", "this is no picture")
    assert thumbnail_of(folder / "broken.png") is None
    assert thumbnail_of(folder / "nowhere.png") is None
    assert thumbnail_of(write(folder / "text.txt", "x")) is None
