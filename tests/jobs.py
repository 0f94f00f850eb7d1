"""Jobs of the recipes, in this process."""

from engine import command_line, job
from engine.registry import RECIPES

ONE = ["--smoke", "--method=ce", "--alignment=none"]


def run(recipe, *arguments, callbacks=()):
    task = RECIPES[recipe]
    job.run_job(command_line.parse(arguments, task), task, callbacks)
