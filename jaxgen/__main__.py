"""`python -m jaxgen`: the jaxgen command."""

from jaxgen.commands.main import main

main()
