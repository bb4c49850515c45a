"""Warnings about metrics out of bounds while a training runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from jaxgen.training.state import Alarm


class Watch:
    """Warns once of each metric that stays out of bounds, and again only after it was within them."""

    def __init__(self, alarms: Sequence[Alarm], say: Callable[[str], None]) -> None:
        self.alarms, self.say = alarms, say
        self._wrong: Counter[str] = Counter()

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Warns where a metric was out of bounds as many times in a row as its alarm is patient.

        Args:
          step: at which the metrics were measured.
          metrics: by name; an alarm of a metric that is not among them is silent.
        """
        for alarm in self.alarms:
            if alarm.metric not in metrics:
                continue
            value = metrics[alarm.metric]
            self._wrong[alarm.metric] = self._wrong[alarm.metric] + 1 if alarm.wrong(value) else 0
            if self._wrong[alarm.metric] == alarm.patience:
                bound = f"below {alarm.low:g}" if value < alarm.low else f"above {alarm.high:g}"
                self.say(f"warning at step {step}: {alarm.metric} is {value:.3g}, {bound}: {alarm.advice}")

    def foremost(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Returns the metrics, those that are watched before the others."""
        watched = [alarm.metric for alarm in self.alarms if alarm.metric in metrics]
        return {name: metrics[name] for name in (*watched, *(name for name in metrics if name not in watched))}
