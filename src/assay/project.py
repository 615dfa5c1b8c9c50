"""`Project`: the one handle that notebooks, the command line and the studio hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import InputError, UnknownName
from assay.notebook import LiveBoard, teach_notebook
from assay.progress import Progress, Silent
from assay.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from assay.assess.causal.record import CausalReport
    from assay.assess.finding import Assessment
    from assay.bench import Acquired, Bench, Searched
    from assay.data.contract import Contract
    from assay.data.dataset import Dataset
    from assay.data.profile import Profile
    from assay.deploy.export import Export
    from assay.deploy.targets.local import EndpointClient, LocalEndpoint
    from assay.lifecycle import Board
    from assay.policy.gate import Decision
    from assay.policy.policy import Policy
    from assay.question import Question
    from assay.registry.registry import Registry
    from assay.registry.verify import VerificationReport
    from assay.registry.version import ModelVersion
    from assay.reproduce import Reproduction
    from assay.run import Run
    from assay.store.store import Store


class Project:
    """A folder with ``assay.yaml`` and ``policy.yaml``, and all that the store knows of it.

    Examples
    --------
    ::

        project = assay.Project.open("examples/car-price")
        run = project.run()
        run.leaderboard; run.assessment; run.decision
        version = project.registry.approve(run.version, note="checked")
        project.deploy(version).predict({"make": "audi", ...})
    """

    def __init__(self, folder: Path, *, settings: Settings, progress: Progress) -> None:
        self.folder = folder
        self.settings = settings
        self._progress = progress

    @classmethod
    def open(
        cls,
        place: str | Path = ".",
        *,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Project:
        """Open a project by its folder, or by the name it was opened under before.

        Parameters
        ----------
        place : str or Path
            A folder that holds ``assay.yaml``, or a project's name.
        settings : Settings, optional
            By default read from the environment and ``config.yaml`` in the home folder.
        progress : Progress, optional
            Told how far long work is; by default nobody is.

        Raises
        ------
        InvalidConfig
            The folder's ``assay.yaml`` is wrong.
        UnknownName
            No project has this name.
        """
        settings = settings or Settings.load()
        folder = Path(place)
        if not (folder / "assay.yaml").is_file() and not folder.is_dir():
            folder = _remembered_folder(str(place), settings)
        quiet = LiveBoard() if teach_notebook() else Silent()
        return cls(folder.resolve(), settings=settings, progress=progress or quiet)

    @classmethod
    def of_version(
        cls,
        version: str,
        *,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Project:
        """Open the project that a version (``name@number``, or ``name``) belongs to."""
        return cls.open(version.partition("@")[0], settings=settings, progress=progress)

    @classmethod
    def create(
        cls, folder: str | Path, *, settings: Settings | None = None, **answers: Any
    ) -> Project:
        """Lay out a new project; see `assay.start.lay_out` for the answers it takes."""
        from assay.start import lay_out

        return cls.open(lay_out(Path(folder), **answers), settings=settings)

    @cached_property
    def question(self) -> Question:
        """What ``assay.yaml`` asks."""
        from assay.question import read_question

        return read_question(self.folder)

    @cached_property
    def policy(self) -> Policy:
        """What ``policy.yaml`` rules."""
        from assay.policy.policy import read_policy

        return read_policy(self.folder)

    @property
    def name(self) -> str:
        """Name of the project and of its models."""
        return self.question.name

    @cached_property
    def store(self) -> Store:
        """Where everything about it is recorded."""
        from assay.store.store import Store

        store = Store.of(self.settings)
        _remember_folder(store, self.name, self.folder)
        return store

    @cached_property
    def data(self) -> ProjectData:
        """Versions of its table."""
        return ProjectData(self)

    @cached_property
    def registry(self) -> Registry:
        """Its model versions."""
        from assay.registry.registry import Registry

        return Registry(
            self.store, self.name, actor=self.settings.actor, on_change=self._write_documents
        )

    def run(self, *, fresh: bool = False) -> Run:
        """Tell the whole story once; an interrupted run continues after its last finished step.

        Parameters
        ----------
        fresh : bool
            Start anew even where a run could be continued.

        Raises
        ------
        InvalidConfig, InvalidTable, InvalidFile
            The question, the policy or the table cannot carry a run; nothing is lost.
        RunBusy
            Another live process works on this run.
        """
        from assay.assess.check import all_checks
        from assay.policy.validation import validate_policy
        from assay.run import carry_out, find_interrupted, set_out

        codes = [check.code for check in all_checks()]
        validate_policy(self.policy, codes=codes, path=self.folder / "policy.yaml")
        given = (self.store, self.folder, self.question, self.policy)
        run = None if fresh else find_interrupted(*given)
        run = run or set_out(*given, actor=self.settings.actor)
        settings = self.settings
        carry_out(
            run,
            self.store,
            home=settings.home,
            threads=settings.threads,
            progress=self._progress,
        )
        self._write_documents(run.registered.version)
        return run

    def runs(self) -> list[Run]:
        """Its runs, oldest first."""
        from assay.run import find_runs

        return find_runs(self.store, self.name)

    def find_run(self, identifier: str = "") -> Run:
        """A run by its identifier; by default the newest."""
        runs = self.runs()
        if not identifier and runs:
            return runs[-1]
        for run in runs:
            if run.id == identifier:
                return run
        raise UnknownName("run", identifier or "latest", [r.id for r in runs], where=self.name)

    def search(
        self, acquired: Acquired | None = None, *, budget_s: float | None = None
    ) -> Searched:
        """Record the policy, then search for a model; by default on a newly read table."""
        from msgspec import structs

        from assay import stages

        question = self.question
        if budget_s is not None:
            budget = structs.replace(question.budget, seconds=budget_s)
            question = structs.replace(question, budget=budget)
        bench = self._bench()
        asked = stages.ask(bench, bench.keep(question), bench.keep(self.policy))
        acquired = acquired or stages.acquire(bench, asked)
        return stages.search(bench, structs.replace(acquired, asked=asked))

    def assess(
        self, what: Searched | str | Path | object = None, *, version: ModelVersion | str = ""
    ) -> Assessment:
        """Measure a model: of a search, or a version on the rows of another table.

        Parameters
        ----------
        what : Searched, path or table
            What a search left, to be measured on rows that the search never saw; or a table
            with the truth (`assay.data.source.read_table`). Findings on a table are not
            recorded; rows without a truth are set aside, and rows that the model learned from
            counted.
        version : ModelVersion or str
            With a table: ``name@number``, or empty for the newest version.

        Raises
        ------
        UnknownName
            There is no such version.
        ContractViolation, UnknownColumn, InvalidTable
            The table breaks the contract, lacks the truth, or has a class that the model does
            not know.
        """
        from assay import stages
        from assay.assess.finding import Assessment
        from assay.bench import Searched

        bench = self._bench()
        if isinstance(what, Searched):
            return bench.load(Assessment, stages.assess(bench, what).assessment)
        return self._assess_on(bench, what, version)

    def _assess_on(self, bench: Bench, table: object, version: ModelVersion | str) -> Assessment:
        """Measure a version on the rows of a table."""
        from assay.assess.assess import assess
        from assay.assess.request import requests_of
        from assay.data.source import read_table
        from assay.evidence import gather_subject_on

        if table is None:
            raise InputError("There is nothing to assess.", hint="Give a table with the truth.")
        found = self.registry.get(version or "latest")
        searched = self.find_run(found.run).searched
        subject = gather_subject_on(bench, searched, read_table(table))
        return assess(subject, requests_of(self.policy.rules), progress=self._progress)

    def reproduce(self, run: str = "", *, train: bool = True) -> Reproduction:
        """Make a run's model again from its record; see `assay.reproduce.reproduce`.

        Parameters
        ----------
        run : str
            Its identifier; by default the newest.
        train : bool
            Whether the search is repeated too, where its budget counts trials.
        """
        from assay.reproduce import reproduce

        return reproduce(self._bench(), self.find_run(run).searched, train=train)

    def bill_of_materials(
        self, version: ModelVersion | str = "", *, advisories: str | Path | None = None
    ) -> bytes:
        """CycloneDX 1.6 of a version, by default the newest; see `assay.bill`."""
        from assay.bill import bill_of_materials

        found = self.registry.get(version or "latest")
        known = None if advisories is None else Path(advisories)
        return bill_of_materials(self._bench(), found, advisories=known)

    def decide(self, assessment: Assessment) -> Decision:
        """Hold an assessment against today's policy; records nothing."""
        from assay.policy.gate import decide
        from assay.records import now

        return decide(self.policy, assessment, today=now()[:10])

    def causal(self, *, treatment: str, outcome: str = "", **options: Any) -> CausalReport:
        """Estimate what a treatment does, in the question's own table; no model is needed.

        Parameters
        ----------
        treatment : str
            A column of the table.
        outcome : str
            By default the question's target.
        **options
            As `assay.assess.causal.effect` takes them; ``groups`` are by default the question's
            affected groups, ``positive`` its positive class, ``ignore`` what it ignores.
        """
        from assay.assess.causal.analysis import effect

        question = self.question
        asked = outcome or question.target
        columns = (group.column for group in question.affected_groups)
        given: dict[str, Any] = {
            "groups": [name for name in columns if name],
            "ignore": question.ignore,
            "positive": (question.positive or "") if asked == question.target else "",
        }
        return effect(
            self.folder / question.data,
            treatment=treatment,
            outcome=asked,
            **{**given, **options},
        )

    def deploy(
        self, version: ModelVersion | str = "", *, host: str = "127.0.0.1", port: int = 0
    ) -> LocalEndpoint:
        """Start a local endpoint for a hallmarked version, in a process of its own.

        Parameters
        ----------
        version : ModelVersion or str
            A version, ``name@number``, or empty for the newest hallmarked one.
        host : str
            Address to listen on.
        port : int
            TCP port; 0 takes a free one.

        Raises
        ------
        GateRefused
            The version has no hallmark, or was retired.
        VerificationFailed
            A byte of the bundle is not what the hallmark says.
        """
        from assay.deploy.targets.local import LocalEndpoint

        found = self._hallmarked(version)
        folder = self._endpoints / self.name / f"bundle-{found.number}"
        self.registry.export(found, folder)
        endpoint = LocalEndpoint.start(
            folder,
            name=self.name,
            host=host,
            port=port,
            trusted_keys=[self.store.keys.public_pem()],
            record_dir=self._predictions,
            state_dir=self._endpoints,
        )
        self.store.ledger.append(
            self.name,
            "endpoint started",
            actor=self.settings.actor,
            subject=found.label,
            body={"url": endpoint.url},
        )
        return endpoint

    def version(self, reference: str = "") -> Version:
        """A handle of one version: ``name@number``, or the newest hallmarked one."""
        wanted = "hallmarked" if reference in {"", self.name} else reference
        return Version(project=self, record=self.registry.get(wanted))

    def export(
        self,
        version: ModelVersion | str,
        folder: str | Path,
        *,
        target: str = "onnx",
        int8: bool = False,
    ) -> Export:
        """Write a hallmarked version as a folder for one place, verified before it is written.

        Parameters
        ----------
        version : ModelVersion or str
            A version, ``name@number``, or empty for the newest hallmarked one.
        folder : str or Path
            Absent, empty, or an older export, which is replaced. It appears whole or not at all.
        target : {"onnx", "python", "browser", "c", "mlflow", "spark"}
            What the folder is for; see ``docs/export.md``.
        int8 : bool
            Store the weights of matrices as int8, if the training rows' answers stay.

        Raises
        ------
        GateRefused
            The version has no hallmark, or was retired.
        UnknownName, InputError
            There is no such target, or it cannot take this model.
        NotApplicable
            ``int8`` would save nothing.
        ParityFailed
            ``int8`` would change answers.
        InvalidFile
            The folder holds something else.
        """
        from assay.deploy.export import check_target
        from assay.shipping import export_version

        check_target(target, int8=int8)
        found = self._hallmarked(version)
        run = self.find_run(found.run)
        return export_version(
            self._bench(), self.registry, run, found, Path(folder), target=target, int8=int8
        )

    def score(
        self,
        source: str | Path | object,
        version: ModelVersion | str = "",
        *,
        native: bool = False,
    ) -> pl.DataFrame:
        """Answer every row of a table with a hallmarked version; nothing is recorded.

        Parameters
        ----------
        source : path or table
            A file, or anything with the Arrow capsule interface.
        version : ModelVersion or str
            A version, ``name@number``, or empty for the newest hallmarked one.
        native : bool
            Compile the model on this machine first: for very many rows, several times faster.

        Returns
        -------
        polars.DataFrame
            See `assay.deploy.batch.score_table`, which also says what may be raised.
        """
        from assay.shipping import score_source

        found = self._hallmarked(version)
        return score_source(self._bench(), self.registry, found, source, native=native)

    def _hallmarked(self, version: ModelVersion | str) -> ModelVersion:
        """A version that may be used; by default the newest."""
        wanted = "hallmarked" if version in {"", self.name} else version
        return self.registry.require_hallmarked(wanted)

    def endpoint(self, url: str = "") -> EndpointClient:
        """The running endpoint of this project on this machine, or the one at ``url``."""
        from assay.deploy.targets.local import EndpointClient

        return EndpointClient(url) if url else self._running_endpoint()

    def stop_endpoint(self) -> None:
        """Stop the running endpoint of this project; every prediction stays recorded."""
        self._running_endpoint().stop()
        self.store.ledger.append(self.name, "endpoint stopped", actor=self.settings.actor)

    def _running_endpoint(self) -> LocalEndpoint:
        from assay.deploy.targets.local import LocalEndpoint

        return LocalEndpoint.find(self.name, state_dir=self._endpoints)

    def status(self) -> Board:
        """The lifecycle board, worked out from the record."""
        from assay.lifecycle import draw_board

        return draw_board(self.question, self._facts())

    @property
    def _endpoints(self) -> Path:
        return self.settings.home / "endpoints"

    @property
    def _predictions(self) -> Path:
        return self._endpoints / self.name / "predictions"

    def _bench(self) -> Bench:
        """A bench for work step by step, outside a run."""
        from secrets import token_hex

        from assay.bench import Bench
        from assay.records import now

        return Bench(
            store=self.store,
            project=self.name,
            folder=self.folder,
            home=self.settings.home,
            run=f"by-hand-{now()}-{token_hex(2)}",
            actor=self.settings.actor,
            threads=self.settings.threads,
            progress=self._progress,
        )

    def _facts(self) -> Any:
        """What the record holds about the newest run."""
        from assay.lifecycle import Facts

        runs = self.runs()
        if not runs:
            return Facts()
        run = runs[-1]
        label = run.registered.version if run.finished else ""
        approvals = self.registry.approvals(label) if label else ()
        started = [
            e for e in self.store.ledger.entries(self.name) if e.action == "endpoint started"
        ]
        return Facts(
            **_digests(run),
            allowed=run.finished and bool(label),
            version=label,
            version_status=self.registry.status(label) if label else "",
            approvals=tuple(f"{a.by}, {a.at[:10]}" for a in approvals),
            documents=_documents(self.folder / "reports" / run.id),
            deployed=started[-1].subject if started else "",
            predictions=self._count_predictions(),
        )

    def _count_predictions(self) -> int:
        from assay.deploy.record import count_records

        return count_records(self._predictions) if self._predictions.is_dir() else 0

    def _write_documents(self, version: str) -> None:
        """Write the documents of the run that made a version, or of the newest run."""
        from assay.documents import write_documents

        label = version.partition("@")[2] and version
        run = self.find_run(self.registry.get(label).run if label else "")
        write_documents(self.store, run, self.folder / "reports" / run.id)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One model version in hand: its record, and the project that can act on it.

    Records are inert, also this one's: what works is the project.

    Examples
    --------
    ::

        project.version("car-price@1").export("to-ship", target="python")
    """

    project: Project
    record: ModelVersion

    def __repr__(self) -> str:
        return f"Version({self.label})"

    @property
    def label(self) -> str:
        """``name@number``."""
        return self.record.label

    @property
    def status(self) -> str:
        """Where it stands now, in the registry."""
        return self.project.registry.status(self.record)

    def export(self, folder: str | Path, *, target: str = "onnx", int8: bool = False) -> Export:
        """Write it as a folder for one place; see `Project.export`."""
        return self.project.export(self.record, folder, target=target, int8=int8)


class ProjectData:
    """Versions of a project's table."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def add(self, source: str | Path | object = None) -> Acquired:
        """Read a table into an immutable version, profile it, derive the contract, split it.

        Parameters
        ----------
        source : path or table, optional
            A file, or anything with the Arrow capsule interface (pandas, Polars, DuckDB, …);
            by default the table that the question names.
        """
        from assay import stages

        project = self._project
        bench = project._bench()
        return stages.acquire_from(bench, project.question, source)

    def versions(self) -> list[Dataset]:
        """All versions, oldest first."""
        from msgspec import convert

        from assay.data.dataset import Dataset

        project = self._project
        return [
            convert(r.body, Dataset) for r in project.store.records.find("dataset", project.name)
        ]

    def latest(self) -> Acquired:
        """The newest version with its profile, contract and split."""
        from msgspec import convert

        from assay.bench import Acquired

        project = self._project
        found = project.store.records.latest("acquired", project.name)
        if found is None:
            raise UnknownName("dataset version", "latest", (), where=project.name)
        return convert(found.body, Acquired)

    def profile(self) -> Profile:
        """What the newest version holds."""
        from assay.data.profile import Profile

        return Profile.from_json(self._project.store.artifacts.read(self.latest().profile))

    def contract(self) -> Contract:
        """What every later table and request is held to."""
        from assay.data.contract import Contract

        return Contract.from_json(self._project.store.artifacts.read(self.latest().contract))

    def check(self, source: str | Path | object) -> dict[str, Any]:
        """Hold another table to the contract; `ContractViolation` where it breaks it.

        Returns
        -------
        dict
            ``rows``, and ``novelties``: how many rows hold a category or a range never seen.
        """
        from collections import Counter

        from assay.data.source import read_table

        contract = self.contract()
        frame = contract.conform(read_table(source))
        counts = Counter((column, kind) for _, column, kind in contract.novelties(frame))
        novelties = [{"column": c, "kind": k, "rows": n} for (c, k), n in sorted(counts.items())]
        return {"rows": frame.height, "novelties": novelties}


