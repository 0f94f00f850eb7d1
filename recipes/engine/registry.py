"""The recipes, by the names of their scripts."""

from engine.task import Task
from engine.tasks.cifar import CIFAR10, CIFAR100
from engine.tasks.digits import DIGITS
from engine.tasks.imagenet import IMAGENET

RECIPES: dict[str, Task] = {
    "digits_lt": DIGITS,
    "cifar10_lt": CIFAR10,
    "cifar100_lt": CIFAR100,
    "imagenet_lt": IMAGENET,
}
