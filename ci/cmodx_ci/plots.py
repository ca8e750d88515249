# SPDX-License-Identifier: Apache-2.0
"""Pictures of measurements, as SVG: each has axes with units, n, machine and commit."""

import io
import math
from collections.abc import Callable
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.hashsalt": "cmodx", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e4e4",
    "axes.axisbelow": True, "figure.constrained_layout.use": True,
})
from matplotlib.figure import Figure  # noqa: E402

Document = dict[str, Any]
_ours, _theirs, _colours = "#1f5fa8", "#c0504d", ("#1f5fa8", "#c0504d", "#3f8f4f", "#8064a2")


def _caption(document: Document) -> str:
    conditions = document["conditions"]
    words = [
        document["machine"]["name"], document["machine"]["architecture"], f"commit {document['tool']['commit']}",
        f"load {conditions['load_before']:.1f} to {conditions['load_after']:.1f}",
    ]
    if conditions["emulator"]:
        words.append(f"times of the emulator {conditions['emulator']}, of no CPU")
    return ", ".join(words)


def _svg(figure: Figure, document: Document, title: str) -> str:
    figure.suptitle(f"{title}\n{_caption(document)}", fontsize=9, x=0.01, ha="left")
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    made = text.getvalue()
    return made[made.index("<svg"):]


def _time(ns: float) -> str:
    for limit, scale, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"), (math.inf, 1e9, "s")):
        if abs(ns) < limit:
            return f"{ns / scale:.3g} {unit}"
    return ""


def _time_axis(axis) -> None:
    axis.set_major_formatter(lambda value, _: _time(value) if value > 0 else "0")


