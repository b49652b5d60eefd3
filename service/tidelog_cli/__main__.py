"""The entry point: `tidelog`, or `python -m tidelog_cli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command and end the process with a code of `tidelog_cli.exits`.

    A bare install of `tidelog` has this entry point without what the command needs: that is said in a
    sentence that names the missing extra, not in a traceback.
    """
    try:
        from tidelog_cli.app import run  # noqa: PLC0415 - on a bare install this import is what fails
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tidelog"):
            raise
        sys.stderr.write(f"tidelog: the command needs {error.name}, which is not installed [missing_extra]\n")
        sys.stderr.write("hint: pip install 'tidelog[service]'\n")
        sys.exit(1)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
