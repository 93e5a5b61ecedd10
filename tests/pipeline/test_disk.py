"""A full disk: one line, and nothing lost."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.graph import STAGES, within
from tests.pipeline.test_harm import KEPT, digests
from tests.tiny import LONG, environment

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# A disk of just the size that the files of the study and a part of what is to be written take
FULL = """
set -e
mount -t tmpfs -o size=1g none full
cp -a clone/. full/
cd full
rm -rf $OUTS
mount -o remount,size=$(( $(df -B1 --output=used . | tail -1) + ROOM )) .
set +e
python -m $STAGE > ../said 2>&1
echo $? > ../status
cp -a . ../left
"""
# One stage for each way to write: HDF5, HDF5 piece by piece, weights and checkpoints, JSON, a folder of pictures
WRITERS = ("prepare", "dump@teacher", "train_student", "controls", "cases")
SHARES = (0, 0.3, 0.6, 0.9) if LONG else (0.5,)  # of what is to be written


def mounts() -> bool:
    """Whether a disk of one's own size can be had here."""
    return shutil.which("unshare") and not subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not mounts(), reason="needs Linux with user namespaces, to mount a small disk"),
]


@pytest.fixture(scope="module")
def before(clone):
    """The clone without what git and DVC keep in it."""
    for name in {file.name for file in clone.iterdir()} - set(KEPT):
        shutil.rmtree(clone / name) if (clone / name).is_dir() else (clone / name).unlink()
    return clone


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("stage", STAGES if LONG else WRITERS)
def test_a_full_disk_is_told_in_one_line_and_loses_nothing(before, tmp_path, stage, share):
    outs = STAGES[stage].outs
    (tmp_path / "full").mkdir()
    (tmp_path / "clone").symlink_to(before)
    whole = digests(before)
    written = {name for name in whole if within(name, outs)}
    room = 4096 * int(share * sum(-(-(before / name).stat().st_size // 4096) for name in written))
    about = environment(STAGE=STAGES[stage].command, OUTS=" ".join(outs), ROOM=str(room))
    subprocess.run([*NAMESPACE, "sh", "-c", FULL], cwd=tmp_path, env=about, check=True)
    said, left = (tmp_path / "said").read_text().splitlines(), digests(tmp_path / "left")
    assert (tmp_path / "status").read_text() == "1\n"
    names = {str(Path(name).parent / f".{Path(name).name}") for name in outs} | outs
    names |= {"data/prepare", "data/checkpoints/"}  # where `prepare` and training work
    assert said[-1].startswith("error: ") and any(name in said[-1] for name in names), said
    assert "No space left on device" in said[-1] or "MB free on the disk" in said[-1], said
    assert not [line for line in said if "Traceback" in line or "Exception" in line]
    assert {name: left[name] for name in whole.keys() - written} == {
        name: whole[name] for name in whole.keys() - written
    }
    assert not {name for name in left.keys() - whole.keys() if not name.startswith("data/checkpoints/")}
    assert all(left[name] == whole[name] for name in written & left.keys())
