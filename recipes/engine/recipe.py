"""From the command line of a recipe to its job."""

from engine import command_line
from engine.command_line import refuse
from engine.flag_help import arguments_or_help
from engine.task import Task
from keras_spa_cli.screen import quiet


def main(task: Task, doc: str | None = None) -> None:
    """Runs the job that the command line describes.

    --help and a mistyped flag end it before Keras is imported, which takes seconds.
    """
    arguments = arguments_or_help(doc, command_line.job_flags(task), task.config)
    try:
        config = command_line.parse(arguments, task)
        with quiet() as said:
            from engine import job
    except (ValueError, ImportError) as error:
        refuse(error)
    job.main(config, task, b"".join(said))
