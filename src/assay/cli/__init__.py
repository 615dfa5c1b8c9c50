"""The command line: the SDK, spoken. Each command parses, calls one method, and prints."""

from __future__ import annotations

import typer

from assay.cli import (
    assess,
    automl,
    causal,
    data,
    deploy,
    export,
    ledger,
    lifecycle,
    machine,
    policy,
    registry,
    runs,
)
from assay.cli.terminal import print_error
from assay.errors import AssayError

app = typer.Typer(
    name="assay",
    help="From a business question and a table to a signed model that you can stand behind.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    lifecycle,
    data,
    automl,
    runs,
    assess,
    causal,
    policy,
    registry,
    deploy,
    export,
    ledger,
    machine,
):
    room.register(app)


def main() -> None:
    """Run the command line; exit codes are those of `assay.errors`, 130 on Ctrl-C."""
    try:
        app()
    except AssayError as error:
        print_error(error, as_json=False)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
