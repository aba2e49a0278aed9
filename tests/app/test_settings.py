"""The settings file: kept whole, and never a reason not to start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.profile import Profile
from app.settings import Settings, SettingsFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep/settings.json"


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_what_is_changed_is_there_at_the_next_start(file: Path) -> None:
    first = SettingsFile(file)
    assert first.settings == Settings()
    assert first.problem == ""
    first.change(theme="light", keys={"file.save": ["Ctrl+K"]})
    second = SettingsFile(file)
    assert (second.settings.theme, second.settings.keys) == ("light", {"file.save": ["Ctrl+K"]})
    assert second.problem == ""
    assert [entry.name for entry in file.parent.iterdir()] == ["settings.json"]


def test_whoever_subscribed_hears_of_changes_until_he_ends_it(file: Path) -> None:
    settings, heard = SettingsFile(file), []
    unsubscribe = settings.subscribe(lambda: heard.append(settings.settings.text_scale))
    settings.change(text_scale=1.5)
    settings.change(text_scale=1.5)
    unsubscribe()
    settings.change(text_scale=2)
    assert heard == [1.5]


@pytest.mark.parametrize("fields", [{"text_scale": 9}, {"theme": "pink"}, {"keys": 3}])
def test_a_value_that_cannot_be_changes_nothing(file: Path, fields: dict[str, object]) -> None:
    settings = SettingsFile(file)
    with pytest.raises(ValueError, match=next(iter(fields))):
        settings.change(minimap=False, **fields)
    assert settings.settings == Settings()
    assert not file.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe\x00", b"nonsense", b"[" * 100_000])
def test_a_damaged_file_is_kept_and_the_defaults_used(file: Path, content: bytes) -> None:
    write(file, content)
    settings = SettingsFile(file)
    assert settings.settings == Settings()
    assert "default" in settings.problem
    assert (file.parent / "settings.json.bad").read_bytes() == content
    settings.change(badges=False)
    assert SettingsFile(file).settings.badges is False
    assert SettingsFile(file).problem == ""


def test_one_wrong_field_spoils_no_other_and_unknown_ones_are_ignored(file: Path) -> None:
    write(file, json.dumps({"theme": "pink", "text_scale": 1.25, "of_the_future": 1}).encode())
    settings = SettingsFile(file)
    assert (settings.settings.theme, settings.settings.text_scale) == ("system", 1.25)
    assert "theme" in settings.problem


def test_a_place_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings, told = SettingsFile(tmp_path / "file/settings.json"), []
    settings.subscribe(lambda: told.append(settings.problem))
    settings.change(minimap=False)
    assert settings.settings.minimap is False
    assert "not for the next start" in told[0]
    (tmp_path / "file").unlink()
    settings.change(minimap=True)
    assert told[1] == settings.problem == ""
    (tmp_path / "settings.json").mkdir()
    assert "default" in SettingsFile(tmp_path / "settings.json").problem


def test_a_profile_folder_holds_everything(tmp_path: Path) -> None:
    places = vars(Profile(tmp_path)).values()
    assert all(tmp_path in place.parents for place in places)
    assert len(set(places)) == len(places)
    assert not list(tmp_path.iterdir())
    assert vars(Profile()).keys() == vars(Profile(tmp_path)).keys()
