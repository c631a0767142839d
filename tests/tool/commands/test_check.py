"""`check` says what is left to do."""


def test_check_says_what_is_left_to_do(on_target):
    assert on_target("check").code == 1
    on_target("apply")
    result = on_target("check")
    assert (result.code, result.out.splitlines()[-1]) == (0, "stack 1.0: nothing to do")
