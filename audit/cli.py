"""The command line. The commands are in `audit/commands/`; they are joined here, and errors become messages.

Commands import what they need when they run: `clip-audit --help` must not wait for torch.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from audit.commands import (
    annotate,
    cache,
    calibrate,
    compare,
    curate,
    data,
    embed,
    evaluate,
    evidence,
    figures,
    forget,
    gate,
    mitigate,
    model,
    plan,
    probe,
    recipes,
    report,
    run,
    show,
    view,
)
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


class Commands(TyperGroup):
    """Turns a user's mistake into two lines and exit code 2, and Ctrl-C into exit code 130."""

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
app.command("run", epilog=run.EPILOG)(run.run)
app.command("gate", epilog=gate.EPILOG)(gate.gate)
app.command("compare", epilog=compare.EPILOG)(compare.compare)
app.command("calibrate", epilog=calibrate.EPILOG)(calibrate.calibrate)
app.command("embed", epilog=embed.EPILOG)(embed.embed)
app.command("plan", epilog=plan.EPILOG)(plan.plan)
app.command("report", epilog=report.EPILOG)(report.report)
app.command("show", epilog=show.EPILOG)(show.show)
app.command("view", epilog=view.EPILOG)(view.view)
app.command("figures", epilog=figures.EPILOG)(figures.figures)
app.command("evidence", epilog=evidence.EPILOG)(evidence.evidence)
app.command("mitigate", epilog=mitigate.EPILOG)(mitigate.mitigate)
app.add_typer(recipes.app, name="train")
app.add_typer(probe.app, name="probe")
app.add_typer(data.app, name="data")
app.add_typer(model.app, name="model")
app.add_typer(curate.app, name="curate")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(cache.app, name="cache")
data.app.command("forget", epilog=forget.EPILOG)(forget.forget)
data.app.command("annotate", epilog=annotate.EPILOG)(annotate.annotate)


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
