from __future__ import annotations

import dataclasses
import getpass
from pathlib import Path

import pytest

from assay.errors import InvalidConfig, UnknownName
from assay.settings import Settings, settings_page

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in ("HOME", "STORE_URL", "ARTIFACTS", "KEYS", "ACTOR", "THREADS"):
        monkeypatch.delenv(f"ASSAY_{name}", raising=False)


def test_defaults_lie_in_the_home_folder(tmp_path):
    settings = Settings.load(tmp_path)
    assert settings == Settings(
        home=tmp_path,
        store_url=f"sqlite:///{tmp_path}/assay.db",
        artifacts=tmp_path / "artifacts",
        keys=tmp_path / "keys",
        actor=getpass.getuser(),
        threads=0,
    )
    assert list(tmp_path.iterdir()) == []


def test_home_by_default_and_by_environment(tmp_path, monkeypatch):
    assert Settings.load().home == Path.home() / ".assay"
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    assert Settings.load().home == tmp_path
    assert Settings.load(tmp_path / "given").home == tmp_path / "given"


def test_argument_before_environment_before_file_before_default(tmp_path, monkeypatch):
    assert Settings.load(tmp_path).threads == 0
    (tmp_path / "config.yaml").write_text("threads: 1\nactor: file\n")
    assert Settings.load(tmp_path).threads == 1
    monkeypatch.setenv("ASSAY_THREADS", "2")
    assert Settings.load(tmp_path).threads == 2
    assert Settings.load(tmp_path, threads=3).threads == 3
    assert Settings.load(tmp_path, threads=None).threads == 2
    assert Settings.load(tmp_path, threads=3).actor == "file"


def test_settings_are_frozen(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.load(tmp_path).threads = 4


def test_relative_and_home_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(Path("here"), keys="~/keys", artifacts="there")
    assert settings.home == tmp_path / "here"
    assert settings.keys == Path.home() / "keys"
    assert settings.artifacts == tmp_path / "there"


@pytest.mark.parametrize("value", ["many", "-1", "1.5", "", "²"])
def test_bad_number_names_its_source(tmp_path, monkeypatch, value):
    with pytest.raises(InvalidConfig, match="threads: expected a whole number") as caught:
        Settings.load(tmp_path, threads=value)
    assert caught.value.where == "argument"
    if value:
        monkeypatch.setenv("ASSAY_THREADS", value)
        with pytest.raises(InvalidConfig) as caught:
            Settings.load(tmp_path)
        assert caught.value.where == "environment variable ASSAY_THREADS"
        assert "0 means all cores" in caught.value.hint


def test_unknown_argument_names_the_nearest(tmp_path):
    with pytest.raises(UnknownName) as caught:
        Settings.load(tmp_path, thread=1)
    assert caught.value.hint == "Closest match: 'threads'."


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("actor: a\nthread: 1\n", "Unknown key 'thread'", 2),
        ("threads: many\n", "threads: expected `int`", 1),
        ("home: /x\n", "Unknown key 'home'", 1),
        ("- a\n", "Expected keys and values", 1),
        ("a: [\n", "Not valid YAML", 2),
    ],
)
def test_bad_file_names_file_and_line(tmp_path, text, problem, line):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InvalidConfig, match=problem) as caught:
        Settings.load(tmp_path)
    assert caught.value.where == f"{tmp_path / 'config.yaml'}:{line}"


def test_file_of_comments_is_an_empty_file(tmp_path):
    (tmp_path / "config.yaml").write_text("# threads: 4\n\n")
    assert Settings.load(tmp_path).threads == 0


def test_file_that_is_not_text(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfig, match="cannot be read"):
        Settings.load(tmp_path)


def test_user_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))
    assert Settings.load(tmp_path).actor.startswith("user ")


def test_page_is_written_from_the_table():
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), (
        "write it again: python -c 'from assay.settings import settings_page; "
        'print(settings_page(), end="")\' > docs/settings.md'
    )
