"""The figure of `npembed show norm`, made to be projected: two planes above, two curves below."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Arc

from ..embedding.row_maps import normalize

ROW, ALONG, ACROSS, STEP, BACK, NEW = "#1b1b1b", "#d55e00", "#0072b2", "#7a5195", "#cc79a7", "#009e73"
COLORS = {"normalizer": "#0072b2", "constrainer": "#d55e00"}
PLANE = (0.485, 0.36)  # width and height of a plane, as shares of the figure
PLANE_RATIO = PLANE[0] * 16 / (PLANE[1] * 9)
STEP_LENGTH = 0.75  # in the planes a step is drawn this long, whatever the learning rate


def draw(result, path):
    """Draw the figure of one run into a PNG file.

    Parameters
    ----------
    result : dict, as `npembed.show.norm` returns it
    path : where the file goes
    """
    figure = Figure(figsize=(16, 9), dpi=110)
    s = result["settings"]
    title = f"One norm in two places: TransE on {s['dataset'].capitalize()}, d = {s['dim']}, learning rate {s['lr']:g}"
    figure.suptitle(title, fontsize=26, y=0.975)
    drawn = STEP_LENGTH / (s["lr"] * np.hypot(result["arrow"]["tangential"], result["arrow"]["radial"]) or np.inf)
    times = f"{drawn:.2g} times as long as the constrainer's was" if drawn else "with a learning rate above 0"
    step = f"one step of one row, of length one in both: {result['arrow']['entity']} and its first gradient, drawn {times}"
    figure.text(0.5, 0.885, step, fontsize=17, color="#555555", ha="center")
    _plane(figure.add_axes((0.01, 0.44, *PLANE)), "normalizer", result["arrow"])
    _plane(figure.add_axes((0.505, 0.44, *PLANE)), "constrainer", result["arrow"])
    _norms(figure.add_axes((0.06, 0.085, 0.41, 0.28)), result["ways"])
    _shares(figure.add_axes((0.56, 0.085, 0.41, 0.28)), result["ways"])
    figure.savefig(path, format="png")


def _plane(axes, way, arrow):
    """One row in the plane of itself and its gradient, the row pointing up; what is drawn is said beside it, line by line."""
    size = np.hypot(arrow["tangential"], arrow["radial"]) or 1.0
    x = np.array([0.0, 1.0])
    across = np.array([-arrow["tangential"] / size * STEP_LENGTH, 0.0])
    along = np.array([0.0, -arrow["radial"] / size * STEP_LENGTH])
    axes.add_patch(Arc((0, 0), 2, 2, theta1=80, theta2=160, lw=2, color="#bbbbbb"))
    said = [("row x, drawn at length 1", ROW)]
    _arrow(axes, (0, 0), x, ROW)
    if way == "normalizer":
        new = x + across
        seen = normalize(new[None])[0]
        _arrow(axes, x + across, x + across + along, ALONG, style=":")
        _arrow(axes, (0, 0), new, NEW)
        _arrow(axes, x, new, ACROSS)
        axes.plot(*seen, "o", ms=15, color=NEW)
        said += [("-gradient along it: the vjp removes it", ALONG)]
        said += [("-gradient across it: the step", ACROSS), ("new row: longer", NEW)]
        said += [("(dot: what the model sees of it)", NEW)]
        title = "Normalizer: inside the forward pass"
    else:
        stepped = x + across + along
        new = normalize(stepped[None])[0]
        _arrow(axes, x, x + across, ACROSS, style=":")
        _arrow(axes, x + across, stepped, ALONG, style=":")
        _arrow(axes, (0, 0), new, NEW)
        _arrow(axes, x, stepped, STEP)
        _arrow(axes, stepped, new, BACK)
        said += [("-gradient across it", ACROSS), ("-gradient along it", ALONG), ("the step: both", STEP)]
        said += [("pulled back by the constrainer", BACK), ("new row, of length 1", NEW)]
        title = "Constrainer: after the update"
    axes.set_title(title, fontsize=22, color=COLORS[way], pad=12)
    top = max(1.06, 1.06 + along[1])
    axes.set(xlim=(-0.95, (top + 0.03) * PLANE_RATIO - 0.95), ylim=(-0.03, top))
    axes.axis("off")
    for line, (text, color) in enumerate(said):
        axes.text(0.2, 0.9 - 0.15 * line, text, fontsize=18, color=color)


def _arrow(axes, start, end, color, *, style="-"):
    """An arrow from start to end, unless it has no length to speak of."""
    if np.hypot(*np.subtract(end, start)) > 0.01:
        look = {
            "arrowstyle": "-|>,head_width=.5,head_length=.9",
            "color": color,
            "lw": 4,
            "ls": style,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        axes.annotate("", end, start, arrowprops=look)


def _norms(axes, ways):
    for way, records in ways.items():
        epochs = [r["epoch"] for r in records]
        low, high = ([r[key] for r in records] for key in ("norm_min", "norm_max"))
        axes.fill_between(epochs, low, high, color=COLORS[way], alpha=0.3)
        axes.plot(epochs, low, color=COLORS[way], lw=2)
        axes.plot(epochs, high, color=COLORS[way], lw=2, label=way)
    _finish(axes, "Length of the stored rows, shortest to longest", "length")
    axes.set_ylim(bottom=0)


def _shares(axes, ways):
    for way, records in ways.items():
        axes.plot(
            [r["epoch"] for r in records[1:]],
            [100 * r["radial_share"] for r in records[1:]],
            "o-",
            color=COLORS[way],
            lw=3,
            ms=8,
            label=way,
        )
    _finish(axes, "Part of the gradient along the row", "% of squared length")
    axes.set_ylim(bottom=-2)


def _finish(axes, title, label):
    axes.set_title(title, fontsize=18)
    axes.set_xlabel("epoch", fontsize=16)
    axes.set_ylabel(label, fontsize=16)
    axes.tick_params(labelsize=14)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=16, frameon=False)
