"""The parts of `compare`: the tools, the measuring, the run, the report and its plot."""
