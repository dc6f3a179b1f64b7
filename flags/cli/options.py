"""Options that many commands of the flags house share."""

import click

project = click.option("--project", "-p", required=True, help="Key of the project.")
environment = click.option("--environment", "-e", required=True, help="Key of the environment.")
reason = click.option("--reason", default="", help="Why, for the history.")
