"""One small script a stage: `python -m stages.<name>`, run by DVC from the repository's root.

Importing this package decides how a stage ends: with one line for an error that a user can correct, and without
half-written files when it is stopped. A stage waits while another process runs the same stage.
"""

import fcntl
import os
import signal
import sys
from pathlib import Path

from rayling.common.errors import print_error

LOCKS = Path("data/.locks")


def _stop(number, frame):
    """Leave through `finally` blocks, so that nothing half-written stays, with the shell's exit status for signals."""
    if not _in_main(frame):  # an exception during an import, or at exit, would end in a traceback
        os.write(2, b"interrupted\n")
        os._exit(128 + number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _in_main(frame):
    """Whether the stage's own script is running and imports nothing at the moment."""
    running = set()
    while frame:
        running |= {frame.f_globals.get("__name__"), frame.f_code.co_filename}
        frame = frame.f_back
    return "__main__" in running and "<frozen importlib._bootstrap>" not in running


def _lock():
    """Wait while another process runs this stage here, such as one whose DVC was killed. Returns the lock's file."""
    if not Path("params.yaml").exists():
        return None  # not the repository's root, as the stage will say
    name = "-".join(Path(word).name for word in sys.orig_argv[2:])  # python -m stages.dump teacher
    LOCKS.mkdir(parents=True, exist_ok=True)
    lock = (LOCKS / name).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another run of {name} in this folder to end", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        print(f"{lock.name}: this file system has no locks ({error.strerror}): run no stage twice at once", flush=True)
    return lock


sys.excepthook = print_error
is_stage = sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2].startswith("stages.")
if is_stage and "RAYLING_LAUNCHER" not in os.environ:  # of several processes the launcher has signals and lock
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # ignored in the background of a script
        signal.signal(signal.SIGINT, _stop)
    _locked = _lock()  # until the process ends
