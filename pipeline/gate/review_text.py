"""A review as markdown, for a job summary and for a comment on a pull request."""

from pipeline.gate.comparison_text import render_markdown
from pipeline.gate.review import Review

TITLES = {0: "no regression", 1: "stopped", 2: "could not be judged"}
NUM_NAMED = 12  # stages that are named one by one


def render_review(review: Review) -> str:
    """The verdict first, then what is in the way, what was run, and the gate's comparison."""
    lines = [f"## {review.profile}: {TITLES[review.exit_code]}", ""]
    lines += [f"- {problem}" for problem in review.problems]
    if review.stale:
        lines.append(f"- **dvc.lock is stale**: `dvc repro`, and commit it. Stale: {_name(review.stale)}.")
    if review.ran is not None:
        ran = _name(review.ran) if review.ran else "nothing"
        lines.append(f"- What had to be run since {review.base[:7]}, from which this branched off: {ran}.")
    if review.accepted:
        lines.append(
            "- This change has a baseline of its own, which is what counts; its diff is to be read like code. The "
            "comparison with it comes first, that with the old one below."
        )
    comparisons = [comparison for comparison in (review.accepted, review.comparison) if comparison]
    return "\n".join([*lines, "", *map(render_markdown, comparisons)])


def _name(stages: list[str]) -> str:
    named = ", ".join(f"`{stage}`" for stage in stages[:NUM_NAMED])
    more = len(stages) - NUM_NAMED
    return f"{named} and {more} more" if more > 0 else named