def prices(document: Document, group: str) -> str | None:
    """One row a price on a logarithmic axis: its samples by size, with median, p99 and p99.9."""
    rows = [p for p in document["prices"] if p["group"] == group and "n" in p]
    if not rows:
        return None
    figure = Figure(figsize=(9, 1.2 + 0.34 * len(rows)))
    axes = figure.subplots()
    for place, price in enumerate(rows):
        most = max(b["count"] for b in price["histogram"])
        for b in price["histogram"]:
            begin = max(b["from_ns"], 0.8)
            axes.fill_between([begin, begin * 10**0.1], place, place - 0.8 * math.sqrt(b["count"] / most),
                              color=_ours, alpha=0.35, linewidth=0)
        axes.plot([max(price["median_ns"], 0.8)], [place - 0.1], "o", color=_ours, markersize=4)
        axes.plot([max(price[k], 0.8) for k in ("p99_ns", "p999_ns")], [place - 0.1] * 2, "|", color="#333", markersize=6)
        axes.text(1.01, place, _time(price["median_ns"]), transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [p["name"] for p in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -1)
    axes.grid(axis="y", visible=False)
    _time_axis(axes.xaxis)
    axes.set_xlabel("time of one (height: square root of the count; dot: median, written right; bars: p99, p99.9)")
    n = sorted({p["n"] for p in rows})
    samples = f"n = {n[0]}" if len(n) == 1 else f"n = {n[0]} to {n[-1]}"
    return _svg(figure, document, f"{group}: what it costs, {samples} each")


def torn(document: Document) -> str | None:
    """Heat maps by width: boundary and bytes in front of it; a number in a quiet cell is the upper bound."""
    cells = [c for c in document["cells"] if c["map"] == "torn"]
    if not cells:
        return None
    widths = sorted({c["at"]["width"] for c in cells})
    boundaries = sorted({c["at"]["boundary"] for c in cells})
    figure = Figure(figsize=(11, 0.9 + 0.42 * len(boundaries) * len(widths)))
    every = figure.subplots(len(widths), 1, squeeze=False)[:, 0]
    shown = None
    for axes, width in zip(every, widths, strict=True):
        rows: dict[tuple[int, int], list[int]] = {}
        for c in cells:
            if c["at"]["width"] == width:
                of = rows.setdefault((c["at"]["boundary"], c["at"]["before"]), [0, 0])
                of[0] += c["torn"]
                of[1] += c["executions"]
        befores = sorted({before for _, before in rows})
        grid = [[math.nan] * len(befores) for _ in boundaries]
        for (boundary, before), (k, n) in rows.items():
            y, x = boundaries.index(boundary), befores.index(before)
            grid[y][x] = math.log10(k / n) if k else math.nan
            text = f"{k / n:.0e}" if k else f"<{3 / n:.0e}" if n else "?"
            axes.text(x, y, text.replace("e-0", "e-"), ha="center", va="center", fontsize=6, color="#000" if not k or k / n < 1e-3 else "#fff")
        shown = axes.imshow(grid, cmap="OrRd", vmin=-7, vmax=-1, aspect="auto")
        axes.set_facecolor("#f2f6f2")
        axes.grid(visible=False)
        axes.set_xticks(range(len(befores)), befores)
        axes.set_yticks(range(len(boundaries)), boundaries)
        axes.set_ylabel(f"{width} bytes\nboundary")
    every[-1].set_xlabel("bytes of the store in front of the boundary")
    n = sum(c["executions"] for c in cells)
    figure.colorbar(shown, ax=list(every), label="torn of executions, power of ten", fraction=0.03)
    return _svg(figure, document, f"Where code tears under one store, by width and place; n = {n:.3g} executions")


def lines(document: Document) -> str | None:
    cells = [c for c in document["cells"] if c["map"] == "lines" and "cost_ns" in c]
    if not cells:
        return None
    sets = 1 + max(c["at"]["set"] for c in cells)
    ways = 1 + max(c["at"]["way"] for c in cells)
    grid = [[math.nan] * sets for _ in range(ways)]
    for c in cells:
        grid[c["at"]["way"]][c["at"]["set"]] = c["cost_ns"]
    figure = Figure(figsize=(10, 1.6 + 0.16 * ways))
    axes = figure.subplots()
    flat = sorted(value for row in grid for value in row)
    figure.colorbar(axes.imshow(grid, cmap="viridis", aspect="auto", vmin=flat[0], vmax=flat[int(0.99 * (len(flat) - 1))]),
                    ax=axes, label="median, ns")
    axes.grid(visible=False)
    axes.set_xlabel("set (line of a page)")
    axes.set_ylabel("way (page)")
    old = sum(c["torn"] for c in cells)
    n = sum(c["executions"] for c in cells)
    return _svg(figure, document, f"Modify, maintain and run one line, by set and way; n = {n}, old code ran {old} times")


def matrix(document: Document) -> str | None:
    rows = [p for p in document["prices"] if p["group"] == "propagation" and "n" in p]
    if not rows:
        return None
    kinds = sorted({(p["mapping"], p["state"]) for p in rows})
    cpus = sorted({cpu for p in rows for cpu in (p["from_cpu"], p["to_cpu"])})
    figure = Figure(figsize=(2.6 * len(kinds) + 0.6, 2.4 + 0.25 * len(cpus)))
    every = figure.subplots(1, len(kinds), squeeze=False)[0]
    low, high = min(p["median_ns"] for p in rows), max(p["median_ns"] for p in rows)
    for axes, kind in zip(every, kinds, strict=True):
        grid = [[math.nan] * len(cpus) for _ in cpus]
        for p in rows:
            if (p["mapping"], p["state"]) == kind:
                y, x = cpus.index(p["from_cpu"]), cpus.index(p["to_cpu"])
                grid[y][x] = p["median_ns"]
                axes.text(x, y, _time(p["median_ns"]), ha="center", va="center", fontsize=8)
        axes.imshow(grid, cmap="Blues", vmin=low / 2, vmax=high * 1.5)
        axes.grid(visible=False)
        axes.set_xticks(range(len(cpus)), cpus)
        axes.set_yticks(range(len(cpus)), cpus)
        axes.set_xlabel("to CPU")
        axes.set_ylabel("from CPU")
        axes.set_title(f"{kind[0]}, executor {kind[1]}", fontsize=8)
    return _svg(figure, document, f"From a store to the first execution of the new code, median of n = {rows[0]['n']}")


_log_y = {"wait", "crossover", "lines"}
_log_x = {"toggle", "crossover", "lines"}
_titles = {
    "wait": "Breakpoint, wait, tail, head without synchronization: torn by length of the wait",
    "toggle": "Loss of calls by toggles a second",
    "crossover": "Lazy check against broadcast: time of both CPUs a call",
    "distance": "A thread modifies the instruction so many bytes ahead: what that adds to the store",
    "lines": "Many lines modified and run anew",
}


def curve(document: Document, name: str) -> str | None:
    every = [c for c in document["curves"] if c["curve"] == name and c["points"]]
    if not every:
        return None
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    for number, one in enumerate(every):
        points = one["points"]
        published = "source" in one
        colour = _theirs if published else _colours[number % len(_colours)]
        # Where nothing was seen, a logarithmic axis has the upper bound, joined to nothing.
        seen = [p for p in points if p["y"] > 0 or name not in _log_y]
        y = [p["y"] for p in seen]
        # A point without an interval has no bar: one of no length would look like certainty.
        known = [p if "low" in p else p | {"low": math.nan, "high": math.nan} for p in seen]
        away = [[max(p["y"] - p["low"], 0.0) for p in known], [max(p["high"] - p["y"], 0.0) for p in known]]
        axes.errorbar([p["x"] for p in seen], y, yerr=away, color=colour, marker="s" if published else "o", markersize=4,
                      capsize=3, linestyle="--" if published else "-", linewidth=1.2,
                      label=one["name"] + (" (published)" if published else ""))
        quiet = [p for p in points if p not in seen and "high" in p]
        if quiet:
            axes.plot([p["x"] for p in quiet], [p["high"] for p in quiet], "v", markerfacecolor="none", color=colour,
                      label="none: upper bound, 95 %")
    axes.set_xlabel(f"{every[0]['x']}, {every[0]['x_unit']}")
    axes.set_ylabel(f"{every[0]['y']}, {every[0]['y_unit']}")
    if name in _log_x:
        axes.set_xscale("log")
    elif name in ("wait", "distance"):
        axes.set_xscale("symlog", linthresh=4 if name == "distance" else 20)
    if name in _log_y:
        axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8)
    n = [p["n"] for one in every if "source" not in one for p in one["points"]]
    return _svg(figure, document, f"{_titles.get(name, name)}; n = {min(n)} to {max(n)} a point, bars 95 %")


def _literal(value: Any) -> Any:
    """With the dollars in its texts escaped: between two of them matplotlib reads a formula."""
    if isinstance(value, dict):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value.replace("$", r"\$") if isinstance(value, str) else value


def of(document: Document) -> list[str]:
    """Every picture that the document has figures for."""
    document = _literal(document)
    groups = list(dict.fromkeys(p["group"] for p in document["prices"]))
    names = list(dict.fromkeys(c["curve"] for c in document["curves"]))
    makers: list[Callable[[], str | None]] = [lambda: torn(document), lambda: matrix(document), lambda: lines(document)]
    makers += [lambda name=name: curve(document, name) for name in names]
    makers += [lambda group=group: prices(document, group) for group in groups]
    return [picture for maker in makers if (picture := maker()) is not None]
