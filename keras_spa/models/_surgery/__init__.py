"""Taking models apart, without copying anything but in `copy`.

- `split`: a model into backbone and head;
- `up_to_head`: the backbone of a subclassed model, a layer that runs it to its head;
- `logits`: a head that ends in a softmax, or another dtype, as one that gives logits;
- `copy`: a model of its own, with the same weights, and a check that it is one.
"""
