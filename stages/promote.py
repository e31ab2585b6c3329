"""Make the candidate the champion if the gate lets it pass: `python -m stages.promote [--markdown FILE]`; no stage."""

from pathlib import Path

from pipeline.command import make_parser, output_file, run


def main() -> int:
    """Exit 1 when something is regressed and the champion stays, 2 when there is nothing to compare."""
    parser = make_parser(__doc__, "promote --yes")
    parser.add_argument("--markdown", type=output_file, metavar="FILE", help="the comparisons")
    parser.add_argument("--yes", action="store_true", help="do not ask before it takes another champion's place")
    parser.add_argument("--restore", action="store_true", help="only put the champion on record into an empty registry")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.files.atomic import write_text
    from pipeline.gate.comparison_text import render_markdown, render_terminal
    from pipeline.serving.champion import restore
    from pipeline.serving.promotion import promote

    if arguments.restore:
        print(restore(load_params().profile, Path.cwd()) or "the registry has its champion, or there is none on record")
        return 0
    promotion = promote(load_params(), Path.cwd(), arguments.yes)
    comparisons = [comparison for comparison in (promotion.table, promotion.models) if comparison]
    for comparison in comparisons:
        print(f"{comparison.current} against {comparison.baseline}\n{render_terminal(comparison)}\n")
    if arguments.markdown:
        write_text(arguments.markdown, "\n".join(map(render_markdown, comparisons)))
    candidate, champion = promotion.candidate, promotion.champion
    stays = f"version {champion.version} stays the champion" if champion else "there is no champion"
    end = "is the champion" if promotion.is_champion else f"did not pass; {stays}"
    print(f"{candidate.name}: version {candidate.version} {end}")
    return int(not promotion.is_champion)


if __name__ == "__main__":
    run(main, exit_code=2)
