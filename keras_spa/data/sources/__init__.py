"""Where images come from: one module a source, one row of `SOURCES` a name.

A loader is a function from a `Request` to all images of a data set; what it owes is
said at `Loader`. To add a data source, write its loader into a module of this folder,
give it a row below, and describe its name in `keras_spa.data.load`. A name that ends in
`:PATH` stands for all names that begin so.
"""

from keras_spa.data.sources.base import Loader, Request, Source
from keras_spa.data.sources.csv import load_csv
from keras_spa.data.sources.digits import load_digits
from keras_spa.data.sources.folder import load_folder
from keras_spa.data.sources.imagenet_lt import load_imagenet_lt
from keras_spa.data.sources.npz import load_npz
from keras_spa.data.sources.tfds import load_tfds

SOURCES: dict[str, Source] = {
    "cifar10": Source(load_tfds),
    "cifar100": Source(load_tfds),
    "digits": Source(load_digits),
    "imagenet_lt": Source(load_imagenet_lt, long_tailed=True),
    "npz:PATH": Source(load_npz),
    "folder:PATH": Source(load_folder),
    "csv:PATH": Source(load_csv),
}

__all__ = ["SOURCES", "Loader", "Request", "Source"]
