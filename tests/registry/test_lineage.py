from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from assay.registry.lineage import describe_environment, read_code, trace
from assay.store.store import Store

from .samples import registered


def git(folder: Path, *arguments: str) -> str:
    names = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *names, "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def package(folder: Path) -> Path:
    (folder / "pkg" / "inner").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("A = 1\n")
    (folder / "pkg" / "inner" / "b.py").write_text("B = 2\n")
    (folder / "pkg" / "data.txt").write_text("not code")
    return folder / "pkg"


def test_the_environment_is_a_sorted_list_that_pip_reads() -> None:
    text = describe_environment()
    lines = text.splitlines()
    assert lines[0].startswith("# CPython 3.")
    packages = [line for line in lines if not line.startswith("#")]
    assert packages == sorted(packages)
    assert f"msgspec=={version('msgspec')}" in packages
    assert all(line.count("==") == 1 for line in packages)
    assert describe_environment() == text


def test_sources_have_one_digest_that_follows_names_and_contents(tmp_path: Path) -> None:
    folder = package(tmp_path)
    first = read_code(folder)
    assert read_code(folder).sources == first.sources
    (folder / "data.txt").write_text("changed")
    assert read_code(folder).sources == first.sources
    (folder / "inner" / "b.py").write_text("B = 3\n")
    assert read_code(folder).sources != first.sources
    (folder / "inner" / "b.py").write_text("B = 2\n")
    (folder / "inner" / "b.py").rename(folder / "inner" / "c.py")
    assert read_code(folder).sources != first.sources


def test_a_checkout_gives_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    folder = package(tmp_path)
    assert (read_code(folder).commit, read_code(folder).dirty) == ("", False)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    clean = read_code(folder)
    assert clean.commit == git(tmp_path, "rev-parse", "HEAD")
    assert not clean.dirty
    (folder / "__init__.py").write_text("A = 2\n")
    assert read_code(folder).dirty


def test_a_package_installed_inside_anothers_checkout_has_no_commit(tmp_path: Path) -> None:
    folder = package(tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("pkg\n")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-q", "-m", "first")
    assert read_code(folder).commit == ""


def test_our_own_code_has_a_fingerprint() -> None:
    code = read_code()
    assert code.version == version("assay")
    assert code.sources.startswith("sha256:")


def test_a_version_leads_back_to_everything_it_was_made_from(store: Store) -> None:
    _, made = registered(store)
    lineage = trace(store, made)
    links = {link.what: link for link in lineage.links}
    assert (lineage.version, lineage.run) == ("car-price@1", "run-1")
    assert {"dataset", "split", "policy", "code", "environment", "model", "contract"} <= set(links)
    assert links["dataset"].digest == made.dataset
    assert links["policy"].entry == 1
    assert links["policy"].by == "ana"
    assert lineage.complete


def test_lineage_says_what_the_store_no_longer_has(store: Store) -> None:
    _, made = registered(store)
    path = store.artifacts.path(made.split)
    assert path is not None
    path.unlink()
    lineage = trace(store, made)
    assert not lineage.complete
    assert [link.what for link in lineage.links if not link.kept] == ["split"]
