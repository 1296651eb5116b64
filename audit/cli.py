"""The command line. The commands are in `audit/commands/`; they are joined here, and errors become messages.

A command's module is imported when the command is named, and imports what it needs when it runs: neither
`clip-audit --help` nor `clip-audit run` must wait for what others need.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from audit.commands.console import terminal
from audit.csv_cells import raw_csv
from clipmodel import __version__
from clipmodel.errors import UserError

# 2 is the code of wrong usage in Click as well; 130 is 128 + SIGINT, as shells report it.
USER_ERROR, INTERRUPTED = 2, 130
KEPT = {
    "run": "the embeddings computed so far are kept; run the same command to resume",
    "embed": "finished parts are kept; run the same command to resume",
    "calibrate": "the tables and models made so far are kept; run the same command to resume",
    "evaluate": "results and embeddings made so far are kept; run the same command to resume",
    "train": "the training state is kept; run the same command to resume",
}

COMMANDS: Final = (
    "run", "gate", "compare", "calibrate", "embed", "plan", "report", "show", "view", "figures", "evidence",
    "mitigate", "train", "probe", "data", "model", "curate", "evaluate", "cache",
)  # fmt: skip
"""In the order of the help. The module of one has an `app` of commands, or a function of its name."""
MODULES: Final[Mapping[str, str]] = {"train": "recipes"}
"""Those whose module has another name."""
ADDED: Final[Mapping[str, tuple[str, ...]]] = {"data": ("forget", "annotate")}
"""Commands of a group that have modules of their own."""


@cache
def _built(name: str) -> Any:
    """A command, or a group of commands, as Click has it."""
    module = import_module(f"audit.commands.{MODULES.get(name, name)}")
    alone = typer.Typer(rich_markup_mode="rich", add_completion=False)
    alone.callback()(_nothing)  # with it, Typer makes a group even of one command
    if hasattr(module, "app"):
        for added in ADDED.get(name, ()):
            _add(module.app, added, import_module(f"audit.commands.{added}"))
        alone.add_typer(module.app, name=name)
    else:
        _add(alone, name, module)
    group: Any = typer.main.get_command(alone)
    return group.commands[name]


def _add(app: typer.Typer, name: str, module: Any) -> None:
    app.command(name, epilog=module.EPILOG)(getattr(module, name))


def _nothing() -> None:
    return None


class _NamedCommands(Mapping[str, Any]):
    """All commands by name; one is built when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        return _built(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(TyperGroup):
    """Builds only the command that is called, and turns its errors into messages.

    A user's mistake is two lines and exit code 2, Ctrl-C is exit code 130.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _NamedCommands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        try:
            with terminal.plain_warnings():
                return super().invoke(ctx)
        except UserError as error:
            terminal.explain(error)
            raise typer.Exit(USER_ERROR) from error
        except OSError as error:
            if (told := _of_the_system(error)) is None:
                raise
            terminal.explain(told)
            raise typer.Exit(USER_ERROR) from error
        except KeyboardInterrupt as error:
            kept = KEPT.get(ctx.invoked_subcommand or "")
            terminal.ERR.print(f"interrupted; {kept}" if kept else "interrupted", soft_wrap=True)
            raise typer.Exit(INTERRUPTED) from error


# Of the disk, the path or the rights; EINVAL, EBADF, EEXIST and ENOTEMPTY would be mistakes of ours.
SYSTEM_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        "ENOENT", "ENOTDIR", "EISDIR", "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO",
        "ENXIO", "ENODEV", "ENAMETOOLONG", "ELOOP", "EMFILE", "ENFILE", "EBUSY", "ETXTBSY", "ESTALE",
        "EXDEV", "ETIMEDOUT", "ENOTCONN",
    )
    if hasattr(errno, name)
)  # fmt: skip
INSTALLED = tuple(Path(__file__).resolve().parents[1] / name for name in ("audit", "clipmodel", "probes"))


def _of_the_system(error: OSError) -> UserError | None:
    """What the system says of a path: a disk that is full or gone, a name too long, a file that vanished.

    None for what is no path's fault, such as a pipe that its reader closed, and for files of the
    installation, whose names come from the program: those keep their traceback.
    """
    from clipmodel.yaml_models import shortened

    if error.filename is None or error.errno not in SYSTEM_ERRORS:
        return None
    # A number is a file that was open already, which has no name any more.
    name = str(error.filename) if isinstance(error.filename, int) else os.fsdecode(error.filename)
    if any(Path(name).is_relative_to(folder) for folder in INSTALLED):
        return None
    return UserError(
        f"{shortened(name)}: {error.strerror}", remedy="check the path, its disk and your rights"
    )


app = typer.Typer(
    cls=Commands,
    name="clip-audit",
    no_args_is_help=True,
    rich_markup_mode="rich",
    # Typer's own tracebacks print local variables, among them paths and labels.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clip-audit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    *,
    raw: Annotated[
        bool,
        typer.Option("--raw-csv", help="Leave words in CSV files that a spreadsheet would run as they are."),
    ] = False,
) -> None:
    """Audit CLIP-like models for bias.

    Example: [bold]clip-audit run[/bold] audits the bundled model with the suite quickstart on the
    embedded emoji.
    """
    context.with_resource(raw_csv(raw))


def main() -> None:
    """Run the command line; the console script calls it by way of `audit.start`."""
    terminal.accept_any_sign()
    app()


if __name__ == "__main__":
    main()
