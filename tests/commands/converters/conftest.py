import pytest

from jaxgen.commands.main import main


@pytest.fixture
def convert(capsys):
    """Returns a function that runs `jaxgen convert` and returns what it prints."""

    def convert(*words):
        with pytest.raises(SystemExit) as stop:
            main(["convert", *map(str, words)])
        assert stop.value.code == 0
        return capsys.readouterr().out

    return convert
