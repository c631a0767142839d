"""What pages for people name is there: files, and what links lead to."""

import re

import pytest

from testing.registry import ROOT, default_stack, in_turn

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{page.name}" for page in ROOT.glob("docs/*.md")),
]
FOLDERS = "bench|ci|demo|docs|overlay|patches|planner|recipes|testing|tests|tools"
NAMED = re.compile(rf"(?<![\w/.])(?:{FOLDERS})/[\w./-]*\w\.(?:py|sh|md|toml|txt|json)\b")
# Of another repository, which the page names.
ELSEWHERE = {"docs/llm_rl/sam_decoding.md"}
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page):
    named = set(NAMED.findall((ROOT / page).read_text())) - ELSEWHERE
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    folder = (ROOT / page).parent
    targets = LINK.findall((ROOT / page).read_text())
    assert [target for target in targets if not (folder / target).exists()] == []


def test_the_first_page_lists_stacks_and_releases():
    """A table of a row a stack, the default one first."""
    rows = re.findall(r"^\| (\d{4}\.\d{2}\w*)(, the default)? \|(.*)\|$", README, re.MULTILINE)
    assert [name for name, *_ in rows] == [stack.name for stack in in_turn()]
    assert [name for name, is_default, _ in rows if is_default] == [default_stack().name]
    packages = ("vllm", "vllm_ascend", "verl")
    for stack, (*_, cells) in zip(in_turn(), rows, strict=True):
        for package, cell in zip(packages, cells.split("|"), strict=True):
            known = stack.variants(package) if package in stack.table["packages"] else {}
            listed = known.get(package.replace("_", "-"), [])
            assert cell.strip() == ", ".join(listed)
