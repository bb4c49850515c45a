"""Which folders are packages: those of jaxgen/, and experiments/ as jaxgen.experiments."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["jaxgen*"]), "jaxgen.experiments"],
    package_dir={"jaxgen.experiments": "experiments"},
)
