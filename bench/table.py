"""Measurements as a table: first those that have a target, then the rest."""

from typing import Any

# What issue and README promise, on two cores: at least or at most so much.
TARGETS = {
    "pcgrad_vs_course": (">=", 11.0),
    "pcgrad_vs_best_peer": (">=", 2.5),
    "share_of_limit": (">=", 0.5),
    "pcgrad_over_sum_time": ("<=", 1.1),
    "pcgrad_over_sum_memory": ("<=", 1.5),
    "repro_noop_ratio": ("<=", 1.5),
    "event_log_share": ("<=", 0.01),
    "projection_first_s": ("<=", 5.0),
    "projection_again_s": ("<=", 0.5),
}


def render(device: str, numbers: dict[str, Any]) -> str:
    """A line for each number; targets are for the CPU."""
    targets = TARGETS if device == "cpu" else {}
    names = [*(name for name in targets if name in numbers), *(name for name in numbers if name not in targets)]
    width = max(map(len, names), default=0)
    lines = [f"{device}:"]
    for name in names:
        line = f"  {name:{width}}  {_show(numbers[name])}"
        if name in targets:
            sign, target = targets[name]
            is_met = numbers[name] >= target if sign == ">=" else numbers[name] <= target
            line += f"  (target {sign} {target:g}: {'met' if is_met else 'MISSED'})"
        lines.append(line)
    return "\n".join(lines)


def render_markdown(numbers: dict[str, dict[str, Any]]) -> str:
    """The same as markdown, for the README: what has a target as a table, the rest folded away."""
    lines = []
    for device, values in numbers.items():
        aimed = [name for name in TARGETS if name in values] if device == "cpu" else []
        if aimed:
            lines += [f"| {device} | measured | aimed at |", "|---|---:|---:|"]
            signs = {">=": "≥", "<=": "≤"}
            for name in aimed:
                sign, target = TARGETS[name]
                lines.append(f"| `{name}` | {_show(values[name])} | {signs[sign]} {target:g} |")
            lines.append("")
        rest = [name for name in values if name not in aimed]
        lines += [f"<details><summary>{device}: {len(rest)} more figures</summary>", "", "| | measured |", "|---|---:|"]
        lines += [f"| `{name}` | {_show(values[name])} |" for name in rest]
        lines += ["", "</details>", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def round_all(value: Any, digits: int = 4) -> Any:
    """Every float to so many significant digits, in dictionaries and lists too."""
    if isinstance(value, dict):
        return {key: round_all(each, digits) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [round_all(each, digits) for each in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_show(each)}" for key, each in value.items())
    return (
        f"{value:,.3f}"
        if isinstance(value, float) and abs(value) < 100
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )
