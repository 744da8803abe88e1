# %% [markdown]
# # Signal Perception in a notebook
#
# Each `# %%` begins a cell: open this file in VS Code, PyCharm or Jupyter (Jupytext), or run it as
# it is, `python docs/notebook.py`, from any folder of the project. It makes two figures: one from
# the tables that come with the project, which needs neither PyTorch nor data, and one of what a
# model of the study computes on a video of your own, `VIDEO=wave.mp4 python docs/notebook.py`.
# Figures go to the folder FIGURES, by default the working directory.

# %%
import os
import sys
from pathlib import Path

import matplotlib

if "ipykernel" not in sys.modules:
    # a script draws into files, without a window
    matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import signal_perception
from signal_perception.pipeline.errors import UserError

FIGURES = Path(os.environ.get("FIGURES", "."))
MODEL = "timesformer_divided"

# %% [markdown]
# ## A figure from the tables
#
# `tables` puts the rows of all models of the study into one frame; docs/map.md explains the
# columns. `delta` is the log amplitude at the poster's bin, less that at frequency 0: low values
# mean that an activation hardly changes in time. `clip-static` is the same clip's difference to its
# first frame repeated: what of it is motion.

# %%
depth = signal_perception.tables("depth")
delta = depth.query(
    "quantity == 'delta' and statistic == 'log_mean' and point == 'poster' and weights == dataset"
)
dataset = delta["dataset"].iloc[0]
seed = delta["seed"].min()
delta = delta.query("dataset == @dataset and seed == @seed")

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for axis, control, title in zip(
    axes, ("clip", "clip-static"), ("Δ of the clip", "Δ of the clip − Δ of its first frame")
):
    for model, rows in delta[delta["control"] == control].groupby("model", sort=False):
        # the pixels themselves are no layer of a model
        rows = rows[rows["tap"] != "input"]
        place = np.linspace(0, 1, len(rows))
        (line,) = axis.plot(place, rows["value"], marker="o", markersize=3, label=model)
        axis.fill_between(place, rows["low"], rows["high"], color=line.get_color(), alpha=0.2)
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.set(title=f"{title}, {dataset}", xlabel="normalised depth", ylabel="Δ log amplitude")
axes[0].legend(fontsize=7)
figure.savefig(FIGURES / "notebook_depth.png", dpi=110)
print(f"{FIGURES / 'notebook_depth.png'}: {delta['model'].nunique()} models on {dataset}, 95 %")

# %% [markdown]
# ## A model on a video of your own
#
# A model of the study is loaded with its class names and the size of its clips. Without its weights
# there is no figure: random ones would show nothing. `signal-perception repro` makes them, `dvc
# pull` fetches them.

# %%
try:
    model = signal_perception.load_model(MODEL)
except UserError as reason:
    print(f"No second figure. {reason}")
    sys.exit()
print(model)


# %% [markdown]
# Your video, or a disc that moves to the right.


# %%
def film(path: Path, frames: int = 24, size: int = 64) -> Path:
    """Write a video of a disc that moves to the right."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        down, right = np.mgrid[:size, :size]
        for number in range(frames):
            centre = size * (0.2 + 0.6 * number / frames)
            disc = (right - centre) ** 2 + (down - size / 2) ** 2 < (size / 6) ** 2
            picture = np.where(disc[..., None], (240, 200, 60), (30, 60, 90)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


video = Path(os.environ["VIDEO"]) if "VIDEO" in os.environ else film(FIGURES / "notebook_disc.mp4")
(prediction,) = signal_perception.predict(model, video)
for name, share in prediction.best:
    print(f"{share:6.1%}  {name}")

# %% [markdown]
# ## What its taps say
#
# `record` gives the activation at every tap, (clip, time, height, width, channel). Their amplitude
# over time, by `numpy.fft`, is what the figure of the study is made of; here of one video, so
# without an interval.

# %%
clip = signal_perception.read_clips(model, video)[0]
still = clip[:1].expand_as(clip)
recorded = {
    "the video": signal_perception.record(model, clip),
    "its first frame": signal_perception.record(model, still),
}
with signal_perception.perturbed(model, "spatial_attn.v", pool="middle", sigma=0.2, rho=0.5):
    recorded["the video, noise on W_V of the middle third"] = signal_perception.record(model, clip)


def poster_delta(activation: np.ndarray) -> float:
    """Δ log amplitude at the poster's bin: (b t h w c) → ln(mean amplitude there / at 0)."""
    amplitude = np.abs(np.fft.rfft(activation.astype(np.float64), axis=1)).mean(axis=(0, 2, 3, 4))
    return float(np.log(amplitude[activation.shape[1] // 2 - 1] / amplitude[0]))


figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
for (what, taps), style in zip(recorded.items(), ("-o", "--s", ":^")):
    values = [poster_delta(activation) for activation in taps.values()]
    axis.plot(list(taps), values, style, markersize=4, label=what)
axis.tick_params(axis="x", labelrotation=90, labelsize=7)
axis.set(title=f"{model.name} on {video.name}", ylabel="Δ log amplitude, one video")
axis.legend(fontsize=8)
figure.savefig(FIGURES / "notebook_taps.png", dpi=110)
print(f"{FIGURES / 'notebook_taps.png'}: {len(recorded['the video'])} taps of {model.name}")
