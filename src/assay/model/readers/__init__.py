"""Readers: what other libraries fitted, as members of a plan.

One module a library or kind of model. Each has three functions: ``check`` refuses what cannot be
read, before it is fitted where parameters tell; ``read`` gives the member; ``answer`` gives the
library's own prediction, which the member is proved equal to. `read_member` and its fellows find
the module by the name of the model's class, so that no library is imported to ask.
"""

from __future__ import annotations

from assay.model.readers.read import (
    check_compilable,
    known_models,
    predict_native,
    read_beside,
    read_member,
)

__all__ = ["check_compilable", "known_models", "predict_native", "read_beside", "read_member"]
