"""`python -m assesskit.cli` is `assesskit`."""

from assesskit.cli import main

main()
