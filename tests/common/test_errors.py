"""An error that a user can correct is one line, a bug keeps its traceback."""

import subprocess
import sys

import pytest

from rayling.common.errors import LONGEST, BadInput, print_error, run_command


def raising(error):
    def main():
        raise error

    return main


def failing_program():
    program = [sys.executable, "-c", "import sys; sys.exit('no\\nway')"]
    subprocess.run(program, check=True, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("main", "status", "message"),
    [
        (raising(BadInput("a.csv: found x,\nexpected y")), 1, "error: a.csv: found x, expected y\n"),
        (raising(FileNotFoundError(2, "No such file", "a.csv")), 1, "error: [Errno 2] No such file: 'a.csv'\n"),
        (failing_program, 1, ": no way\n"),
        (raising(subprocess.CalledProcessError(3, ["git", "log"])), 1, "error: git log: failed with status 3\n"),
        (raising(KeyboardInterrupt()), 130, "interrupted\n"),
    ],
)
def test_what_a_user_can_correct_is_one_line_and_on_request_has_a_traceback(capsys, monkeypatch, main, status, message):
    with pytest.raises(SystemExit) as exit_:
        run_command(main)
    printed = capsys.readouterr().err
    assert exit_.value.code == status
    assert printed.endswith(message) and printed.count("\n") == 1
    monkeypatch.setenv("RAYLING_TRACEBACK", "1")
    with pytest.raises(SystemExit):
        run_command(main)
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(capsys):
    with pytest.raises(ZeroDivisionError) as caught:
        run_command(lambda: 1 / 0)
    print_error(ZeroDivisionError, caught.value, caught.tb)
    assert "Traceback" in capsys.readouterr().err


def test_a_message_is_one_printable_line_and_not_too_long():
    assert str(BadInput("a\n  b\x1b[31m")) == "a b\\x1b[31m"
    text = str(BadInput("first " + 9999 * "x" + " last"))
    assert text.startswith("first ") and text.endswith(" last") and len(text) == LONGEST + len(" ... ")
