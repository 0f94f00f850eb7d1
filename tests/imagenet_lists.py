"""Lists of images as those of ImageNet-LT."""


def write_lists(folder, **lists):
    for name, lines in lists.items():
        (folder / f"ImageNet_LT_{name}.txt").write_text("\n".join(lines) + "\n")
