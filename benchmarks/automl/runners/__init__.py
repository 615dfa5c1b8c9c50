"""One module a tool, run by the tool's own interpreter: `python -m benchmarks.automl.runners.NAME`.

They may import what their environment holds and `runners.job`, nothing else of ours.
"""
