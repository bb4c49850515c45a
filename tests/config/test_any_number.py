import importlib
import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxgen.config.base import check, replace_option
from jaxgen.errors import UsageError
from jaxgen.fields import flat_values, ranges
from jaxgen.runs.experiment_copy import PACKAGE, installed_experiments

NUMBERS = st.one_of(st.integers(), st.integers(-2, 2), st.floats(), st.sampled_from([10**400, 2**31, math.nan, 1e300]))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(installed_experiments())), number=NUMBERS, position=st.integers(0, 500))
@example(name="denoise", number=math.nan, position=0)
def test_any_number_of_any_option_is_taken_or_refused_in_one_line(name, number, position):
    kind = importlib.import_module(f"{PACKAGE}.{name}").Config
    bounded = sorted(field for field, value in flat_values(kind()) if field in ranges(kind) and is_number(value))
    option = bounded[position % len(bounded)]
    try:
        check(replace_option(kind(), option, number))
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert number in ranges(kind)[option]


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
