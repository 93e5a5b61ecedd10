"""README.md, docs/ and sky.yaml agree with the repository."""

import re
import subprocess

import pytest
import yaml

from tests.tiny import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def names(pages) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def anchors(page) -> set[str]:
    """The headings of a page as GitHub names them in links."""
    titles = re.findall(r"^#+ +(.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_to_this_repository_leads_somewhere(page):
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    assert not re.search(r"@[A-Z]+@", text)  # a figure that was to be filled in
    # [text](target), and [name]: target at the start of a line
    for link in re.findall(r"(?:\]\(|^\[\w+\]: )(?!https?:|mailto:)([^)\s]+)", text, re.MULTILINE):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or target.suffix != ".md" or anchor in anchors(target), link


LIVING = [page for page in PAGES if not page.is_relative_to(ROOT / "docs/log")]  # the log names files that are gone


@pytest.mark.parametrize("page", LIVING, ids=names(LIVING))
def test_the_files_of_code_that_a_page_names_exist(page):
    for name in re.findall(r"`((?:rayling|stages|tests|web)/[\w/.-]+\.\w+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


def test_the_readme_is_short_and_names_its_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    for command in ("make", "make test"):
        assert re.search(rf"^\$ {command}( +#.*)?$", text, re.MULTILINE), command


def test_the_page_for_developers_names_every_module():
    text = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    for module in ROOT.glob("rayling/*/**/*.py"):
        folder = module.parent.name  # the readers stand as one; page/files is copied from web/
        if not module.stat().st_size or folder == "files":
            continue
        if folder != "readers":
            assert re.search(rf"^ +(\w+, )*{module.stem}\b", text, re.MULTILINE), module
        assert f"  {folder}/" in text, module


def test_the_task_for_skypilot_has_the_keys_that_it_documents():
    task = yaml.safe_load((ROOT / "sky.yaml").read_text(encoding="utf-8"))
    assert set(task) <= {"name", "resources", "workdir", "num_nodes", "envs", "secrets", "file_mounts", "setup", "run"}
    assert set(task["resources"]) <= {"accelerators", "cpus", "memory", "disk_size", "infra", "use_spot", "image_id"}
    assert all(isinstance(value, str) for value in task["envs"].values())
    for script in (task["setup"], task["run"]):
        assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
    assert set(re.findall(r"\$(\w+)", task["run"])) == set(task["envs"])
