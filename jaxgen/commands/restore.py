"""`jaxgen restore`: restores photographs."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from jaxgen.allocator import give_back_large_blocks
from jaxgen.commands.options import RangedOptions
from jaxgen.errors import UsageError
from jaxgen.fields import GrayLevels, Positive, Probability, Range
from jaxgen.io import images
from jaxgen.io.video_files import is_video
from jaxgen.restoration import clip_files, files, tasks
from jaxgen.restoration.clips import ClipRestorer
from jaxgen.restoration.files import StatusLine
from jaxgen.restoration.folders import Listing, find_photographs
from jaxgen.restoration.inference import Settings, load
from jaxgen.restoration.masks import Color
from jaxgen.restoration.plans import Options, check_names, plan
from jaxgen.restoration.tiles import SIDES
from jaxgen.runs.command_line import use_compilation_cache

# A type checker knows no computed Literal.
if TYPE_CHECKING:
    Task = str
else:
    Task = Literal[*tasks.TASKS]

OWN_NETWORK = "restored"
"""Name of the task in the names of results, for a network of the user's."""
method = tyro.conf.create_mutex_group(required=False, title="method")


def describe_tasks() -> str:
    """Returns the help of --task: what each task does."""
    summaries = "; ".join(f"{name}: {task.summary}" for name, task in tasks.TASKS.items())
    return f"What is done, by networks that come with the package (default: auto). {summaries}."


