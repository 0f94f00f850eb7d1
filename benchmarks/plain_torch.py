"""A training loop in PyTorch alone, as scripts of long-tailed learning have it."""

import torch
from torch import nn
from torch.nn import functional

WIDTH = 16


class Block(nn.Module):
    """Two convolutions, and a shortcut that pads channels where their number grows."""

    def __init__(self, before, channels):
        super().__init__()
        self.stride = 1 if before == channels else 2
        self.padding = (channels - before) // 2
        self.conv1 = nn.Conv2d(before, channels, 3, self.stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.stride > 1:
            padding = (0, 0, 0, 0, self.padding, self.padding)
            x = functional.pad(x[:, :, ::2, ::2], padding)
        return functional.relu(x + y)


class ResNet(nn.Module):
    """The network of `keras_spa.models.resnet_cifar`, and its classifier."""

    def __init__(self, depth, classes):
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)
        blocks, before = [], WIDTH
        for stage in range(3):
            for _ in range((depth - 2) // 6):
                blocks.append(Block(before, WIDTH * 2**stage))
                before = WIDTH * 2**stage
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, classes)

    def forward(self, x):
        x = self.blocks(functional.relu(self.norm(self.conv(x))))
        return self.head(x.mean((2, 3)))


class Images(torch.utils.data.Dataset):
    """Images with a random crop of 4 pixels' padding and a random flip, one by one."""

    def __init__(self, images, labels):
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        height, width = image.shape[1:]
        top, left = torch.randint(9, (2,)).tolist()
        image = functional.pad(image, (4, 4, 4, 4))
        image = image[:, top : top + height, left : left + width]
        if torch.rand(()) < 0.5:
            image = image.flip(2)
        return image.float() / 64 - 2, self.labels[index]


def training(images, labels, batch, depth, classes, last=False):
    """A function that trains for so many steps; with `last`, on channels-last images.

    Batches come from two worker processes, epoch after epoch; loss and accuracy are
    read at each step.
    """
    form = torch.channels_last if last else torch.contiguous_format
    model = ResNet(depth, classes).to(memory_format=form)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=2e-4)
    loader = torch.utils.data.DataLoader(
        Images(images, labels),
        batch,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
        drop_last=True,
    )

    def endless():
        while True:
            yield from loader

    batches = endless()

    def run(steps):
        losses, right = 0.0, 0
        model.train()
        for _ in range(steps):
            x, y = next(batches)
            logits = model(x.contiguous(memory_format=form))
            loss = functional.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += loss.item()
            right += (logits.argmax(1) == y).sum().item()
        return losses / steps, right / steps / batch

    return run
