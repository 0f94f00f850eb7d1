"""The report is one file, sound, and says what it shows."""

import html.parser
import pathlib

import keras
import numpy as np
import small_zoo

import keras_spa as spa
from keras_spa.cli import html as pages
from keras_spa.cli import report_plots

VOID = {"meta", "img", "br"}


class Reader(html.parser.HTMLParser):
    """Checks that tags are closed in order, and collects what it meets."""

    def __init__(self, page):
        super().__init__()
        self.open, self.met, self.text = [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.met.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_names_are_text_and_not_tags():
    names = ["<b>&", "</td>", '"quoted" 😀']
    rows = [["class", "n"], *([name, "1"] for name in names)]
    parts = [pages.table(rows, "<i>"), pages.items(names), pages.details("<", "", True)]
    parts.append(pages.figure(b"<svg/>", "a < b", 'an "alt" <text>'))
    reader = Reader(pages.page("<title>", parts))
    for name in names:
        assert reader.text.count(name) == 2
    tags = [tag for tag, _ in reader.met]
    assert not {"b", "i"} & {*tags}
    (image,) = (attrs for tag, attrs in reader.met if tag == "img")
    assert image["alt"] == 'an "alt" <text>'
    assert image["src"].startswith("data:image/svg+xml;base64,")
    scopes = [attrs["scope"] for tag, attrs in reader.met if tag == "th"]
    assert scopes == ["col"] * 2 + ["row"] * 3


def test_markdown_of_reports_becomes_tables_and_paragraphs():
    source = "A *verdict* of 1 < 2.\n\n| a\\|b | c |\n|---|---|\n| 1 | 2 |\n\nNote.\n"
    reader = Reader(pages.page("t", [pages.markdown(source)]))
    tags = [tag for tag, _ in reader.met]
    assert (tags.count("table"), tags.count("td"), tags.count("em")) == (1, 1, 1)
    assert "a|b" in reader.text
    assert "A verdict of 1 < 2." in reader.text


def test_a_report_needs_no_other_file(run):
    small_zoo.archive(pathlib.Path("zoo.npz"))
    flags = ("--depth=8", "--epochs=1", "--batch_size=32", "--skip_corrupt")
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if on_tensorflow:
        flags += ("--format=saved_model",)
    assert run("train", "zoo.npz", *flags)[0] == 0
    for name in ("model", "aligned"):
        saved = pathlib.Path("keras-spa-runs/1", name, "saved_model.pb")
        assert saved.exists() == on_tensorflow
    page = pathlib.Path("keras-spa-runs/1/report.html").read_text()
    reader = Reader(page)
    images = [attrs for tag, attrs in reader.met if tag == "img"]
    assert len(images) == 4
    assert all(image["alt"] for image in images)
    assert all(image["src"].startswith("data:image/") for image in images)
    others = {"script", "link", "iframe", "object"}
    assert not others & {tag for tag, _ in reader.met}
    assert "http" not in reader.text
    for name in small_zoo.NAMES:
        assert name in reader.text
    assert "On 12 test images" in reader.text
    assert "zoo.npz --held_out=0.1 --seed=0 --skip_corrupt" in reader.text
    assert "Training over 1 epoch" in reader.text
    assert "1 epochs" not in reader.text


def test_a_class_named_by_an_emoji_is_drawn_without_a_word(recwarn):
    split = spa.data.Split(np.zeros((4, 2, 2, 3), "uint8"), np.array([0, 0, 0, 1]))
    data = spa.data.LongTailedData("birds", split, None, None, ("emu", "🦤"))
    picture = report_plots.by_class(data, {"aligned": np.array([0.5, 1.0])})
    assert b"<svg" in picture
    assert not [str(warning.message) for warning in recwarn]
