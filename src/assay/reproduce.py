"""Make a model again from its record, and see whether the digests come out the same."""

from __future__ import annotations

from msgspec import field

from assay.bench import Bench, Searched, read_rows, split_parts
from assay.question import Question
from assay.records import Record, digest
from assay.stages import find_model, understood

ACTION = "model reproduced"
"""What the ledger calls it."""


class Reproduction(Record, frozen=True, kw_only=True):
    """Digests on record, and those of the second time."""

    again: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name -> ``{"digest": on record, "again": of the second time}``."""
    not_repeated: tuple[str, ...] = ()
    """What was not made again, and why."""

    @property
    def differing(self) -> tuple[str, ...]:
        """Names of what came out another way."""
        return tuple(n for n, pair in self.again.items() if pair["digest"] != pair["again"])


def reproduce(bench: Bench, searched: Searched, *, train: bool = True) -> Reproduction:
    """Derive all that follows from a run's record once more, and put the outcome into the ledger.

    From the stored rows: profile, contract and split. From the stored plan: both graphs. And the
    search itself, where its budget counts trials: a budget of seconds depends on the clock.

    Parameters
    ----------
    bench : Bench
    searched : Searched
        Of the run.
    train : bool
        Whether the search is repeated, which takes about as long as it did.
    """
    question = bench.load(Question, searched.asked.question)
    again = {**_from_rows(bench, searched, question), **_from_plan(bench, searched)}
    missing = []
    if not train:
        missing.append("The search: not asked for.")
    elif question.budget.trials is None:
        missing.append("The search: its budget is in seconds. Set budget.trials to repeat it.")
    else:
        again |= _from_search(bench, searched, question)
    found = Reproduction(again=again, not_repeated=tuple(missing))
    bench.note(ACTION, subject=searched.graph, body={"reproduced": found.again})
    return found


def _from_rows(bench: Bench, searched: Searched, question: Question) -> dict[str, dict[str, str]]:
    from assay.data.suitability import check_table

    acquired = searched.acquired
    frame = check_table(read_rows(bench, acquired.content), question).frame
    profile, contract, split = understood(frame, question, acquired.kind)
    return {
        "profile": _pair(acquired.profile, profile.digest),
        "contract": _pair(acquired.contract, contract.digest),
        "split": _pair(acquired.split, split.digest),
    }


def _from_plan(bench: Bench, searched: Searched) -> dict[str, dict[str, str]]:
    from assay.model.compile import compile_plan
    from assay.model.plan_file import plan_from_bytes

    plan = plan_from_bytes(bench.store.artifacts.read(searched.plan))
    found = {"model": _pair(searched.graph, digest(compile_plan(plan, "columns")))}
    if searched.coded:
        found["coded model"] = _pair(searched.coded, digest(compile_plan(plan, "codes")))
    return found


def _from_search(bench: Bench, searched: Searched, question: Question) -> dict[str, dict[str, str]]:
    from assay.data.split import Split
    from assay.model.plan_file import plan_to_bytes

    split = bench.load(Split, searched.acquired.split)
    train, _ = split_parts(bench, searched.acquired, question, split)
    found = find_model(bench, searched.acquired, question, train)
    return {"trained model": _pair(searched.plan, digest(plan_to_bytes(found.plan)))}


def _pair(recorded: str, again: str) -> dict[str, str]:
    return {"digest": recorded, "again": again}
