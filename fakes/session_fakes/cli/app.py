"""The group of all commands: how they fail, and with which exit code."""

from __future__ import annotations

import io
import sys
import traceback
from typing import Any

import click

from session_fakes.cli import ask, change, demo, doctor, measure, run, sequence, up
from session_fakes.cli.text import safe
from session_fakes.errors import FakeError

WRONG_USAGE = 2
FAULT_OF_THE_FAKES = 4
INTERRUPTED = 130


class Commands(click.Group):
    """A group whose commands end with a sentence and an exit code, whatever happens."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        """Run a command; translate its errors in this one place."""
        try:
            return super().invoke(ctx)
        except FakeError as error:
            raise _Failure(str(error), getattr(error, "exit_code", WRONG_USAGE)) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            raise
        except Exception as error:  # what nobody foresaw shall end with a sentence as well
            traceback.print_exc()
            text = f"a fault of session-fakes, please report it: {error!r}"
            raise _Failure(text, FAULT_OF_THE_FAKES) from None


class _Failure(click.ClickException):
    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.code = exit_code

    def show(self, file: Any = None) -> None:  # noqa: ANN401, ARG002 - as click declares it
        text = safe(self.message, keep="\n")
        click.echo(f"session-fakes: {text}", err=True)


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "SESSION_FAKES",
    },
)
@click.version_option(package_name="session-contract", message="session-fakes %(version)s")
def cli() -> None:
    """Run measurement plug-ins offline, on a fake of NI's services.

    \b
    session-fakes run -- python measurement.py     a station, and the plug-in on it
    session-fakes measure "My Measurement"         in a second terminal
    session-fakes up --pin-map station.pinmap      a station that stays, with a live view

    Every flag has an environment variable, named in its help; the flag wins.

    \b
    Exit codes:
      0  done
      1  a measurement or a check of doctor failed; run ends with the code of its command
      2  wrong usage, or a request that the station refused
      3  no station is running, or it cannot be reached
      4  a fault of session-fakes itself
      130  interrupted with Ctrl-C
    """


for _command in (
    up.up,
    run.run,
    measure.measure,
    demo.demo,
    sequence.sequence,
    ask.env,
    ask.services,
    ask.who,
    ask.calls,
    change.fault,
    change.clock,
    change.release,
    change.reset,
    change.down,
    doctor.doctor,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command; texts that the console cannot show are replaced, never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.code if isinstance(error, _Failure) else error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on: what is still in the buffers cannot be written at exit either.
        sys.stdout = io.StringIO()
        code = 0
    sys.exit(code or 0)
