"""Published weights that are not there."""

import pytest

from jaxgen.commands.converters import inception, vgg
from jaxgen.errors import UsageError


@pytest.mark.parametrize("converter", [inception, vgg], ids=["inception", "vgg"])
def test_a_missing_file_is_one_line_that_says_where_it_comes_from(converter, tmp_path):
    with pytest.raises(UsageError, match=r"no file .*absent\.pth: download it from https://"):
        converter.convert(tmp_path / "absent.pth", tmp_path / "x.safetensors")
