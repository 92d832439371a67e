"""The library grader tests are written with, and the program that runs them inside a pod's grader service.

Light on purpose: nothing here imports pydantic, docker, typer or jinja2 (linted, and tested in a subprocess).
"""
