"""What pages for people name is there: files, and what links lead to."""

import re

import pytest

from testing.registry import ROOT

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{page.name}" for page in ROOT.glob("docs/*.md")),
]
FOLDERS = "bench|ci|demo|docs|overlay|patches|planner|recipes|testing|tests|tools"
NAMED = re.compile(rf"(?<![\w/.])(?:{FOLDERS})/[\w./-]*\w\.(?:py|sh|md|toml|txt|json)\b")
# Of another repository, which the page names.
ELSEWHERE = {"docs/llm_rl/sam_decoding.md"}
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
