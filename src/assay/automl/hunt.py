"""The order of trials: every family's default first, then refinement of the best by TPE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import cycle
from math import inf
from typing import TYPE_CHECKING, Any

from assay.automl.bench import Attempt, Bench, Transform
from assay.automl.clock import Clock, TooDear
from assay.automl.ensemble import MOST_MEMBERS
from assay.automl.family import Family, Params
from assay.automl.leaderboard import Trial

if TYPE_CHECKING:
    import optuna

TURNS = (0, 1, 0, 2)
"""Ranks of the families that refinement visits in turn: the best one every other time."""
CLOSING_SCORES = 150
"""Scorings that blending, intervals and calibration together cost about as much as."""
PATIENCE = 40
"""Trials in a row without progress, after which refinement ends early."""
MOST_REPEATS = 3
"""Suggestions already tried, after which a family has nothing new to offer."""
HOPE = 1.5
"""How much dearer than what is left a trial may look from a sample and still be begun: after
its first folds the rest is known better, and is called off if need be."""
NOISE = 0.02
"""Relative difference between two scales that cross-validation cannot tell from chance."""
QUICK_FAMILIES = 2
"""How many first families try both scales of a skewed target."""


class Hunt:
    """Makes trials until the clock, the number of trials or patience runs out.

    ``attempts`` holds finished cross-validations, ``trials`` the record of each trial.
    """

    def __init__(
        self,
        bench: Bench,
        families: dict[str, Family | Exception],
        *,
        clock: Clock,
        max_trials: int | None,
        report: Callable[[str], None],
    ) -> None:
        self.bench = bench
        self.clock = clock
        self.max_trials = max_trials
        self.report = report
        self.attempts: dict[int, Attempt] = {}
        self.trials: dict[int, Trial] = {}
        self.transform: Transform = "identity"
        self.families = self._able(families)
        self._studies: dict[str, optuna.Study] = {}
        self._repeats: Counter[str] = Counter()

    def run(self, *, scales: bool) -> None:
        """All trials; with ``scales`` the quick families first decide between y and log y."""
        names = list(self.families)
        quick = names[:QUICK_FAMILIES] if scales else []
        for name in quick:
            self._default(name, "identity")
            self._default(name, "log")
        if quick:
            self.transform = self._better_scale()
        for name in names[len(quick) :]:
            self._default(name, self.transform)
        self._refine()

    def usable(self) -> dict[int, Attempt]:
        """Finished attempts on the scale that was chosen, best first."""
        own = [(n, a) for n, a in self.attempts.items() if a.transform == self.transform]
        return dict(sorted(own, key=lambda item: (item[1].loss, item[0])))

    def _better_scale(self) -> Transform:
        """Log unless it is clearly worse: it keeps answers positive and intervals in proportion."""
        best = {
            scale: min(
                (a.loss for a in self.attempts.values() if a.transform == scale), default=inf
            )
            for scale in ("identity", "log")
        }
        worse = best["log"] > best["identity"] + NOISE * abs(best["identity"])
        return "identity" if worse or best["log"] == inf else "log"

    def _able(self, families: dict[str, Family | Exception]) -> dict[str, Family]:
        """Families that can do the task; the others are recorded with the reason."""
        task = self.bench.problem.task
        able: dict[str, Family] = {}
        for name, family in families.items():
            if isinstance(family, Exception):
                self._note(name, {}, "failed", f"cannot be loaded: {explained(family)}")
            elif task.kind not in family.tasks:
                self._note(name, {}, "skipped", f"does not do {task.kind}")
            else:
                able[name] = family
        return able

    def _default(self, name: str, transform: Transform) -> None:
        """The first candidate of a family; its cost is measured on samples where rows are many."""
        if self._exhausted():
            return
        family = self.families[name]
        trial = self._ask(name, transform)
        params = family.suggest(trial, self.bench.problem.task)
        try:
            if self.clock.bounds and self.attempts:
                self.clock.demand(self.bench.probed_s(family, params, transform) / HOPE)
        except TooDear as reason:
            self._note(name, params, "skipped", str(reason), transform)
            return
        except Exception as error:
            self._note(name, params, "failed", explained(error), transform)
            return
        self._try(name, params, transform, trial)

    def _refine(self) -> None:
        """Visit the best families in turn until something runs out."""
        best, idle = self._best_loss(), 0
        for turn in cycle(TURNS):
            name = self._next_family(turn)
            if name is None or self._exhausted() or (self.max_trials is None and idle >= PATIENCE):
                return
            trial = self._ask(name, self.transform)
            params = self.families[name].suggest(trial, self.bench.problem.task)
            if self._was_tried(name, params):
                self._studies[_study_name(name, self.transform)].tell(trial, state=_failed())
                self._repeats[name] += 1
                continue
            self._try(name, params, self.transform, trial)
            idle = idle + 1 if self._best_loss() >= best else 0
            best = self._best_loss()

    def _next_family(self, rank: int) -> str | None:
        """The family of this rank among those that finished and fit into what is left."""
        ranked = list(dict.fromkeys(a.family.name for a in self.usable().values()))
        fresh = [name for name in ranked if self._repeats[name] < MOST_REPEATS]
        fitting = [name for name in fresh if self.clock.fits(self._usual_s(name))]
        return fitting[rank % len(fitting)] if fitting else None

    def _was_tried(self, name: str, params: Params) -> bool:
        """Whether the same parameters were cross-validated on this scale."""
        return any(
            attempt.family.name == name and attempt.params == params
            for attempt in self.usable().values()
        )

    def _usual_s(self, name: str) -> float:
        """Seconds that a trial of this family has taken on average."""
        walls = [a.wall_s for a in self.attempts.values() if a.family.name == name]
        return 1.1 * sum(walls) / len(walls)

    def _try(self, name: str, params: Params, transform: Transform, trial: optuna.Trial) -> None:
        """Cross-validate; whatever a family raises is recorded and the search goes on."""
        study = self._studies[_study_name(name, transform)]
        family = self.families[name]
        try:
            attempt = self.bench.cross_validate(
                family, params, transform=transform, clock=self._clock_for_first()
            )
        except TooDear as reason:
            self._note(name, params, "skipped", str(reason), transform)
            study.tell(trial, state=_failed())
        except Exception as error:
            self._note(name, params, "failed", explained(error), transform)
            study.tell(trial, state=_failed())
        else:
            number = self._note(name, params, "finished", "", transform)
            self.attempts[number] = attempt
            study.tell(trial, attempt.loss)
            self._keep_reserve()
        self._tell_progress(name)

    def _clock_for_first(self) -> Clock:
        """Until one trial has finished, none is cut short: there must be a model."""
        return self.clock if self.attempts else Clock(self.clock.budget_s, bounds=False)

    def _ask(self, name: str, transform: Transform) -> optuna.Trial:
        """A trial of the family's own study, which begins with its portfolio."""
        import optuna

        key = _study_name(name, transform)
        if key not in self._studies:
            problem = self.bench.problem
            sampler = optuna.samplers.TPESampler(seed=self.bench.seed, n_startup_trials=6)
            study = optuna.create_study(sampler=sampler)
            portfolio = self.families[name].candidates(
                problem.task,
                rows=len(self.bench.folds[0].fit),
                columns=self.bench.folds[0].X.shape[1],
            )
            for params in portfolio:
                study.enqueue_trial(params)
            self._studies[key] = study
        return self._studies[key].ask()

    def _exhausted(self) -> bool:
        """Whether the number of trials, or the time, is used up."""
        made = sum(trial.status != "skipped" for trial in self.trials.values())
        if self.max_trials is not None:
            return made >= self.max_trials
        return bool(self.attempts) and self.clock.left_s <= 0

    def _keep_reserve(self) -> None:
        """Keep time for the final fits of the dearest members, and to weigh and write them."""
        best = list(self.usable().values())[: 2 * MOST_MEMBERS]
        folds = len(self.bench.folds)
        fits = sorted((a.fit_s * folds / (folds - 1) for a in best), reverse=True)[:MOST_MEMBERS]
        if fits:
            final = max(fits[0], sum(fits) / self.bench.threads)
            closing = CLOSING_SCORES * self.bench.score_s + 0.03 * self.clock.budget_s
            self.clock.reserve_s = 1.2 * final + closing

    def _best_loss(self) -> float:
        return min((a.loss for a in self.usable().values()), default=inf)

    def _note(
        self, name: str, params: Params, status: Any, note: str, transform: Transform = "identity"
    ) -> int:
        number = len(self.trials) + 1
        if transform == "log":
            note = f"fitted on log({self.bench.problem.target}){'; ' if note else ''}{note}"
        self.trials[number] = Trial(
            number=number, family=name, params=params, status=status, note=note
        )
        return number

    def _tell_progress(self, name: str) -> None:
        scores = [a.score for a in self.usable().values()][:1]
        best = f"; best {self.bench.metric.name} {scores[0]:.4g}" if scores else ""
        self.report(f"trial {len(self.trials)}, {name}{best}")


def explained(error: BaseException) -> str:
    """Kind and first line of an error, for the record."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _study_name(name: str, transform: Transform) -> str:
    return f"{name} on {transform}"


def _failed() -> Any:
    import optuna

    return optuna.trial.TrialState.FAIL