def verify(
    target: str, *, keys: Sequence[str] = (), settings: Settings | None = None
) -> VerificationReport:
    """Check a hallmark: of a bundle or an exported folder, or of a registered version.

    Parameters
    ----------
    target : str
        A folder that holds ``hallmark.json`` (a bundle, or an export), or ``name`` or
        ``name@number``.
    keys : sequence of str
        Public keys (PEM) to trust; by default this store's own.

    Raises
    ------
    VerificationFailed
        Names the file or signature that does not match.
    """
    from tempfile import TemporaryDirectory

    from assay.registry.verify import verify_bundle

    settings = settings or Settings.load()
    if Path(target).is_dir() and not (Path(target) / "assay.yaml").exists():
        return _verify_folder(Path(target), list(keys) or [_own_key(settings)])
    project = Project.of_version(target, settings=settings)
    version = project.registry.require_hallmarked(target if "@" in target else "hallmarked")
    with TemporaryDirectory() as folder:
        bundle = project.registry.export(version, Path(folder) / "bundle")
        return verify_bundle(bundle, trusted_keys=list(keys) or [project.store.keys.public_pem()])


def _verify_folder(folder: Path, keys: list[str]) -> VerificationReport:
    from assay.deploy.export import FILE, verify_export
    from assay.registry.verify import verify_bundle

    verify_one = verify_export if (folder / FILE).is_file() else verify_bundle
    return verify_one(folder, trusted_keys=keys)


