"""Pictures and pages out of a run folder."""
