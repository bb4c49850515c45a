import numpy as np
import pytest
import scipy.io

from jaxgen.commands.converters import niqe
from jaxgen.errors import UsageError
from jaxgen.evaluation import perceptual
from jaxgen.io import weights

rng = np.random.default_rng(0)
MEAN = rng.uniform(0.5, 3, 36)
FACTOR = rng.normal(size=(36, 50))
COVARIANCE = FACTOR @ FACTOR.T


@pytest.mark.parametrize("suffix", ["mat", "npz"])
def test_published_moments_become_parameters_that_the_metric_reads(suffix, tmp_path, convert):
    source, target = tmp_path / f"published.{suffix}", tmp_path / "niqe.safetensors"
    if suffix == "mat":
        # The authors' mean is a row.
        scipy.io.savemat(source, {"mu_prisparam": MEAN[None], "cov_prisparam": COVARIANCE})
    else:
        np.savez(source, mu_pris_param=MEAN[None], cov_pris_param=COVARIANCE, gaussian_window=np.eye(7))
    printed = convert("niqe", source, target)
    assert printed == f"{target}: sha256 {weights.digest(target)}\n"
    variables, card = weights.read(target)
    np.testing.assert_allclose(variables["mean"], MEAN, rtol=1e-6)
    white = variables["whitening"].astype(np.float64)
    np.testing.assert_allclose(white @ COVARIANCE @ white.T, np.eye(36), atol=1e-4)
    assert card["data"] == f"published.{suffix}, sha256 {weights.digest(source)}"
    # Instead of the shipped ones.
    network = perceptual.load(["niqe"], [target])["niqe"]
    assert network.about == f"NIQE of {card['data']}, file of sha256 {weights.digest(target)[:8]}"
    np.testing.assert_allclose(network.variables["mean"], MEAN, rtol=1e-6)


def test_other_files_are_refused(tmp_path):
    def refused(name, message):
        with pytest.raises(UsageError, match=message) as caught:
            niqe.convert(tmp_path / name, tmp_path / "x.safetensors")
        assert "\n" not in str(caught.value)

    scipy.io.savemat(tmp_path / "other.mat", {"mu_prisparam": MEAN})
    refused("other.mat", r"other\.mat holds no mu_prisparam and cov_prisparam")
    scipy.io.savemat(tmp_path / "short.mat", {"mu_prisparam": MEAN[:35], "cov_prisparam": COVARIANCE})
    refused("short.mat", r"short\.mat: moments of shapes \(35,\), \(36, 36\)")
    scipy.io.savemat(tmp_path / "singular.mat", {"mu_prisparam": MEAN, "cov_prisparam": 0 * COVARIANCE})
    refused("singular.mat", "all must be positive; give NIQE's parameters, which are in http")
    np.savez(tmp_path / "other.npz", a=MEAN)
    refused("other.npz", "holds no mu_pris_param and cov_pris_param")
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    refused("damaged.npz", "holds no mu_pris_param and cov_pris_param")
    refused("absent.mat", r"no file .*absent\.mat: it is in http")
    refused("x.pth", r"no file .*x\.pth")
    assert not (tmp_path / "x.safetensors").exists()
