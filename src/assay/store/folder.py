"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.errors import InvalidFile, VerificationFailed


@contextmanager
def whole_folder(folder: Path, *, mark: str, what: str) -> Iterator[Path]:
    """Give a new folder to fill; when the block ends well, it is brought to disk and renamed.

    Parameters
    ----------
    folder : Path
        Where it shall be: absent, empty, or an older folder with the file ``mark``, which is
        replaced.
    mark : str
        Name of a file that every folder of this sort holds.
    what : str
        What this sort is called, with its article: ``a bundle``.

    Yields
    ------
    Path
        A folder beside ``folder``, removed where the block raises.

    Raises
    ------
    InvalidFile
        ``folder`` holds something else, or cannot be written.
    VerificationFailed
        Another process wrote the same folder at the same time.
    """
    _refuse_other_content(folder, mark, what)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InvalidFile(
            f"The folder cannot be written: {error.strerror}.",
            hint="Give a place that you may write to.",
            where=str(folder),
        ) from None
    try:
        partial.chmod(0o755)
        yield partial
        _bring_to_disk(partial)
        _put_in_place(partial, folder, what)
        _sync(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_other_content(folder: Path, mark: str, what: str) -> None:
    """Refuse to replace anything but an older folder of this sort, or an empty one."""
    if not folder.exists() and not folder.is_symlink():
        return
    replaceable = folder.is_dir() and not folder.is_symlink()
    if not replaceable or (any(folder.iterdir()) and not (folder / mark).is_file()):
        raise InvalidFile(
            f"This place holds something that is not {what}.",
            hint="Give a new or an empty folder.",
            where=str(folder),
        )


def _bring_to_disk(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            _sync(Path(place, name))
        _sync(Path(place))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(partial: Path, folder: Path, what: str) -> None:
    """Rename; an older folder steps aside first, and comes back if the new one cannot come."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    folder.replace(aside)
    try:
        partial.rename(folder)
    except OSError as error:
        with suppress(OSError):
            aside.rename(folder)
        raise VerificationFailed(
            f"Another process wrote {what} here at the same time.",
            hint="Try again.",
            where=str(folder),
        ) from error
    shutil.rmtree(aside)
