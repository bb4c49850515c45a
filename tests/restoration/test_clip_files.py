import sys

import numpy as np
import pytest

from jaxgen.commands import main
from jaxgen.errors import UsageError
from jaxgen.io import images, video_files
from jaxgen.restoration import clip_files
from jaxgen.restoration.clips import ClipRestorer
from jaxgen.restoration.folders import find_photographs
from jaxgen.runs import open_restorer


def half_sum(clips, state):
    """Halves the frame and adds half of what it made of the frame before."""
    state = clips[:, 0] / 2 + (0 if state is None else state / 2)
    return state[:, None], state


NETWORK = ClipRestorer(half_sum, lambda shape: True, 1, 5)
LEVELS = (0.2, 0.8, 0.6)
EXPECTED = (0.1, 0.45, 0.525)


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "clip"
    for name, level in zip(("frame2.png", "frame10.png", "frame9.png"), (0.2, 0.6, 0.8), strict=True):
        images.write(folder / name, np.full((4, 6, 1), level, np.float32))
    return folder


@pytest.fixture
def network(monkeypatch):
    """Lets any run be that network."""
    monkeypatch.setattr(open_restorer, "open_network", lambda *arguments: NETWORK)
    monkeypatch.setattr(open_restorer, "identity", lambda source: "digest")


def command(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main.main(["restore", "--network", "run", *map(str, words)])
    printed = capsys.readouterr()
    return stop.value.code, printed.out, printed.err


def test_frames_are_restored_in_the_order_of_their_numbers(clip, network, capsys):
    status, out, err = command(capsys, clip)
    assert (status, err) == (0, "")
    assert f"{clip}  3 frames from frame2-restored.png on, 6×4 pixels" in out
    for number, level in zip((2, 9, 10), EXPECTED, strict=True):
        np.testing.assert_allclose(images.read(clip / f"frame{number}-restored.png"), level, atol=0.51 / 255)
    assert "3 results are done already" in command(capsys, clip)[1]


def test_a_missing_result_is_made_again_with_the_frames_before_it(clip, network, capsys):
    command(capsys, clip)
    (clip / "frame10-restored.png").unlink()
    before = (clip / "frame9-restored.png").stat().st_mtime_ns
    assert command(capsys, clip)[0] == 0
    np.testing.assert_allclose(images.read(clip / "frame10-restored.png"), EXPECTED[2], atol=0.51 / 255)
    assert (clip / "frame9-restored.png").stat().st_mtime_ns == before


def test_a_changed_frame_makes_the_results_of_all_others_old(clip, network, capsys):
    command(capsys, clip)
    images.write(clip / "frame2.png", np.zeros((4, 6, 1), np.float32))
    status, _, err = command(capsys, clip)
    assert (status, err.count("\n")) == (2, 1) and "--overwrite" in err
    assert command(capsys, clip, "--overwrite")[0] == 0
    np.testing.assert_allclose(images.read(clip / "frame9-restored.png"), LEVELS[1] / 2, atol=0.51 / 255)


def test_what_a_clip_cannot_have_is_refused_before_the_work(clip, network, tmp_path, capsys):
    images.write(tmp_path / "other" / "frame2.png", np.zeros((4, 6, 1), np.float32))
    for words, message in (
        ((clip, "--sigma", 25), "--sigma: it is for networks of photographs"),
        ((clip, "--ensemble"), "--ensemble: it is for networks of photographs"),
        ((clip, tmp_path / "other", "--out", tmp_path / "out"), "would have one result"),
    ):
        status, out, err = command(capsys, *words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err
    (clip / "frame9.png").write_bytes(b"no image")
    status, _, err = command(capsys, clip)
    assert (status, err.count("\n")) == (2, 1) and "a clip needs all of its frames" in err
    assert not list(clip.glob("*-restored*"))


def test_a_video_file_needs_a_package(network, tmp_path, capsys, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    status, out, err = command(capsys, tmp_path / "a.mp4")
    assert (status, out) == (2, "")
    assert err == "jaxgen: a video file needs imageio_ffmpeg: pip install 'jaxgen[video]'\n"


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_a_video_file_keeps_size_and_rate(size, network, tmp_path, capsys):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    like = video_files.Video(tmp_path / "a.mp4", (size[1], size[0]), 12.5, 3, has_sound=False)
    with video_files.writing(like.path, like) as write:
        for level in LEVELS:
            write(np.full((*size, 3), level, np.float32))
    status, out, err = command(capsys, like.path)
    assert (status, err) == (0, "")
    assert f"a-restored.mp4  3 frames of {size[1]}×{size[0]} pixels" in out
    video, frames = video_files.read(tmp_path / "a-restored.mp4")
    assert (video.size, video.fps, video.count) == (like.size, 12.5, 3)
    np.testing.assert_allclose([frame.mean() for frame in frames], EXPECTED, atol=0.01)
    assert ffmpeg.count_frames_and_secs(str(tmp_path / "a-restored.mp4"))[0] == 3
    assert command(capsys, like.path)[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-restored.mp4", "a.mp4"]
    (tmp_path / "b.mp4").write_bytes(b"no video")
    status, _, err = command(capsys, tmp_path / "b.mp4")
    assert (status, err.count("\n")) == (2, 1) and "cannot read the video" in err


def test_the_frames_of_several_folders_are_several_clips(clip, tmp_path):
    images.write(tmp_path / "other" / "a.png", np.zeros((4, 6, 1), np.float32))
    items = find_photographs([tmp_path / "other", clip], ()).photographs
    names = [[item.path.name for item in group] for group in clip_files.group(items)]
    assert names == [["a.png"], ["frame2.png", "frame9.png", "frame10.png"]]


def test_a_run_of_clips_restores_no_single_image(network):
    with pytest.raises(UsageError, match="this run restores clips and no single images"):
        open_restorer.open_restorer("run")
