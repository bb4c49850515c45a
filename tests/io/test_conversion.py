import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.io import conversion, photographs

RNG = np.random.default_rng(0)
SHAPES = ((5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4), (2, 5, 7, 1), (2, 5, 7, 3), (2, 5, 7, 4))


def random_values(shape, dtype):
    if dtype == np.uint8:
        return RNG.integers(0, 256, shape, np.uint8)
    return RNG.uniform(0, 1, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_array_comes_back_with_its_shape_type_and_values(shape, dtype):
    image = random_values(shape, dtype)
    given = conversion.read(image)
    assert [one.pixels.shape[-1] for one in given.photographs] == [3 if shape[-1] >= 3 and len(shape) > 2 else 1] * len(
        given.photographs
    )
    assert all(one.pixels.dtype == np.float32 for one in given.photographs)
    assert given.is_batch == (len(shape) == 4)
    result = given.rebuild(given.photographs)
    assert type(result) is np.ndarray
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    np.testing.assert_allclose(result, image, atol=1e-7)


def test_a_jax_array_comes_back_as_one():
    image = jnp.asarray(random_values((5, 7, 3), np.float32))
    given = conversion.read(image)
    result = given.rebuild(given.photographs)
    assert isinstance(result, jax.Array)
    np.testing.assert_array_equal(result, image)
    assert isinstance(given.to_array(np.zeros(3)), jax.Array)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_pillow_image_comes_back_with_its_mode_and_metadata(mode):
    image = Image.fromarray(random_values((5, 7, 4), np.uint8)).convert(mode)
    image.info["icc_profile"] = b"profile"
    given = conversion.read(image)
    result = given.rebuild(given.photographs)
    assert (result.mode, result.size) == (mode, image.size)
    assert result.info["icc_profile"] == b"profile"
    np.testing.assert_array_equal(np.asarray(result), np.asarray(image))


def test_sixteen_bits_of_gray_keep_their_values():
    values = RNG.integers(0, 65536, (5, 7)).astype(np.uint16)
    image = Image.fromarray(values)
    given = conversion.read(image)
    result = given.rebuild(given.photographs)
    assert result.mode == image.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(result), values)


def test_a_path_gives_a_pillow_image_with_profile_and_exif(tmp_path):
    exif = Image.Exif()
    exif[271] = "maker"
    path = tmp_path / "photo.jpg"
    Image.fromarray(random_values((8, 8, 3), np.uint8)).save(path, icc_profile=b"profile", exif=exif)
    given = conversion.read(str(path))
    result = given.rebuild(given.photographs)
    assert isinstance(result, Image.Image)
    assert result.info["icc_profile"] == b"profile"
    reread = Image.Exif()
    reread.load(result.info["exif"])
    assert reread[271] == "maker"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.int64), "int64"),
        (np.zeros((4, 4), np.uint16), "uint16"),
        (np.zeros((4, 4), bool), "bool"),
        (np.full((4, 4), 25.0), "from 25 to 25"),
        (np.full((4, 4), -0.1), "from -0.1"),
        (np.full((4, 4), np.nan), "nan"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((3, 4, 5), np.uint8), r"\(3, 4, 5\)"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        (np.zeros((0, 4), np.uint8), r"\(0, 4\)"),
        (Image.new("P", (4, 4)), "mode P"),
        (Image.new("CMYK", (4, 4)), "mode CMYK"),
        ([[0.0]], "list"),
        (None, "NoneType"),
    ],
)
def test_anything_else_is_refused(image, message):
    with pytest.raises(UsageError, match=message):
        conversion.read(image)


def test_a_traced_image_is_refused_with_the_way_inside_a_program():
    with pytest.raises(UsageError, match=r"traced by jax.jit.* see jaxgen.restoration.pretrained.read"):
        jax.eval_shape(conversion.read, jax.ShapeDtypeStruct((4, 4), "float32"))


def test_values_beyond_the_range_by_rounding_are_clipped():
    (one,) = conversion.read(np.array([[-1e-6, 1 + 1e-6]])).photographs
    np.testing.assert_array_equal(one.pixels[..., 0], [[0, 1]])


def test_the_suffix_of_a_file_names_its_format(tmp_path):
    photograph = photographs.Photograph(np.full((4, 4, 3), 0.5, np.float32), bits=16)
    conversion.write(tmp_path / "a.tif", photograph)
    assert photographs.read(tmp_path / "a.tif")[2:4] == ("TIFF", 16)
    with pytest.raises(UsageError, match=r"\.webp"):
        conversion.write(tmp_path / "a.xyz", photograph)
