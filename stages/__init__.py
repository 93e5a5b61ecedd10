"""One small script a stage: `python -m stages.<name>`, run by DVC from the repository's root."""

import fcntl
import os
import signal
import sys
from pathlib import Path

from distill.errors import BadInput

LOCKS = Path("data/.locks")


def _tell(kind, error, trace):
    """One line for what a user can mend (bad input, a full disk, a file not to be read) or did; else the traceback."""
    if issubclass(kind, BadInput | OSError):
        print("error:", " ".join(str(error).split()), file=sys.stderr)
    elif issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _end(number, frame):
    """Leave as at the end, so that nothing half-written stays; the status is the shell's for signals."""
    if not _at_work(frame):  # an exception in an import, or in what libraries do last, would end in a traceback
        os.write(2, b"interrupted\n")
        os._exit(128 + number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _at_work(frame):
    """Whether the stage's own script is running, and imports nothing just now."""
    running = set()
    while frame:
        running |= {frame.f_globals.get("__name__"), frame.f_code.co_filename}
        frame = frame.f_back
    return "__main__" in running and "<frozen importlib._bootstrap>" not in running


def _alone():
    """Wait while another process runs this very stage here: one whose DVC was killed would go on writing beside us."""
    name = "-".join(Path(word).name for word in sys.orig_argv[2:])  # python -m stages.dump teacher
    LOCKS.mkdir(parents=True, exist_ok=True)
    lock = (LOCKS / name).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waits for another run of {name} in this folder to end", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        print(f"{lock.name}: this file system has no locks ({error.strerror}): run no stage twice at once", flush=True)
    return lock  # the lock ends with the process


sys.excepthook = _tell
if sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2].startswith("stages."):
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as in the background of a script
        signal.signal(signal.SIGINT, _end)
    _lock = _alone()
