"""The css of the report page: light and dark as the reader has it, from a phone's width up."""

STYLE = """<style>
:root { color-scheme: light dark; --text: #1c2126; --soft: #5c6670; --line: #d9dee3; --band: #f4f6f8; --page: #fff;
  --better: #0062a0; --worse: #b34700; --warn: #fff4d6; --link: #0062a0; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e7ea; --soft: #9aa4ae; --line: #343b42; --band: #1d2227; --page: #14181b;
    --better: #6cbcf5; --worse: #ff9d5c; --warn: #3a3115; --link: #6cbcf5; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem clamp(.75rem, 3vw, 2rem) 4rem; background: var(--page);
  color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 1rem 0 .25rem; }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1.5rem 0 .5rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1rem 0; }
a { color: var(--link); }
code { font-size: .875em; overflow-wrap: anywhere; }
figure { margin: 1.25rem 0; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 6px; }
figcaption, .notes, .data { color: var(--soft); font-size: .875rem; padding-top: .25rem; }
.caveats { background: var(--warn); border-radius: 6px; padding: .6rem .75rem .6rem 1.9rem; font-size: .925rem; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .6rem .7rem; }
th, td { padding: .35rem .7rem; text-align: right; vertical-align: top; border-top: 1px solid var(--line); }
th.word, td.word { text-align: left; }
thead th { background: var(--band); white-space: nowrap; }
tbody tr > :first-child { position: sticky; left: 0; background: var(--page); }
td.long { min-width: 16rem; }
td.score { white-space: nowrap; }
td code { overflow-wrap: normal; }
td .interval, td .said { display: block; color: var(--soft); font-size: .8em; }
td .interval, td .said, td .paper { font-weight: 400; }
td .paper { color: var(--soft); }
td.better { color: var(--better); font-weight: 600; }
td.worse { color: var(--worse); font-weight: 600; }
td.collapsed { background: var(--warn); }
@media (max-width: 40rem) {
  th, td { padding: .3rem .45rem; font-size: .8rem; }
  tbody tr > :first-child { max-width: 9rem; }
}
</style>"""
