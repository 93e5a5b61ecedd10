"""Which state of the code made something."""

import subprocess

MADE_BY = ("distill", "stages", "dvc.yaml", "params.yaml", "requirements.txt")


def told() -> str:
    """The last commit that changed the code or the parameters, in words, and what has changed since."""
    try:
        found = _git("log", "-1", "--format=%H", "--", *MADE_BY).strip() or "none yet"
        changed = [line[3:] for line in _git("status", "--porcelain", "--", *MADE_BY).splitlines()]
    except (OSError, subprocess.CalledProcessError):
        return "Made outside a git repository"
    since = f", with changes in {', '.join(changed)} that are not committed" if changed else ""
    return f"Made by commit {found}{since}"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout
