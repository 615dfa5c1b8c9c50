"""The order of trials: a portfolio first, then refinement of the best by TPE."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import cycle
from math import ceil, inf
from typing import TYPE_CHECKING, Any

import msgspec

from assay.automl.bench import GRACE_S, Attempt, Bench, Candidate, FallenBehind, Running
from assay.automl.choice import choose_within
from assay.automl.clock import Clock, TooDear
from assay.automl.engineering import Chosen, choose_extras
from assay.automl.ensemble import MOST_MEMBERS
from assay.automl.families.fitted import known_losses
from assay.automl.family import Family, Params, Task
from assay.automl.fitting import takes_weights
from assay.automl.journal import Recipe, TrialKey
from assay.automl.leaderboard import Trial
from assay.automl.mitigation import mitigation_s
from assay.automl.problem import Transform, transformed
from assay.automl.spec import SearchSpec
from assay.compute.slots import TimeLimit
from assay.progress import Standing

if TYPE_CHECKING:
    import optuna

TURNS = (0, 1, 0, 2)
"""Ranks of the families that refinement visits in turn: the best one every other time."""
CLOSING_SCORES = 150
"""Scorings that blending, intervals and calibration together cost about as much as."""
SHUFFLES_S = 0.5
"""What measuring each column's contribution takes, beside one more fit."""
PATIENCE = 60
"""Trials in a row without progress, after which refinement ends early."""
MOST_REPEATS = 3
"""Suggestions already tried, after which a family has nothing new to offer."""
HOPE = 1.5
"""How much dearer than what is left a trial may look from a sample and still be begun."""
PROBE_SHARE = 0.1
"""Of the time that is left, that a fit on a sample may take."""
FIRST_SHARE = 0.25
"""Of the budget, that the first trial may take; later ones take `LATER_SHARE` of what is left."""
LATER_SHARE = 0.4
NOISE = 0.005
"""Relative difference between two scales that cross-validation cannot tell from chance."""
REACH = 0.05
"""How far behind the best a trial may be to be reckoned with as a member: a share of what the best
gained on the constant answer."""
FREED_SHARE = 0.05
"""Of the budget, that must come free for a search that had ended to go on."""
QUICK_FAMILIES = 2
"""How many first families try both scales of a skewed target."""
ENGINEERING_SHARE = 0.12
"""Of the budget, that the choice of engineered features may take."""
MOST_ENGINEERED_CELLS = 60_000_000
"""Rows times features from which on features are not engineered: the matrices double."""
SELF_TAUGHT = 2
"""How many of the best trials are repeated with the rows that have no answer."""
MANY_CLASSES = 12
"""From so many classes on, families that fit a model for each class come last."""
STARTUP_TRIALS = 6
SHOWN = 5
"""Best trials that are shown while the search runs."""
HANG_S = 20.0
"""What the first trial may take at the least, before its family counts as hanging."""


@dataclass(frozen=True, kw_only=True)
class _Ask:
    """A candidate, and the study that waits for its loss."""

    candidate: Candidate
    study: str = ""
    trial: Any = None
    raced: bool = False
    note: str = ""


_DRAIN = None
"""What a schedule yields where it must know how all trials before it ended."""


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
        spec: SearchSpec,
        report: Callable[[str, Sequence[Standing]], None],
        warm: Sequence[Trial] = (),
    ) -> None:
        self.bench = bench
        self.clock = clock
        self.spec = spec
        self.report = report
        self.warm = tuple(warm)
        self.attempts: dict[int, Attempt] = {}
        self.trials: dict[int, Trial] = {}
        self.transform: Transform = "identity"
        self.recipe: Recipe = "plain"
        self.chosen: Chosen | None = None
        self.families = self._able(families)
        self._studies: dict[str, optuna.Study] = {}
        self._asked: Counter[str] = Counter()
        self._repeats: Counter[str] = Counter()
        self._flying: deque[tuple[_Ask, Running | Exception]] = deque()
        self._idle = 0
        self._members: set[int] = set()
        self._chosen_at = 0

    def run(self) -> None:
        """Make all trials; up to ``spec.parallel`` at a time, judged in the order of asking."""
        self._make(self._schedule())
        if self._frees_time():
            self._make(self._refinements())
        self._adopt()

    def _make(self, schedule: Iterator[_Ask | None]) -> None:
        for ask in schedule:
            if ask is None:
                self._drain()
                continue
            if self._exhausted():
                break
            self._launch(ask)
            while len(self._flying) >= self._parallel:
                self._land()
        self._drain()

    def admit(self, attempt: Attempt, note: str) -> int:
        """Record a finished trial that no schedule asked for; its number."""
        number = self._note(_Ask(candidate=attempt.candidate, note=note), "finished", "")
        self.attempts[number] = attempt
        return number

    def usable(self) -> dict[int, Attempt]:
        """Finished attempts on the scale that was chosen, best first."""
        own = [(n, a) for n, a in self.attempts.items() if a.transform == self.transform]
        return dict(sorted(own, key=lambda item: (item[1].loss, item[0])))

    # The schedule: which trial comes next.

    def _schedule(self) -> Iterator[_Ask | None]:
        yield from self._scales()
        with ThreadPoolExecutor(1) as aside:
            engineering = self._start_engineering(aside)
            yield from self._known_to_be_good()
            yield from self._defaults(slice(QUICK_FAMILIES, QUICK_FAMILIES + 1))
            yield from self._engineered(engineering)
        yield from self._defaults(slice(QUICK_FAMILIES + 1, None))
        yield from self._seconds()
        yield from self._self_taught()
        yield from self._refinements()

    def _scales(self) -> Iterator[_Ask | None]:
        """The quick families' defaults, on each scale that is worth a try."""
        scales = self.bench.problem.transforms
        for name in list(self.families)[:QUICK_FAMILIES]:
            for scale in scales:
                yield from self._default(name, scale)
        yield _DRAIN
        if len(scales) > 1:
            self.transform = self._better_scale(scales)

    def _known_to_be_good(self) -> Iterator[_Ask]:
        """What made up the model of an earlier run."""
        for trial in self.warm:
            if trial.family in self.families and trial.weight > 0:
                candidate = self._candidate(trial.family, dict(trial.params))
                yield _Ask(candidate=candidate, note="taken over from an earlier run")

    def _engineered(self, engineering: Future[Chosen] | None) -> Iterator[_Ask | None]:
        """The first family that reads trees' features, with engineered ones as well."""
        name = next((n for n, f in self.families.items() if f.needs == "trees"), None)
        if engineering is None or name is None:
            return
        self.chosen = engineering.result()
        if not self.chosen.extras or self._exhausted():
            return
        self.bench.engineer(self.chosen.extras)
        plain = [a for a in self.usable().values() if a.family.name == name]
        if not plain:
            self.recipe = "engineered"
            return
        yield _Ask(candidate=replace(plain[0].candidate, recipe="engineered"))
        yield _DRAIN
        with_extras = [a for a in self.usable().values() if a.candidate.recipe == "engineered"]
        if with_extras and with_extras[0].loss < plain[0].loss:
            self.recipe = "engineered"

    def _defaults(self, places: slice) -> Iterator[_Ask]:
        """The defaults of some families, in the order of first tries."""
        for name in list(self.families)[places]:
            yield from self._default(name, self.transform)

    def _seconds(self) -> Iterator[_Ask]:
        """The second candidate of every family that has finished one and fits, best first."""
        for name in dict.fromkeys(a.family.name for a in self.usable().values()):
            ask = self._suggested(name) if self.clock.fits(self._usual_s(name)) else None
            if ask is not None:
                yield ask

    def _default(self, name: str, transform: Transform) -> Iterator[_Ask]:
        """The first candidate of a family, unless its cost on a sample does not fit."""
        ask = self._suggested(name, transform)
        if ask is None or self._exhausted():
            return
        try:
            self._demand_time(ask.candidate)
        except TooDear as reason:
            self._note(ask, "skipped", str(reason))
        except Exception as error:
            self._note(ask, "failed", explained(error))
        else:
            yield ask

    def _demand_time(self, candidate: Candidate) -> None:
        """Raise `TooDear` where a sample says that the trial would take too long.

        A family that keeps time cannot: it learns as much as its allowance lets it.
        """
        keeps_time = getattr(candidate.family, "keeps_time", False)
        if keeps_time or not self.clock.bounds or not self.attempts:
            return
        limit = max(1.0, PROBE_SHARE * self.clock.left_s)
        try:
            one = self.bench.probed_s(candidate, limit=limit)
        except TimeLimit:
            raise TooDear(f"a fit on a sample of the rows took more than {limit:.3g} s") from None
        self.clock.demand(one * self._waves / HOPE)

    def _self_taught(self) -> Iterator[_Ask | None]:
        """The best trials again, with the rows that have no answer."""
        if self.bench.problem.unlabelled is None or self.bench.problem.quantiles:
            return
        yield _DRAIN
        able = [a for a in self.usable().values() if takes_weights(a.family)]
        for attempt in able[:SELF_TAUGHT]:
            candidate = replace(attempt.candidate, self_taught=True)
            yield _Ask(candidate=candidate, note=f"self-taught; without: {attempt.score:.6g}")

    def _refinements(self) -> Iterator[_Ask | None]:
        """Visit the best families in turn until something runs out."""
        yield _DRAIN
        best, self._idle = self._best_loss(), 0
        for turn in cycle(TURNS):
            name = self._next_family(turn)
            if name is None or (self.spec.max_trials is None and self._idle >= PATIENCE):
                return
            ask = self._suggested(name)
            if ask is None:
                continue
            yield replace(ask, raced=True)
            self._idle = self._idle + 1 if self._best_loss() >= best else 0
            best = self._best_loss()

    def _next_family(self, rank: int) -> str | None:
        """The family of this rank among those that finished and fit into what is left."""
        ranked = list(dict.fromkeys(a.family.name for a in self.usable().values()))
        fresh = [name for name in ranked if self._repeats[name] < MOST_REPEATS]
        fitting = [name for name in fresh if self.clock.fits(self._usual_s(name))]
        return fitting[rank % len(fitting)] if fitting else None

    def _usual_s(self, name: str) -> float:
        """Seconds that the quicker trials of this family take."""
        walls = sorted(a.wall_s for a in self.attempts.values() if a.family.name == name)
        return 1.1 * walls[len(walls) // 3]

    # One trial: ask, launch, land.

    def _suggested(self, name: str, transform: Transform | None = None) -> _Ask | None:
        """What the family's study suggests; None where it was tried before."""
        scale = transform or self.transform
        study = f"{name} on {scale}"
        trial = self._study(name, study).ask()
        params = self.families[name].suggest(trial, self._task(self.families[name]))
        candidate = replace(self._candidate(name, params), transform=scale)
        if self._was_tried(candidate):
            self._studies[study].tell(trial, state=_failed())
            self._repeats[name] += 1
            return None
        return _Ask(candidate=candidate, study=study, trial=trial)

    def _candidate(self, name: str, params: Params) -> Candidate:
        family = self.families[name]
        recipe = self.recipe if family.needs == "trees" else "plain"
        return Candidate(family=family, params=params, transform=self.transform, recipe=recipe)

    def _was_tried(self, candidate: Candidate) -> bool:
        tried = [attempt.candidate for attempt in self.attempts.values()]
        return candidate in [*tried, *(ask.candidate for ask, _ in self._flying)]

    def _study(self, name: str, key: str) -> optuna.Study:
        """The family's own study, which begins with its portfolio.

        The sampler is made anew for every suggestion, with a seed of its own, so that a search
        that goes on after a kill suggests what it would have suggested.
        """
        import optuna

        if key not in self._studies:
            study = optuna.create_study()
            family = self.families[name]
            portfolio = family.candidates(
                self._task(family),
                rows=self.bench.problem.rows,
                columns=len(self.bench.features.columns(family.needs)),
            )
            for params in portfolio:
                study.enqueue_trial(params)
            self._studies[key] = study
        self._asked[key] += 1
        seed = (self.bench.seed * 1_000_003 + self._asked[key]) % 2**31
        self._studies[key].sampler = optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=STARTUP_TRIALS,
            constant_liar=self.spec.parallel > 1,
        )
        return self._studies[key]

    def _task(self, family: Family) -> Task:
        """What the family is asked, demands included."""
        return self.bench.task(Candidate(family=family, params={}))

    def _launch(self, ask: _Ask) -> None:
        seconds, limit = self._allowance(ask.candidate)
        try:
            self._flying.append(
                (ask, self.bench.begin(ask.candidate, seconds=seconds, limit=limit))
            )
        except Exception as error:
            self._flying.append((ask, error))

    def _land(self) -> None:
        """Take in the oldest trial under way; whatever a family raises is recorded."""
        ask, running = self._flying.popleft()
        try:
            attempt = self._settled(ask, running)
        except FallenBehind as reason:
            self._note(ask, "stopped", str(reason))
            self._tell(ask, loss=reason.loss)
        except TooDear as reason:
            self._note(ask, "skipped", str(reason))
            self._tell(ask)
        except Exception as error:
            self._note(ask, "failed", explained(error))
            self._tell(ask)
        else:
            self.attempts[self._note(ask, "finished", "")] = attempt
            self._tell(ask, loss=attempt.loss)
            self._keep_reserve()
        self._tell_progress(ask.candidate.family.name)

    def _settled(self, ask: _Ask, running: Running | Exception) -> Attempt:
        if isinstance(running, Exception):
            raise running
        rival = self._rival(ask.candidate) if ask.raced else None
        return self.bench.settle(running, rival=rival, clock=self._clock_for_first())

    def _drain(self) -> None:
        while self._flying:
            self._land()

    def _adopt(self) -> None:
        """Take over trials of a search that was cut off which this one did not come to ask for."""
        if not self.clock.bounds:
            return
        asked = [self.bench.key(attempt.candidate) for attempt in self.attempts.values()]
        for finished in self.bench.journal.finished:
            candidate = self._candidate_of(finished.facts.key)
            if candidate is None or finished.facts.key in asked:
                continue
            running = Running(candidate=candidate, began_s=finished.facts.began_s, found=finished)
            attempt = self.bench.settle(running, rival=None, clock=self.clock)
            self.attempts[self._note(_Ask(candidate=candidate), "finished", "")] = attempt

    def _candidate_of(self, key: TrialKey) -> Candidate | None:
        """The candidate of a kept trial, where its family and its features are still there."""
        if key.family not in self.families:
            return None
        candidate = Candidate(
            family=self.families[key.family],
            params=key.params,
            transform=key.transform,
            recipe=key.recipe,
            self_taught=key.self_taught,
        )
        return candidate if self.bench.key(candidate) == key else None

    def _rival(self, candidate: Candidate) -> Attempt | None:
        """The best trial of the same family."""
        own = [a for a in self.usable().values() if a.family.name == candidate.family.name]
        return own[0] if own else None

    def _tell(self, ask: _Ask, loss: float | None = None) -> None:
        if ask.study:
            study = self._studies[ask.study]
            if loss is None:
                study.tell(ask.trial, state=_failed())
            else:
                study.tell(ask.trial, loss)

    # Time.

    @property
    def _parallel(self) -> int:
        """Trials under way at a time: enough to fill the workers, where the clock decides."""
        if not self.clock.bounds or not self.attempts:
            return self.spec.parallel
        filling = self.bench.workers.slots // len(self.bench.problem.judging)
        return max(self.spec.parallel, filling)

    @property
    def _waves(self) -> int:
        """How often the workers must be filled to fit on all folds."""
        return ceil(len(self.bench.problem.judging) / self.bench.workers.slots)

    def _allowance(self, candidate: Candidate) -> tuple[float | None, float]:
        """Seconds that one fit should keep, and after which its worker is killed."""
        if not self.clock.bounds:
            return None, max(600.0, 20 * self.clock.budget_s)
        if not self.attempts:
            one = FIRST_SHARE * self.clock.budget_s / self._waves
            return one, max(HANG_S, 2 * one)
        left = max(0.1, self.clock.left_s)
        if getattr(candidate.family, "keeps_time", False):
            one = max(0.05, LATER_SHARE * left / self._waves)
            return one, 1.5 * one + GRACE_S
        return None, left / self._waves + GRACE_S

    def _clock_for_first(self) -> Clock:
        """Until one trial has finished, none is cut short: there must be a model."""
        return self.clock if self.attempts else Clock(self.clock.budget_s, bounds=False)

    def _exhausted(self) -> bool:
        """Whether the number of trials, or the time, is used up."""
        made = sum(t.status != "skipped" for t in self.trials.values())
        if self.spec.max_trials is not None:
            return made + len(self._flying) >= self.spec.max_trials
        return bool(self.attempts) and self.clock.left_s <= 0

    def _keep_reserve(self) -> None:
        """Keep time for the final fits of the dearest members, and to weigh and write them."""
        best = self._likely_members()
        folds = len(set(self.bench.problem.folds.tolist()))
        fits = sorted((a.fit_s * folds / (folds - 1) for a in best), reverse=True)[:MOST_MEMBERS]
        if fits:
            final = max(fits[0], sum(fits) / self.bench.workers.slots)
            again = best[0].fit_s + SHUFFLES_S
            closing = CLOSING_SCORES * self.bench.score_s + 0.03 * self.clock.budget_s + again
            slanted = mitigation_s(self.spec.mitigate, [a.wall_s for a in best[:MOST_MEMBERS]])
            most = (0.5 if not slanted else 0.7) * self.clock.budget_s
            self.clock.reserve_s = min(1.2 * final + closing + slanted, most)

    def _frees_time(self) -> bool:
        """Whether much of what was kept back comes free once the model is chosen as if at the end.

        The reserve is for the dearest of the trials that may become members; most of them do not.
        Where scoring is slow, choosing twice would cost more than it frees.
        """
        worth = FREED_SHARE * self.clock.budget_s
        usable = self.usable()
        if not self.clock.bounds or not usable or CLOSING_SCORES * self.bench.score_s > worth:
            return False
        before = max(0.0, self.clock.left_s)
        chosen = choose_within(usable, self.bench, self.spec.max_megabytes, self.spec.max_row_ms)
        self._members, self._chosen_at = set(chosen.attempts), len(self.trials)
        self._keep_reserve()
        return self.clock.left_s > before + worth

    def _likely_members(self) -> list[Attempt]:
        """The best trials, but for those too far behind to be given a share in the model.

        Once the model was chosen for a first time: its members, and what was tried since.
        """
        if self._members:
            usable = self.usable().items()
            return [a for n, a in usable if n in self._members or n > self._chosen_at]
        ranked = list(self.usable().values())[: 2 * MOST_MEMBERS]
        near = [
            a for a in ranked if a.loss - ranked[0].loss <= REACH * self.bench.gained(ranked[0])
        ]
        return near or ranked[:1]

    # Choices and records.

    def _start_engineering(self, aside: ThreadPoolExecutor) -> Future[Chosen] | None:
        problem = self.bench.problem
        width = len(self.bench.features.names)
        trees = any(family.needs == "trees" for family in self.families.values())
        if problem.quantiles or not trees or problem.rows * width > MOST_ENGINEERED_CELLS:
            return None
        budget = self.clock.budget_s if self.clock.bounds else inf
        return aside.submit(
            choose_extras,
            problem.columns,
            problem.table,
            transformed(problem.y, self.transform),
            problem.task,
            seed=self.bench.seed,
            seconds=ENGINEERING_SHARE * budget,
            monotone=tuple(self.spec.monotone),
            ordered=self.spec.ordered,
            weights=problem.weights,
        )

    def _better_scale(self, scales: Sequence[Transform]) -> Transform:
        """Log unless it is clearly worse: it keeps answers positive and intervals in proportion."""
        best = {
            scale: min(
                (a.loss for a in self.attempts.values() if a.transform == scale),
                default=inf,
            )
            for scale in scales
        }
        plain, other = scales
        worse = best[other] > best[plain] + NOISE * abs(best[plain])
        return plain if worse or best[other] == inf else other

    def _able(self, families: dict[str, Family | Exception]) -> dict[str, Family]:
        """Families that can do what is asked; the others are recorded with the reason."""
        able: dict[str, Family] = {}
        for name, family in families.items():
            if isinstance(family, Exception):
                self._record(name, "failed", f"cannot be loaded: {explained(family)}")
                continue
            reason = self._unable(family)
            if reason:
                self._record(name, "skipped", reason)
            else:
                able[name] = family
        return self._by_cost(able)

    def _by_cost(self, families: dict[str, Family]) -> dict[str, Family]:
        """Where there are many classes, first the families that fit one model for them all."""
        if self.bench.problem.task.width < MANY_CLASSES:
            return families
        joint = {n: f for n, f in families.items() if getattr(f, "joint", False)}
        return {**joint, **families}

    def _unable(self, family: Family) -> str:
        """Why a family cannot do what is asked; empty where it can."""
        problem, task = self.bench.problem, self._task(family)
        most = getattr(family, "most_rows", None) or inf
        losses = known_losses(family, task) if task.kind == "regression" else task.losses
        hindrances = {
            f"does not do {task.kind}": task.kind not in family.tasks,
            "is no glass box": self.spec.transparent == "glassbox" and not family.transparent,
            "cannot keep monotone constraints": bool(self.spec.monotone)
            and not getattr(family, "monotone", False),
            "cannot weigh rows": self._weighs and not takes_weights(family),
            f"does not minimise {' or '.join(task.losses)} loss": not losses,
            f"is not tried on more than {most:,} rows": problem.rows > most,
        }
        return next((reason for reason, holds in hindrances.items() if holds), "")

    @property
    def _weighs(self) -> bool:
        """Whether rows count differently: from the start, or to make groups more alike."""
        slants = self.spec.mitigate in ("reweighing", "constrained")
        return slants or self.bench.problem.weights is not None

    def _best_loss(self) -> float:
        return min((a.loss for a in self.usable().values()), default=inf)

    def _note(self, ask: _Ask, status: Any, note: str) -> int:
        candidate = ask.candidate
        said = [part for part in (ask.note, note) if part]
        if candidate.transform != "identity":
            said.insert(0, f"fitted on {candidate.transform}({self.bench.problem.target})")
        if candidate.self_taught:
            said.append(f"{self._unknown_rows:,} rows without an answer")
        number = self._record(candidate.family.name, status, "; ".join(said))
        self.trials[number] = msgspec.structs.replace(
            self.trials[number],
            params=candidate.params,
            recipe=candidate.recipe,
            began_s=round(self.clock.spent_s, 3),
        )
        return number

    @property
    def _unknown_rows(self) -> int:
        unknown = self.bench.problem.unlabelled
        return 0 if unknown is None else unknown.rows

    def _record(self, name: str, status: Any, note: str) -> int:
        number = len(self.trials) + 1
        self.trials[number] = Trial(number=number, family=name, status=status, note=note)
        return number

    def _tell_progress(self, name: str) -> None:
        scores = [a.score for a in self.usable().values()][:1]
        best = f"; best {self.bench.metric.name} {scores[0]:.4g}" if scores else ""
        self.report(f"trial {len(self.trials)}, {name}{best}", self._standings())

    def _standings(self) -> list[Standing]:
        """The best trials so far."""
        return [
            Standing(number=n, family=a.family.name, score=a.score, took_s=a.wall_s)
            for n, a in list(self.usable().items())[:SHOWN]
        ]


def explained(error: BaseException) -> str:
    """Kind and first line of an error, for the record."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _failed() -> Any:
    import optuna

    return optuna.trial.TrialState.FAIL