def _own_key(settings: Settings) -> str:
    from assay.store.store import Store

    with Store.of(settings) as store:
        return store.keys.public_pem()


def _remember_folder(store: Store, name: str, folder: Path) -> None:
    from assay.records import digest

    body = {"folder": str(folder)}
    latest = store.records.latest("project", name)
    if latest is None or latest.body != body:
        key = f"{(latest.number if latest else 0) + 1}:{digest(str(folder).encode())}"
        store.records.add_numbered("project", name, body, key)


def _remembered_folder(name: str, settings: Settings) -> Path:
    from assay.store.store import Store

    with Store.of(settings) as store:
        latest = store.records.latest("project", name)
        known = store.records.projects()
    if latest is None:
        raise UnknownName("project", name, known, where=str(settings.home))
    folder = Path(latest.body["folder"])
    if not (folder / "assay.yaml").is_file():
        raise InputError(
            f"The folder of project {name!r} is not where it was.",
            hint="Open it by its new path: assay status path/to/folder",
            where=str(folder),
        )
    return folder


def _digests(run: Run) -> dict[str, Any]:
    """Digests that the run's finished steps left."""
    found: dict[str, Any] = {}
    for step in run.steps.values():
        result: Mapping[str, Any] = step.result
        found.update({k: v for k, v in result.items() if k in _FACTS})
    return found


_FACTS = frozenset(
    {
        "policy_entry",
        "started_entry",
        "dataset",
        "profile",
        "contract",
        "split",
        "leaderboard",
        "parity",
        "assessment",
        "decision",
    }
)


def _documents(folder: Path) -> dict[str, str]:
    return {p.name: str(p) for p in sorted(folder.iterdir())} if folder.is_dir() else {}
