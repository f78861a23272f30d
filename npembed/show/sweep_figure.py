"""The figure of `npembed show norm --sweep`, made to be projected: how well the two places rank, and what their rows feel."""

import textwrap

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .norm_figure import COLORS

LOW, MEDIAN, HIGH = 0, 1, 2
GREY = "#555555"


def draw(result, path):
    """Draw the figure of one sweep into a PNG file.

    Parameters
    ----------
    result : dict, as `npembed.show.sweep` returns it
    path : where the file goes
    """
    figure = Figure(figsize=(16, 9), dpi=110)
    s = result["settings"]
    title = f"One norm in two places, at every learning rate: TransE on {s['dataset'].capitalize()}, d = {s['dim']}"
    figure.suptitle(title, fontsize=26, y=0.975)
    seeds = f"{len(s['seeds'])} seeds" if len(s["seeds"]) > 1 else "one seed"
    said = f"{s['epochs']} epochs; lines: medians of {seeds}; bands: least to largest (of rows too, on the right)"
    figure.text(0.5, 0.885, said, fontsize=17, color=GREY, ha="center")
    panels = (0.065, 0.285, 0.5, 0.53), (0.65, 0.595, 0.335, 0.22), (0.65, 0.285, 0.335, 0.22)
    ranking, lengths, rates = (figure.add_axes(panel) for panel in panels)
    _ranking(ranking, result)
    _rows(lengths, result, "lengths", "Length of the rows after training")
    _rows(rates, result, "rates", "Rate they feel then: normalizer lr / |x|²")
    rates.set_yscale("log")
    _plain_numbers(rates.yaxis)
    for axes in (ranking, lengths, rates):
        _finish(axes, s["lrs"])
    for axes in (lengths, rates):
        for lr in result["crossings"]:
            _mark(axes, lr)
    for axes in (ranking, rates):
        axes.set_xlabel("learning rate lr", fontsize=16)
    lengths.tick_params(labelbottom=False)
    caption = [line for sentence in result["sentences"] for line in _wrap(sentence)]
    figure.text(0.03, 0.188, "\n".join(caption), fontsize=14.5 * min(1, 6 / len(caption)), va="top", linespacing=1.35)
    figure.savefig(path, format="png")


def _wrap(sentence):
    """Lines of a caption; what stands around a sign stays together."""
    for sign in "=/":
        sentence = sentence.replace(f" {sign} ", f"\N{NO-BREAK SPACE}{sign}\N{NO-BREAK SPACE}")
    return textwrap.wrap(sentence.replace("^2", "²"), 150)


def _ranking(axes, result):
    """The two curves of MRR with their bands, and where they cross; dotted, the normalizer's against the rate that its rows felt."""
    for way, curve in result["curves"].items():
        _band(axes, [p["lr"] for p in curve], [p["mrr"] for p in curve], way, marker="o")
    inside = result["curves"]["normalizer"]
    felt, medians = zip(*((p["rates"][MEDIAN], p["mrr"][MEDIAN]) for p in inside), strict=True)
    label = "normalizer, at the rate its rows feel"
    axes.plot(felt, medians, ":", color=COLORS["normalizer"], lw=3, marker="o", ms=7, mfc="white", mew=2, label=label)
    axes.set_title("How well it ranks: MRR on test triples, filtered", fontsize=20, pad=10)
    axes.set_ylabel("MRR", fontsize=16)
    for i, lr in enumerate(result["crossings"]):
        _mark(axes, lr, label=None if i else "where the medians cross")
    axes.legend(fontsize=16, loc="lower right", framealpha=0.9, edgecolor="none")


def _rows(axes, result, name, title):
    """What the rows are like, over all rows and seeds."""
    for way, curve in result["curves"].items():
        _band(axes, [p["lr"] for p in curve], [p[name] for p in curve], way)
    axes.set_title(title, fontsize=18)
    if name == "lengths":
        axes.set_ylim(bottom=0)


def _band(axes, lrs, values, way, marker=None):
    """A line and what lies around it."""
    low, median, high = zip(*values, strict=True)
    axes.fill_between(lrs, low, high, color=COLORS[way], alpha=0.25, lw=0)
    axes.plot(lrs, median, color=COLORS[way], lw=4, marker=marker, ms=9, label=way)


def _mark(axes, lr, label=None):
    """Where the curves cross."""
    axes.axvline(lr, color=GREY, lw=1.5, ls="--", zorder=0, label=label)


def _finish(axes, lrs):
    """A log axis that ends where the learning rates do."""
    axes.set_xscale("log")
    axes.set_xlim(lrs[0] / 1.3, lrs[-1] * 1.3)
    _plain_numbers(axes.xaxis)
    axes.tick_params(labelsize=14)
    axes.spines[["top", "right"]].set_visible(False)


def _plain_numbers(axis):
    """0.01, 0.1, 1 instead of powers of ten (on a short axis 1, 2, 5, 10), and no small ticks."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,), numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
