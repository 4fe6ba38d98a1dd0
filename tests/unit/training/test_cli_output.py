import pytest

from training.cli.output import to_go_on


def test_an_interrupted_command_says_how_to_go_on_and_ends(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(KeyboardInterrupt), to_go_on("Again with --resume."):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "Interrupted. Again with --resume.\n"


def test_an_error_is_not_an_interruption(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(ValueError, match="wrong"), to_go_on("Again."):
        raise ValueError("wrong")
    assert not capsys.readouterr().err
