"""What the commands beside the pipeline share: params.yaml, and how they end when something is wrong."""

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError

from ruamel.yaml import YAML

from distill.errors import BadInput


def parameters() -> dict:
    """The whole of params.yaml, as it stands. Raises `BadInput` if the study that is to run is not in it."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    if params["study"] not in params["studies"]:
        raise BadInput(f"params.yaml: study: found {params['study']!r}, expected one of {', '.join(params['studies'])}")
    return params


def run(main: Callable[[], None]) -> None:
    """Call `main`; tell in one line what a user can mend: bad input, a file not to be read, a program that failed."""
    try:
        main()
    except (BadInput, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("broken off")
    except CalledProcessError as error:
        sys.exit(f"error: {' '.join(error.cmd)}: {' '.join((error.stderr or '').split()) or 'failed'}")