@dataclass(frozen=True, kw_only=True)
class Command(RangedOptions):
    """Restores photographs. Writes each result in the folder of the original, which is never changed.

    Examples:
        jaxgen restore photo.jpg --task denoise        # writes photo-denoise.jpg
        jaxgen restore photo.jpg --task scratches --mask mask.png
        jaxgen restore FOLDER --task denoise --out RESTORED --compare
        jaxgen restore CLIPFOLDER --network runs/video     # or a video file
    """

    photos: Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PHOTOS", help_behavior_hint="")]]
    """Photographs, or folders of photographs."""
    task: Annotated[Task | None, method, tyro.conf.arg(help=describe_tasks())] = None
    network: Annotated[str | None, method] = None
    """A network of yours: a run folder, or a .safetensors file. One that restores clips takes the images of a folder as
    the frames of a clip, or a video file."""
    mask: Path | None = None
    """Mask image, white where the photograph is damaged, or a copy of it that is painted on there. For several
    photographs a folder of masks of the same names, or of names as in photo_mask.png (default: damage is detected)."""
    mask_color: Color | None = None
    """Color of the damage in the mask (default: white, and a mask that marks more than half is refused)."""
    sigma: GrayLevels | None = None
    """Noise level in gray levels of 0-255 (default: estimated)."""
    strength: Probability = 1.0
    """Blend between original (0) and result (1)."""
    compare: bool = False
    """Also write original and result side by side."""
    out: Path | None = None
    """Folder for the results (default: that of the original)."""
    dry_run: bool = False
    """Say what would be done, and write nothing but the masks of detected damage."""
    save_mask: bool = False
    """Also write the mask that is used; it can be edited and given to --mask."""
    force: bool = False
    """Restore also where what is detected is not sure."""
    recursive: bool = False
    """Restore the photographs in folders of a folder too; --out gets the same folders."""
    overwrite: bool = False
    """Restore again where the result exists. Other files are never replaced."""
    ensemble: bool = False
    """Average over eight flipped and rotated views: better, and 8 times as slow."""
    tile_size: Annotated[int | None, Range(minimum=SIDES[0], maximum=SIDES[-1])] = None
    """Side of the largest tile, in pixels (default: chosen for each network by the memory that it needs)."""
    max_megapixels: Positive = 100.0
    """Largest image that is read, in megapixels."""
    trust: bool = False
    """Execute experiment.py of the --network's run although it is none of the installed experiments."""

    def __call__(self) -> None:
        """Restores each photograph."""
        task = OWN_NETWORK if self.network else self.task or "auto"
        is_mask_known = not self.network and (tasks.TASKS[task].takes_mask or tasks.TASKS[task].gives_mask)
        self.check_options()
        if self.save_mask and not is_mask_known:
            raise UsageError(f"--save-mask: task {task} uses no mask; leave it out")
        settings = Settings(
            self.sigma, self.strength, self.ensemble, self.tile_size, force=self.force, dry_run=self.dry_run
        )
        has_mask = self.mask is not None
        names = (*tasks.TASKS, OWN_NETWORK)
        found = find_photographs(self.photos, names, masks=self.mask, out=self.out, recursive=self.recursive)
        use_compilation_cache()
        give_back_large_blocks()
        if self.network:
            from jaxgen.runs.open_restorer import identity, open_network
            from jaxgen.runs.reopen import OpenOptions

            opened, network_identity = open_network(self.network, OpenOptions(trust=self.trust)), identity(self.network)
            if isinstance(opened, ClipRestorer):
                self.restore_clips(found, opened, network_identity)
                return
            network = opened
            restoration, scale = tasks.by_network(network, settings, has_mask=has_mask), network.spec.scale
        else:
            name, network_identity = tasks.TASKS[task].network, ""
            network = load(name) if name else None
            restoration, scale = tasks.choose(task, settings, has_mask=has_mask), tasks.TASKS[task].scale
        options = Options(
            task,
            settings,
            scale,
            masks=self.mask,
            mask_color=self.mask_color,
            network=network_identity,
            out=self.out,
            compare=self.compare,
            overwrite=self.overwrite,
            gives_mask=not self.network and tasks.TASKS[task].gives_mask,
            save_mask=self.save_mask or (self.dry_run and is_mask_known),
        )
        planned = plan(found.photographs, options)
        say = partial(print, flush=True)
        if len(self.photos) > 1 or any(path.is_dir() for path in self.photos):
            say(summary_of(len(found.photographs), len(planned.done)))
        for line in found.lines():
            say(line)
        if planned.done:
            say(files.done_already(planned.done))
        status = StatusLine(sys.stderr)
        restore = partial(
            files.restore_file,
            restoration=restoration,
            options=options,
            network=network,
            megapixels=self.max_megapixels,
            progress=status.show_tiles,
        )
        files.restore_files(planned.jobs, restore, say, status)

    def restore_clips(self, found: Listing, network: ClipRestorer, identity: str) -> None:
        """Restores each clip: the frames of a folder, or a video file."""
        unused = {"sigma": self.sigma, "mask": self.mask, "ensemble": self.ensemble, "tile-size": self.tile_size}
        for name, value in unused.items():
            if value:
                raise UsageError(f"--{name}: it is for networks of photographs, and {self.network} restores clips")
        options = Options(
            OWN_NETWORK,
            Settings(strength=self.strength),
            network=identity,
            out=self.out,
            compare=self.compare,
            overwrite=self.overwrite,
        )
        videos = [item.path for item in found.photographs if is_video(item.path)]
        clips = clip_files.group([item for item in found.photographs if not is_video(item.path)])
        if videos and self.compare:
            raise UsageError("--compare: it is for frames, and not for a video file")
        clip_files.check_outputs(videos, options)
        planned = [clip_files.plan_clip(clip, options) for clip in clips]
        check_names([job for clip_plan, _ in planned for job in clip_plan.jobs])
        status = StatusLine(sys.stderr)
        for line in found.lines():
            print(line, flush=True)
        for clip, (clip_plan, noted) in zip(clips, planned, strict=True):
            shown = {"megapixels": self.max_megapixels, "status": status}
            print(clip_files.restore_frames(clip, clip_plan, network, noted, **shown), flush=True)
        for video in videos:
            print(clip_files.restore_video(video, network, options, status=status), flush=True)

    def check_options(self) -> None:
        """Raises UsageError for options that have no effect with the others."""
        if not self.photos:
            raise UsageError("missing PHOTOS: give photographs or folders, as in `jaxgen restore photo.jpg`")
        if self.out and self.out.suffix.lower() in images.SUFFIXES and not self.out.is_dir():
            raise UsageError(f"--out {self.out}: give a folder; the results in it are named after the photographs")
        if self.trust and not self.network:
            raise UsageError("--trust: it is for the run of --network")
        if self.mask_color and not self.mask:
            raise UsageError("--mask-color: it is for --mask")
        if self.recursive and not any(path.is_dir() for path in self.photos):
            raise UsageError("--recursive: it is for folders, and there is none among PHOTOS")
        if (self.dry_run or self.force) and self.network:
            raise UsageError("--dry-run and --force: they are for tasks, and a network of yours detects nothing")
        if self.dry_run and self.compare:
            raise UsageError("--compare: a dry run writes no result; leave it out")


def summary_of(photographs: int, done: int) -> str:
    """Returns the line before the work: the number of photographs, and of those with a result."""
    count = f"{photographs} photograph{'s' if photographs != 1 else ''}"
    return f"{count}, {done} of them done already" if done else count
