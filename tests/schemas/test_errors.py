from __future__ import annotations

import pytest

from gongyu_schemas import errors, exit_codes

CODES = {
    errors.GongyuError: 1,
    errors.FatalError: 1,
    errors.ConfigError: 2,
    errors.KafkaUnavailable: 3,
    errors.TransientError: 3,
    errors.DatabaseError: 4,
    errors.DataRejected: 5,
}


def test_the_exit_codes_are_the_documented_ones() -> None:
    codes = [exit_codes.OK, exit_codes.FATAL, exit_codes.USAGE, exit_codes.KAFKA, exit_codes.DATABASE, exit_codes.REJECTED]
    assert codes == [0, 1, 2, 3, 4, 5]


@pytest.fixture(autouse=True)
def _not_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GONGYU_DEBUG", raising=False)


@pytest.mark.parametrize(("error", "code"), CODES.items())
def test_an_error_ends_the_command_with_one_line_and_its_code(
    error: type[errors.GongyuError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, errors.reported():
        raise error("the file is empty; give another")
    assert ended.value.code == code
    assert capsys.readouterr() == ("", "error: the file is empty; give another\n")


def test_a_body_that_succeeds_does_not_end_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    with errors.reported():
        pass
    assert capsys.readouterr() == ("", "")


def test_debugging_shows_the_traceback_as_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GONGYU_DEBUG", "1")
    with pytest.raises(SystemExit), errors.reported():
        raise errors.ConfigError("wrong")
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("error: wrong\n")


def test_ctrl_c_ends_the_command_as_a_shell_expects() -> None:
    with pytest.raises(SystemExit) as ended, errors.reported():
        raise KeyboardInterrupt
    assert ended.value.code == 130


def test_our_own_mistake_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), errors.reported():
        _ = 1 / 0


def test_an_exit_code_of_the_body_is_kept() -> None:
    with pytest.raises(SystemExit) as ended, errors.reported():
        raise SystemExit(exit_codes.REJECTED)
    assert ended.value.code == exit_codes.REJECTED
