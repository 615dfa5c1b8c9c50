"""Settings: one table of names, defaults and meanings, read once at the edge, passed inwards.

Precedence, highest first: an argument, an environment variable, ``<home>/config.yaml``, the
default. ``docs/settings.md`` is written from the table.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from assay.configuration import parse_yaml
from assay.errors import InvalidConfig, UnknownName

FILE = "config.yaml"


def setting(default: str, *, env: str, help: str) -> dict[str, str]:  # noqa: A002
    """Describe one setting; ``{home}`` and ``{user}`` in its default are filled in on loading."""
    return {"default": default, "env": env, "help": help}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a process needs to know before it opens a store. Use `Settings.load`.

    Examples
    --------
    >>> Settings.load(Path("/srv/assay"), threads=2).store_url
    'sqlite:////srv/assay/assay.db'
    """

    home: Path = field(
        metadata=setting(
            "~/.assay",
            env="ASSAY_HOME",
            help="Folder of this user's or team's Assay: the defaults below lie in it, and so does "
            f"`{FILE}`.",
        )
    )
    store_url: str = field(
        metadata=setting(
            "sqlite:///{home}/assay.db",
            env="ASSAY_STORE_URL",
            help="Where records and the ledger live: `sqlite:///path/to/file.db`, or "
            "`postgresql://user:password@host/name` for a team.",
        )
    )
    artifacts: Path = field(
        metadata=setting(
            "{home}/artifacts",
            env="ASSAY_ARTIFACTS",
            help="Folder of the artifacts: tables, models, reports, each under its digest.",
        )
    )
    keys: Path = field(
        metadata=setting(
            "{home}/keys",
            env="ASSAY_KEYS",
            help="Folder of the key that signs hallmarks and the ledger. Keep it to its owner.",
        )
    )
    actor: str = field(
        metadata=setting(
            "{user}",
            env="ASSAY_ACTOR",
            help="Who acts, as written in the ledger. By default the operating system's user.",
        )
    )
    threads: int = field(
        metadata=setting(
            "0",
            env="ASSAY_THREADS",
            help="Processor threads that one process may use; 0 means all cores.",
        )
    )

    @classmethod
    def load(cls, home: Path | None = None, **overrides: Any) -> Settings:
        """Read the settings.

        Parameters
        ----------
        home : Path, optional
            Overrides ``ASSAY_HOME``.
        **overrides
            Any other setting; None counts as not given.

        Raises
        ------
        InvalidConfig
            A value does not fit; says from where it came.
        UnknownName
            An argument is not a setting.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        for name in given:
            if name not in _TABLE or name == "home":
                raise UnknownName("setting", name, _TABLE)
        folder = _home(home)
        written = _read_file(folder / FILE)
        values: dict[str, Any] = {"home": folder}
        for name in _TABLE.keys() - {"home"}:
            values[name] = _choose(name, given, written, folder)
        return cls(**values)


_TABLE: Mapping[str, Field[Any]] = {spec.name: spec for spec in fields(Settings)}


def settings_page() -> str:
    """The page ``docs/settings.md``, from the table above."""
    rows = "\n".join(
        f"| `{spec.name}` | `{spec.metadata['env']}` | {_shown_default(spec)} "
        f"| {spec.metadata['help']} |"
        for spec in _TABLE.values()
    )
    return _PAGE.format(rows=rows, file=FILE)


_PAGE = """# Settings

Assay reads its settings once, when a command or a notebook opens it. The highest of these wins:

1. an argument: `Settings.load(threads=2)`, or a command's option;
2. an environment variable;
3. `{file}` in the home folder (not for `home` itself);
4. the default.

| Setting | Environment variable | Default | Meaning |
| --- | --- | --- | --- |
{rows}

In `{file}` each setting is one line, for example:

```yaml
store_url: postgresql://assay@db.example.org/assay
threads: 4
```

An unknown key or a value that does not fit is refused, with the line it stands on.

This page is written from the table in `assay.settings`; a test compares the two.
"""


def _shown_default(spec: Field[Any]) -> str:
    default = str(spec.metadata["default"]).format(home="<home>", user="<user>")
    return "the operating system's user" if default == "<user>" else f"`{default}`"


def _home(argument: Path | None) -> Path:
    spec = _TABLE["home"].metadata
    chosen = argument or os.environ.get(spec["env"]) or spec["default"]
    return Path(os.path.abspath(Path(chosen).expanduser()))  # noqa: PTH100 - keeps links as named


def _read_file(path: Path) -> dict[str, tuple[Any, str]]:
    """Settings written in a file, each with where it stands; none where there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(
            f"{path.name} cannot be read.",
            hint="Make it a readable UTF-8 text file.",
            where=str(path),
        ) from error
    if all(line.strip() == "" or line.lstrip().startswith("#") for line in text.splitlines()):
        return {}
    found = msgspec.to_builtins(parse_yaml(text, _FileRecord, where=str(path)))
    return {name: (value, str(path)) for name, value in found.items()}


def _choose(
    name: str, given: Mapping[str, Any], written: Mapping[str, tuple[Any, str]], home: Path
) -> Any:
    """The value of one setting from the highest place that gives it."""
    spec = _TABLE[name].metadata
    if name in given:
        value, where = given[name], "argument"
    elif os.environ.get(spec["env"]):
        value, where = os.environ[spec["env"]], f"environment variable {spec['env']}"
    elif name in written:
        value, where = written[name]
    else:
        value, where = spec["default"].format(home=home, user=_user()), "default"
    return _CONVERT[str(_TABLE[name].type)](name, value, where)


def _as_path(name: str, value: Any, where: str) -> Path:
    if not isinstance(value, Path):
        value = _as_text(name, value, where)
    return Path(os.path.abspath(Path(value).expanduser()))  # noqa: PTH100 - keeps links as named


def _as_text(name: str, value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidConfig(f"{name}: expected a text.", hint=_help(name), where=where)
    return value


def _as_count(name: str, value: Any, where: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
        raise InvalidConfig(
            f"{name}: expected a whole number from 0 on.", hint=_help(name), where=where
        )
    return int(text)


_CONVERT: Mapping[str, Callable[[str, Any, str], Any]] = {
    "Path": _as_path,
    "str": _as_text,
    "int": _as_count,
}

_FileRecord = msgspec.defstruct(
    "_FileRecord",
    [
        (name, int if str(spec.type) == "int" else str, msgspec.UNSET)
        for name, spec in _TABLE.items()
        if name != "home"
    ],
    forbid_unknown_fields=True,
    omit_defaults=True,
)


def _help(name: str) -> str:
    return str(_TABLE[name].metadata["help"])


def _user() -> str:
    """The operating system's user; its number where it has no name (some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown user"
