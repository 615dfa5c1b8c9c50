"""Record a policy before training starts, so that nobody can fit the rules to the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.policy.policy import Policy

if TYPE_CHECKING:
    from assay.store.store import Store

RECORDED = "policy recorded"
"""The ledger's action."""


def record_policy(store: Store, project: str, policy: Policy, *, actor: str, run: str) -> str:
    """Keep a policy as an artifact and enter it in the ledger, once a run.

    Parameters
    ----------
    store : Store
        Where artifacts and the ledger are.
    project : str
        The project that the run belongs to.
    policy : Policy
        The rules that the run will be held to.
    actor : str
        Who starts the run.
    run : str
        The run; recording the same policy for it again changes nothing.

    Returns
    -------
    str
        Digest of the policy, which is also its artifact's.
    """
    digest = store.artifacts.put(policy.to_json())
    store.ledger.append(
        project,
        RECORDED,
        actor=actor,
        subject=digest,
        body={"policy": policy.name, "rules": len(policy.rules), "run": run},
        key=f"{RECORDED}:{project}:{run}:{digest}",
    )
    return digest
