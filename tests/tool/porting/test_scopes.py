"""Which class or function each line belongs to."""

from specroll.porting.release import Source
from specroll.porting.scopes import Scopes

# Each line with the scope that it belongs to.
LINES = """\
import os                        |
# of the module                  |
                                 |
@decorated                       | f
# of what it is between          | f
def f(                           | f
    x,                           | f
):                               | f
    def inner():                 | f.inner
        return x                 | f.inner
        # of inner               | f.inner
                                 | f
    # of f                       | f
    return inner                 | f
    # still of f                 | f
# of the module again            |
                                 |
class A:                         | A
    FIELD = 1                    | A
    # of the class               | A
                                 | A
    if os:                       | A
        async def g(self): ...   | A.g
                                 | A
        # of the if              | A
    else:                        | A
        def h(self):             | A.h
            \"\"\"Text           | A.h
# not a comment                  | A.h
            \"\"\"               | A.h
                                 | A
    class B:                     | A.B
        C = 1                    | A.B
                                 |
    # of the class A             | A
                                 |
a = 1                            |
"""


def test_every_line():
    texts, names = zip(*(line.split("|") for line in LINES.splitlines()), strict=True)
    source = Source.parse("p/x.py", "\n".join(text.rstrip() for text in texts).encode())
    scopes = Scopes(source)
    found = [scopes.holder(line) for line in range(len(texts))]
    assert list(zip(texts, found, strict=True)) == list(
        zip(texts, (name.strip() for name in names), strict=True)
    )


def test_a_file_that_begins_with_comments():
    scopes = Scopes(Source.parse("p/x.py", b"# a\n# b\n\ndef f(): ...\n"))
    assert [scopes.holder(line) for line in range(4)] == ["", "", "", "f"]
