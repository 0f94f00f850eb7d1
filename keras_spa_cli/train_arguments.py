"""The flags of `keras-spa train`."""

from collections.abc import Callable
from typing import Any

from keras_spa_cli.types import integer, number, seed, share

METHODS = ("balanced_softmax", "ce", "logit_adjustment", "ldam_drw")
ALIGNMENTS = ("none", "reg", "slerp", "proj")
BACKBONES = (
    "resnet_cifar",
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
    *("efficientnet_b0", "efficientnet_v2_b0", "efficientnet_v2_s"),
    *("resnet50_v2", "convnext_tiny"),
)
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
FORMATS = ("saved_model", "onnx", "litert")


def backbone(text: str) -> str:
    """One of `BACKBONES`, or `hub:PRESET`."""
    if text in BACKBONES or text.startswith("hub:") and len(text) > 4:
        return text
    raise ValueError


def add_train(add: Callable[..., Any]) -> None:
    about = "folder of the runs; each gets a numbered one; default: keras-spa-runs"
    add("--output", default="keras-spa-runs", metavar="FOLDER", help=about)
    about = "loss and classifier; default: balanced_softmax"
    add("--method", choices=METHODS, default=METHODS[0], help=about)
    about = "SpA-Reg, SpA-SLERP or SpA-Proj during training, in the metric of the noise"
    about += "; default: none"
    add("--alignment", choices=ALIGNMENTS, default="none", help=about)
    _network(add)
    _schedule(add)
    about = "share of each class to hold out where DATA have no val/: at least one and"
    about += " at most 50 images, never more than half of the class; default: 0.1"
    add("--held_out", type=share, metavar="SHARE", help=about)
    about = "random crops and mirror images; default: auto"
    add("--augment", choices=("auto", "none"), default="auto", help=about)
    about = "default: auto, bfloat16 where the device computes with it, else float32"
    add("--precision", choices=PRECISIONS, default="auto", help=about)
    about = "write the models in this form, too"
    add("--format", choices=FORMATS, help=about)
    add("--tensorboard", action="store_true", help="write logs for TensorBoard")
    add("--seed", type=seed, default=0, metavar="N", help="default: 0")


def _network(add: Callable[..., Any]) -> None:
    about = f"one of {', '.join(BACKBONES)}, or hub:PRESET of KerasHub; default: "
    about += "resnet_cifar for images of up to 64 pixels, else mobilenet_v3_small"
    add("--backbone", type=backbone, metavar="NAME", help=about)
    depths = (8, 14, 20, 32, 44, 56)
    about = "of resnet_cifar; default: 32"
    add("--depth", type=int, choices=depths, default=32, help=about)
    about = "channels of resnet_cifar; default: 16"
    add("--width", type=int, choices=(16, 32, 64), default=16, help=about)
    about = "imagenet (needs a network), or a file of weights; default: none"
    add("--weights", default="none", metavar="none|imagenet|FILE", help=about)
    about = "side in pixels; default: that of the data if all are alike and at most 64,"
    about += " else 224"
    add("--image_size", type=integer(8, 4096), metavar="N", help=about)


def _schedule(add: Callable[..., Any]) -> None:
    add("--epochs", type=integer(1), default=50, metavar="N", help="default: 50")
    add("--batch_size", type=integer(1), default=64, metavar="N", help="default: 64")
    about = "highest learning rate, of AdamW; default: 0.001, with --weights 0.0001"
    add("--learning_rate", type=number(1e-9, 10), metavar="R", help=about)
    about = "default: 0.05"
    add("--weight_decay", type=number(0, 10), default=0.05, metavar="R", help=about)
    about = "epochs without a better balanced accuracy of the held-out images after"
    about += " which to stop, 0: never; default: 10"
    add("--patience", type=integer(0), default=10, metavar="N", help=about)
