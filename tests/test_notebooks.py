"""What notebooks show, and what completion offers."""

import numpy as np

import keras_spa as spa

CHOICE = spa.AlignmentChoice(tau=1.0, beta=0.2, prior_share=0.02)


def test_reports_show_themselves_as_markdown():
    report = spa.CollapseReport(
        *(["a", "b"], [90, 10], [5, 5], 8, 0.8, [1.0, 0.6], [0.9, 0.4], [1.2, 0.3]),
        metrics={"nc3_cosine": 0.65, "exponent_efficiency": 0.3},
        notes=[],
    )
    assert report._repr_markdown_() == report.to_markdown()
    shown = CHOICE._repr_markdown_()
    assert shown.startswith(CHOICE.verdict)
    assert "| β             | 0.2  |" in shown
    assert spa.ModelCard(["a", "b"])._repr_markdown_().startswith("# Model card")


def test_a_description_stays_in_its_columns():
    labels = np.repeat([0, 1], [9, 3])
    said = spa.data.describe(labels, class_names=["a<b", "c"])
    assert isinstance(said, str)
    assert said.splitlines()[0] == "data: 12 training images of 2 classes"
    assert said._repr_html_().startswith("<pre>data: 12 training")
    assert "a&lt;b" in said._repr_html_()


def test_completion_offers_public_names_alone():
    offered = {name for name in dir(spa) if not name.startswith("__")}
    assert offered == set(spa.__all__)
    assert all(hasattr(spa, name) for name in dir(spa))
